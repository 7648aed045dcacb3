"""Accuracy over caps by how hard the problems are, and whether more reasoning gains less on the hard ones.

How hard a problem is for a model is told by the other models: the share of their answers at their largest caps that are
right. The model's own answers do not enter, so no problem is called hard because this model was unlucky on it. Hard
problems are those of which the others solve less than a third, easy ones more than two thirds.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.core.keys import benchmarks_of, cap_order
from frontiers.core.tables import frame_of
from frontiers.statistics import paired
from frontiers.statistics.bootstrap import arrange
from frontiers.statistics.intervals import LEVEL, accuracy_interval

THIRDS, SLACK = (1 / 3, 2 / 3), 1e-9
"""Solve rates at which a stratum ends, and what sums of floats are allowed."""
FEWEST_OTHERS = 2
"""Fewest other models that tell how hard a problem is."""
FEWEST = 10
"""Fewest problems of a stratum that is compared."""
WELCH = "welch's t over problems, two added to each stratum"
ALL, LAST = "from the smallest cap", "from at most half the compute"
"""Where the steps to the largest cap start."""


class Solver(NamedTuple):
    """One model and strategy on one benchmark over K caps, ascending.

    caps: tokens, infinity for uncapped (K,). answers: 1 for a right one, else 0 (problems, samples, K). flops, tokens:
    means over the samples of a problem (problems, K). rate: share of the other models' answers that are right
    (problems,), None where there are too few models.
    """

    model: str
    strategy: str
    benchmark: str
    caps: np.ndarray
    answers: np.ndarray
    flops: np.ndarray
    tokens: np.ndarray
    rate: np.ndarray | None


def fit(answers: pd.DataFrame, points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `difficulty` and `difficulty_gains` of all models and benchmarks, each benchmark on its own."""
    found = [solver for name in benchmarks_of(points) for solver in solvers(answers, name)]
    rows = [row for solver in found for row in accuracies(solver)]
    table = frame_of([row for solver in found for row in gains(solver)], "difficulty_gains")
    for _, part in table[table["estimable"]].groupby(["benchmark", "strategy", "step"]):
        table.loc[part.index, "p_holm"] = paired.holm(part["p_value"])
    return frame_of(rows, "difficulty"), table


def solvers(answers: pd.DataFrame, benchmark: str) -> list[Solver]:
    """Return every model and strategy with its answers to a benchmark, and how hard its problems are for it."""
    cells = arrange(answers, benchmark, ["correct", "flops", "reasoning_tokens"])
    keys = cells.keys.assign(order=cap_order(cells.keys["cap"]))
    groups = list(keys.groupby(["model", "strategy"], sort=False))
    last = {
        key: block[:, :, -1, 0].mean(axis=1) for (key, _), block in zip(groups, cells.values, strict=True)
    }
    made = []
    for ((model, strategy), part), block in zip(groups, cells.values, strict=True):
        others = [right for (m, s), right in last.items() if m != model and s == strategy]
        rate = np.mean(others, axis=0) if len(others) >= FEWEST_OTHERS else None
        flops, tokens = (block[..., i].mean(axis=1) for i in (1, 2))
        made.append(
            Solver(model, strategy, benchmark, part["order"].to_numpy(), block[..., 0], flops, tokens, rate)
        )
    return made


def strata(rate: np.ndarray) -> dict[str, np.ndarray]:
    """Return which problems (as booleans) are easy, of middling difficulty and hard, by their solve rates."""
    hard, easy = rate < THIRDS[0] - SLACK, rate > THIRDS[1] + SLACK
    return {"easy": easy, "middle": ~(easy | hard), "hard": hard}


def accuracies(solver: Solver) -> Iterator[dict]:
    """Yield the rows of `difficulty`: accuracy and costs of each stratum at each cap."""
    if solver.rate is None:
        return
    for stratum, chosen in strata(solver.rate).items():
        if not chosen.any():
            continue
        right, samples = solver.answers[chosen].mean(axis=1), solver.answers.shape[1]
        (low, high), interval = accuracy_interval(right, samples)
        columns = {
            "cap": [_whole(cap) for cap in solver.caps],
            "accuracy": right.mean(axis=0).clip(0, 1),
            "accuracy_low": low,
            "accuracy_high": high,
            "interval": interval,
            "flops": solver.flops[chosen].mean(axis=0),
            "reasoning_tokens": solver.tokens[chosen].mean(axis=0),
        }
        for cells in zip(*columns.values(), strict=True):
            row = dict(zip(columns, cells, strict=True))
            yield _key(solver) | row | {"stratum": stratum, "problems": int(chosen.sum())}


def gains(solver: Solver) -> Iterator[dict]:
    """Yield the rows of `difficulty_gains`: what more reasoning gains on hard problems, and less than on easy ones.

    Both up to the largest cap: from the smallest, and from the last that spends at most half its mean compute. The
    difference of gains is an interaction of cap and difficulty in accuracy: its t-test takes both strata as drawn (Welch
    1947, Biometrika 34, 28), each with two made-up problems of opposite sign as in `paired.student_limits`.
    """
    for step, start in _steps(solver).items():
        row = _key(solver) | {
            "step": step,
            "from_cap": _whole(solver.caps[start]),
            "to_cap": _whole(solver.caps[-1]),
        }
        chosen = {} if solver.rate is None else strata(solver.rate)
        counts = {name: int(chosen[name].sum()) if chosen else 0 for name in ("easy", "hard")}
        row |= {f"problems_{name}": number for name, number in counts.items()}
        if solver.rate is None:
            yield row | {
                "estimable": False,
                "reason": f"fewer than {FEWEST_OTHERS} other models tell how hard a problem is",
            }
            continue
        if min(counts.values()) < FEWEST:
            few = ", ".join(f"{number} {name}" for name, number in counts.items())
            yield row | {
                "estimable": False,
                "reason": f"too few problems ({few}; at least {FEWEST} of each are needed)",
            }
            continue
        sides = []
        for name in counts:
            one, two = (solver.answers[chosen[name]][:, :, i] for i in (start, -1))
            found = paired.compare(two, one)
            row |= {
                f"gain_{name}": found.estimate,
                f"gain_{name}_low": found.low,
                f"gain_{name}_high": found.high,
            }
            sides.append(paired.with_two_added(two.mean(axis=1) - one.mean(axis=1), one.shape[1]))
        test = stats.ttest_ind(sides[1], sides[0], equal_var=False)
        limits, difference = test.confidence_interval(LEVEL), row["gain_hard"] - row["gain_easy"]
        yield row | {
            "estimable": True,
            "difference": difference,
            "low": min(limits.low, difference),
            "high": max(limits.high, difference),
            "interval": WELCH,
            "p_value": float(test.pvalue),
        }


def _steps(solver: Solver) -> dict[str, int]:
    """Return the cap from which each step goes to the largest: the smallest, and the last of at most half its compute."""
    flops = solver.flops.mean(axis=0)
    half = np.flatnonzero(flops <= flops[-1] / 2)
    steps = {ALL: 0} if len(solver.caps) > 1 else {}
    return steps | ({LAST: int(half[-1])} if len(half) else {})


def _key(solver: Solver) -> dict:
    return {"model": solver.model, "strategy": solver.strategy, "benchmark": solver.benchmark}


def _whole(cap: float) -> int | None:
    return None if np.isinf(cap) else int(cap)
