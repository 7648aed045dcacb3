"""What to take at a budget: the best point, how certain that is, and its accuracy without the gain of choosing.

The most accurate of many points was also lucky. Two estimates correct the plain one for that:

- held-out: the problems are halved at random, the point is chosen on one half and its accuracy is taken from
  the other, both ways and over many halvings. This is what a choice made on half of the problems is worth.
- the band, for the best accuracy within the budget: the plain interval of the chosen point, its lower limit
  and the estimate lowered by the gain of choosing, which is how much the best of a bootstrap draw exceeds
  the estimate on average (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 10.6).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.analysis.frontier import pareto
from frontiers.statistics import intervals
from frontiers.statistics.bootstrap import generator
from frontiers.statistics.halving import halvings, judged

BAND = "interval of the chosen point, lowered by the gain of choosing"
HELD_OUT = "held-out half, jeffreys clustered by problem"


class Halved(NamedTuple):
    """The points of one benchmark, or of the mean over several, on random halves of the problems.

    accuracy: by problem, (problems, points) per benchmark averaged. samples: the fewest answers to a problem.
    choosing: which problems choose, (rows, problems) per benchmark, and learnt: the accuracies on them, (rows,
    points); both without rows where a benchmark has one problem.
    """

    accuracy: list[np.ndarray]
    samples: int
    choosing: list[np.ndarray]
    learnt: np.ndarray


def halve(accuracy: Sequence[np.ndarray], samples: int, seed: int) -> Halved:
    """Halve the problems of every benchmark at random; arguments as in `Halved`."""
    if min(len(part) for part in accuracy) < 2:
        choosing = [np.empty((0, len(part)), bool) for part in accuracy]
        return Halved(list(accuracy), samples, choosing, np.empty((0, accuracy[0].shape[1])))
    rng = generator(seed, "held-out")
    choosing = [halvings(len(part), rng) for part in accuracy]
    means = [
        half @ part / half.sum(axis=1, keepdims=True) for half, part in zip(choosing, accuracy, strict=True)
    ]
    return Halved(list(accuracy), samples, choosing, np.mean(means, axis=0))


def budgets(cost: np.ndarray) -> np.ndarray:
    """Return budgets 1, 2, 5, 10, ... from below the cheapest positive cost to above the dearest."""
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if not len(positive):
        return np.zeros(1)
    decades = np.arange(np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max())) + 1)
    steps = (10.0 ** decades[:, None] * np.array([1, 2, 5])).ravel()
    first = np.searchsorted(steps, positive.min(), side="right") - 1
    return steps[max(first, 0) : np.searchsorted(steps, positive.max()) + 1]


def held_out(
    halved: Halved, cost: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy and limits of what is chosen on one half and judged on the other, each (budgets,).

    `cost` (points,): mean costs; `limits`: the budgets. Limits are those of accuracies clustered by
    problem; over several benchmarks they are combined. NaN where nothing is affordable or a benchmark has
    one problem.
    """
    accuracy, low, high = (np.full(len(limits), np.nan) for _ in range(3))
    if not len(halved.learnt):
        return accuracy, low, high
    for i, budget in enumerate(limits):
        picks = pareto.best_under(cost, halved.learnt, budget)
        if (picks < 0).any():
            continue
        parts = []
        for choosing, part in zip(halved.choosing, halved.accuracy, strict=True):
            right = judged(choosing, part[:, picks].T)
            parts.append((right.mean(), *intervals.clustered(right, halved.samples)))
        ends = np.array(parts)
        accuracy[i] = ends[:, 0].mean()
        low[i], high[i] = intervals.mean_interval(*ends.T)
    return accuracy, low, high


def band(
    rows: pd.DataFrame, cost: np.ndarray, draws: tuple[np.ndarray, np.ndarray], limits: np.ndarray
) -> pd.DataFrame:
    """Return at each budget the best point and the band of the best accuracy; one row per affordable budget.

    `rows` are points with accuracy and its limits, `cost` their costs, `draws` costs and accuracies in each
    draw. Columns: budget, chosen (row of `rows`), corrected, low, high, p_point (share of draws that choose
    the same point) and p_model (the same model).
    """
    accuracy, models = rows["accuracy"].to_numpy(float), rows["model"].to_numpy(dtype=object)
    found = []
    for budget in limits:
        chosen = int(pareto.best_under(cost, accuracy, budget))
        if chosen < 0:
            continue
        picks = pareto.best_under(*draws, budget)
        affordable = picks >= 0
        top = np.take_along_axis(draws[1], np.maximum(picks, 0)[:, None], 1)[affordable, 0]
        gain = max(float(top.mean()) - accuracy[chosen], 0.0) if len(top) else 0.0
        low, high = (float(rows[c].iloc[chosen]) for c in ("accuracy_low", "accuracy_high"))
        same = (models[picks[affordable]] == models[chosen]).sum()
        found.append(
            {
                "budget": float(budget),
                "chosen": chosen,
                "corrected": max(accuracy[chosen] - gain, 0.0),
                "low": max(low - gain, 0.0),
                "high": high,
                "p_point": float((picks == chosen).mean()),
                "p_model": float(same / len(picks)),
            }
        )
    names = ["budget", "chosen", "corrected", "low", "high", "p_point", "p_model"]
    return pd.DataFrame(found, columns=names)
