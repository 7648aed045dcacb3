"""Differences between points of a study, paired by problem, with intervals, exact tests and their correction.

Two families per benchmark: models (and strategies) against each other at their largest caps, and the caps of
one model against its largest. Any other two points are compared by `between`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.core.cli import UserError
from frontiers.core.keys import MEAN, cap_order
from frontiers.core.tables import frame_of
from frontiers.statistics import paired, power
from frontiers.statistics.bootstrap import Cells, arrange, joint_bootstrap
from frontiers.statistics.intervals import BOOTSTRAP, COMBINED, mover_reach, percentile_limits

Point = tuple[str, str, float]
"""Model, strategy and cap (infinity is uncapped)."""


def answered(cells: Cells) -> dict[Point, np.ndarray]:
    """Return the right answers of every point of one benchmark, (problems, samples) of 0 and 1.

    `cells` holds `correct` as its first measure.
    """
    keys = list(zip(cells.keys["model"], cells.keys["strategy"], cap_order(cells.keys["cap"]), strict=True))
    grids = (block[:, :, cap, 0] for block in cells.values for cap in range(block.shape[2]))
    return dict(zip(keys, grids, strict=True))


def families(points: Sequence[Point]) -> Iterator[tuple[str, Point, Point]]:
    """Yield the pairs to compare with the name of their family, the first less the second.

    "models": every two that share the model or the strategy, each at its largest cap. "caps": each cap of
    a model against its largest.
    """
    largest: dict[tuple[str, str], Point] = {}
    for point in points:
        largest[point[:2]] = max(largest.get(point[:2], point), point, key=lambda p: p[2])
    for a, b in combinations(largest.values(), 2):
        if a[0] == b[0] or a[1] == b[1]:
            yield "models", a, b
    for point in points:
        if point != largest[point[:2]]:
            yield "caps", point, largest[point[:2]]


def between(a: np.ndarray, b: np.ndarray) -> dict:
    """Return the fields of one comparison of two arrays (problems, samples) of right answers."""
    found = paired.compare(a, b)
    if found.test == paired.MCNEMAR or not found.better + found.worse:
        detectable = power.by_mcnemar(len(a), found.better + found.worse)
    else:
        detectable = power.by_normal(np.sqrt(((a.mean(axis=1) - b.mean(axis=1)) ** 2).sum()) / len(a))
    return {
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "interval": found.interval,
        "p_value": found.p_value,
        "test": found.test,
        "detectable": detectable,
        "better": found.better,
        "worse": found.worse,
        "problems": len(a),
    }


def of_mean(parts: Sequence[tuple[dict, np.ndarray]]) -> dict:
    """Return the comparison of the mean over benchmarks; `parts`: fields and problem differences of each.

    Limits by variance recovery (MOVER). The p-value takes the weighted sum of the
    problems' differences as normal under flips of their signs.
    """
    number = len(parts)
    rows = [row for row, _ in parts]
    estimate = float(np.mean([row["difference"] for row in rows]))
    below, above = mover_reach(*([row[name] for row in rows] for name in ("difference", "low", "high")))
    spread = np.sqrt(sum((d**2).sum() / len(d) ** 2 for _, d in parts)) / number
    return {
        "difference": estimate,
        "low": max(estimate - float(below) / number, -1.0),
        "high": min(estimate + float(above) / number, 1.0),
        "interval": COMBINED,
        "p_value": float(2 * stats.norm.sf(abs(estimate) / spread)) if spread > 0 else 1.0,
        "test": paired.NORMAL,
        "detectable": power.by_normal(spread),
        **{name: sum(row[name] for row in rows) for name in ("better", "worse", "problems")},
    }


def fit(
    answers: pd.DataFrame,
    benchmarks: Sequence[str],
    draws: int,
    seed: int,
    pairs: Sequence[tuple[Point, Point]] | None = None,
) -> pd.DataFrame:
    """Return the table `differences` from the table `answers`, the mean over benchmarks included.

    `pairs` are the comparisons to make instead of the two families. `p_holm` corrects p-values within a
    benchmark and family. The ratio of mean FLOPs has a bootstrap interval.
    """
    answers = answers.assign(correct=answers["correct"].astype(float))
    grids = {b: answered(arrange(answers, b, ["correct"])) for b in benchmarks}
    costs = _Costs(answers, benchmarks, draws, seed)
    rows = [
        {"benchmark": benchmark, "family": family, **_named(a, "a"), **_named(b, "b"), **row}
        | costs.ratio(benchmark, a, b)
        for benchmark, family, a, b, row in _compared(grids, pairs)
    ]
    table = frame_of(rows, "differences")
    for _, part in table.groupby(["benchmark", "family"]):
        table.loc[part.index, "p_holm"] = paired.holm(part["p_value"])
    return table


def _compared(
    grids: Mapping[str, Mapping[Point, np.ndarray]], pairs: Sequence[tuple[Point, Point]] | None
) -> Iterator[tuple[str, str, Point, Point, dict]]:
    """Yield benchmark, family, both points and the fields of every comparison, the mean's after its parts."""
    found: dict[tuple[str, Point, Point], list] = {}
    for benchmark, grid in grids.items():
        chosen = families(list(grid)) if pairs is None else (("chosen", a, b) for a, b in pairs)
        for family, a, b in chosen:
            if missing := [point for point in (a, b) if point not in grid]:
                raise UserError(f"{benchmark}: no answers of {missing[0]}; points are {sorted(grid)[:5]} ...")
            steps = grid[a].mean(axis=1) - grid[b].mean(axis=1)
            found.setdefault((family, a, b), []).append((benchmark, between(grid[a], grid[b]), steps))
    for (family, a, b), parts in found.items():
        for benchmark, row, _ in parts:
            yield benchmark, family, a, b, row
        if len(parts) == len(grids) > 1:
            yield MEAN, family, a, b, of_mean([part[1:] for part in parts])


class _Costs:
    """The mean FLOPs of every point with their bootstrap draws."""

    def __init__(self, answers: pd.DataFrame, benchmarks: Sequence[str], draws: int, seed: int) -> None:
        self._benchmarks = benchmarks
        self._problems = answers.groupby("benchmark")["problem_id"].nunique().to_dict()
        ordered = answers.assign(order=cap_order(answers["cap"]))
        keys = ["benchmark", "model", "strategy", "order"]
        self._means = ordered.groupby(keys)["flops"].mean().to_dict()
        drawn = joint_bootstrap(answers, benchmarks, ["flops"], draws, seed)
        ordered = drawn.keys.assign(order=cap_order(drawn.keys["cap"]))
        columns = drawn.values["flops"].T
        self._draws = dict(zip(ordered[keys].itertuples(index=False, name=None), columns, strict=True))

    def ratio(self, benchmark: str, a: Point, b: Point) -> dict:
        """Return the ratio of mean FLOPs of a to b with its interval; empty where either is 0."""
        names = self._benchmarks if benchmark == MEAN else [benchmark]
        mean_a, mean_b = (np.mean([self._means[(n, *point)] for n in names]) for point in (a, b))
        if not (mean_a > 0 and mean_b > 0):
            return {"flops_interval": BOOTSTRAP}
        ratio, fewest = mean_a / mean_b, min(self._problems[n] for n in names)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = self._draws[(benchmark, *a)] / self._draws[(benchmark, *b)]
            low, high = percentile_limits(drawn, fewest, estimate=ratio)
        return {"flops_ratio": ratio, "flops_low": low, "flops_high": high, "flops_interval": BOOTSTRAP}


def _named(point: Point, which: str) -> Mapping[str, object]:
    """Return the key columns of one side."""
    model, strategy, cap = point
    return {
        f"model_{which}": model,
        f"strategy_{which}": strategy,
        f"cap_{which}": None if np.isinf(cap) else cap,
    }
