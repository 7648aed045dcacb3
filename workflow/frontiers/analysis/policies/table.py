"""The table of policies: accuracy, FLOP, and the difference from the best fixed caps of equal compute."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from frontiers.analysis.policies import rules
from frontiers.analysis.policies.curves import Curve, curves
from frontiers.analysis.policies.judging import Judged, judge
from frontiers.core.tables import frame_of
from frontiers.statistics import paired
from frontiers.statistics.bootstrap import generator, problem_counts
from frontiers.statistics.halving import halvings
from frontiers.statistics.intervals import BOOTSTRAP, percentile_limits


def tabulate(answers: pd.DataFrame, grades: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Return the table `policies` from the tables `answers` and `grades` (see `curves`).

    `p_holm` corrects the p-values of a benchmark for the number of its policies and models. Intervals of accuracy
    and FLOP are percentiles of the study's joint bootstrap over problems.
    """
    rows, known = [], list(curves(answers, grades))
    for benchmark in dict.fromkeys(names["benchmark"] for names, _ in known):
        mine = [(names, curve) for names, curve in known if names["benchmark"] == benchmark]
        problems = len(mine[0][1].right)
        weights = np.concatenate(list(problem_counts(benchmark, problems, draws, seed))) / problems
        rows += [_row(names, found, weights, samples) for names, found, samples in _of_benchmark(mine, seed)]
    table = frame_of(rows, "policies")
    for _, part in table.groupby("benchmark"):
        table.loc[part.index, "p_holm"] = paired.holm(part["p_value"])
    return table


def _of_benchmark(mine: list[tuple[dict, Curve]], seed: int) -> Iterator[tuple[dict, Judged, int]]:
    """Yield names, result and number of samples of every policy on one benchmark, cascades last."""
    benchmark, problems = mine[0][0]["benchmark"], len(mine[0][1].right)
    halves = halvings(problems, generator(seed, "policies", benchmark))
    for names, curve in mine:
        for policy, options in rules.of_one_model(curve):
            yield (
                names | {"policy": policy, "escalates_to": None},
                judge(options, *curve.fixed, halves),
                curve.right.shape[1],
            )
    for one, other in combinations(mine, 2):
        if one[0]["strategy"] == other[0]["strategy"]:
            (small, cheap), (large, dear) = sorted(
                (one, other), key=lambda each: each[1].flops[..., -1].mean()
            )
            fixed = (np.concatenate(pair) for pair in zip(cheap.fixed, dear.fixed, strict=True))
            names = small | {"policy": "cascade", "escalates_to": large["model"]}
            samples = min(cheap.right.shape[1], dear.right.shape[1])
            yield names, judge(rules.cascade(cheap, dear), *fixed, halves), samples


def _row(names: Mapping, found: Judged, weights: np.ndarray, samples: int) -> dict:
    problems = len(found.right)
    accuracy, flops = found.right.mean(), found.flops.mean()
    accuracy_limits, flops_limits = (
        percentile_limits(weights @ values, problems, estimate=values.mean())
        for values in (found.right, found.flops)
    )
    low, high = found.limits(samples)
    return {
        **names,
        "problems": problems,
        "samples": samples,
        "accuracy": accuracy,
        "accuracy_low": np.clip(accuracy_limits[0], 0, 1),
        "accuracy_high": np.clip(accuracy_limits[1], 0, 1),
        "interval": BOOTSTRAP,
        "flops": flops,
        "flops_low": flops_limits[0],
        "flops_high": flops_limits[1],
        "fixed_accuracy": found.fixed.mean(),
        "difference": found.gain,
        "low": low,
        "high": high,
        "difference_interval": paired.PSEUDO,
        "p_value": found.p_value(),
        "settings": "; ".join(f"{name} ({share:.0%})" for name, share in list(found.settings.items())[:3]),
    }
