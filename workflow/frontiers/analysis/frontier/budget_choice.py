"""What to take at a budget: the best point, how sure that is, and its accuracy without the gain of choosing.

The most accurate of many points was also lucky. Two answers to that stand beside the plain estimate:

- held-out: the problems are halved at random, the point is chosen on one half and its accuracy is taken from
  the other, both ways and over many halvings. This is what a choice made on half of the problems is worth.
- the band, for the best accuracy within the budget: the plain interval of the chosen point, its lower limit
  and the estimate lowered by the gain of choosing, which is how much the best of a bootstrap draw exceeds
  the estimate on average (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 10.6).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from frontiers.analysis.frontier import pareto
from frontiers.statistics import intervals
from frontiers.statistics.bootstrap import Cells, generator, mean_points

HALVINGS = 20
BAND = "interval of the chosen point, lowered by the gain of choosing"
HELD_OUT = "held-out half, wilson clustered by problem"

Grids = dict[str, list[np.ndarray]]
"""Benchmark -> accuracies by problem, one array (problems, points) per benchmark that it averages."""


def budgets(cost: np.ndarray) -> np.ndarray:
    """Return budgets 1, 2, 5, 10, ... from below the cheapest positive cost to above the dearest."""
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if not len(positive):
        return np.zeros(1)
    decades = np.arange(np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max())) + 1)
    steps = (10.0 ** decades[:, None] * np.array([1, 2, 5])).ravel()
    first = np.searchsorted(steps, positive.min(), side="right") - 1
    return steps[max(first, 0) : np.searchsorted(steps, positive.max()) + 1]


def grids(cells: Sequence[Cells], mean: str) -> tuple[Grids, int]:
    """Return the accuracies by problem of every benchmark and of their mean, and the fewest samples.

    `cells` are those of each benchmark with the accuracy as first measure; points in the order of the draws.
    """
    single = [np.concatenate([block[..., 0].mean(axis=1) for block in cell.values], axis=1) for cell in cells]
    names = [str(cell.keys["benchmark"].iloc[0]) for cell in cells]
    _, rows = mean_points(pd.concat([cell.keys for cell in cells], ignore_index=True), names)
    starts = np.cumsum([0, *(grid.shape[1] for grid in single)])
    found: Grids = {name: [grid] for name, grid in zip(names, single, strict=True)}
    found[mean] = [grid[:, rows[:, i] - starts[i]] for i, grid in enumerate(single)]
    return found, int(min(cell.keys["samples"].min() for cell in cells))


def held_out(
    grid: Sequence[np.ndarray], cost: np.ndarray, limits: np.ndarray, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy and limits of what is chosen on one half and judged on the other, each (budgets,).

    `grid`: accuracies by problem, (problems, points) per benchmark averaged; `cost` (points,) their mean
    costs; `limits` the budgets. Limits are Wilson on the effective number of problems, clustered; over
    several benchmarks they are combined. NaN where nothing is affordable or a benchmark has one problem.
    """
    accuracy, low, high = (np.full(len(limits), np.nan) for _ in range(3))
    if min(len(part) for part in grid) < 2:
        return accuracy, low, high
    halves, learnt = _learn(grid, seed)
    for i, budget in enumerate(limits):
        picks = pareto.best_under(cost, learnt, budget)
        if (picks < 0).any():
            continue
        parts = []
        for half, part in zip(halves, grid, strict=True):
            judged = np.where(half, 0.0, part[:, picks].T).sum(axis=0) / (~half).sum(axis=0)
            parts.append((judged.mean(), *intervals.clustered(judged, samples)))
        ends = np.array(parts)
        accuracy[i] = ends[:, 0].mean()
        low[i], high[i] = intervals.mean_interval(*ends.T)
    return accuracy, low, high


def _learn(grid: Sequence[np.ndarray], seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return which problems choose, (2 * HALVINGS, problems) per benchmark, and the accuracies on them.

    The second half of the rows is the rest of the first; accuracies are (2 * HALVINGS, points).
    """
    rng = generator(seed, "held-out")
    halves = []
    for part in grid:
        first = rng.random((HALVINGS, len(part))).argsort(axis=1) < len(part) // 2
        halves.append(np.concatenate([first, ~first]))
    means = [half @ part / half.sum(axis=1, keepdims=True) for half, part in zip(halves, grid, strict=True)]
    return halves, np.mean(means, axis=0)


def held_out_volume(
    grid: Sequence[np.ndarray], cost: np.ndarray, box: pareto.Reference, seed: int
) -> tuple[float, float]:
    """Return the hypervolume of frontiers chosen on one half and judged on the other, and its standard error.

    Each problem has the integral, over log10 of the budget, of its answers at the points that the other
    problems choose. `grid` as for `held_out`; costs are taken as known. NaN with one problem.
    """
    if min(len(part) for part in grid) < 2:
        return np.nan, np.nan
    halves, learnt = _learn(grid, seed)
    known = np.flatnonzero(~np.isnan(cost))
    order = known[np.argsort(cost[known], kind="stable")]
    logs = np.log10(np.clip(cost[order], box.floor, box.ceiling))
    width = np.diff(logs, append=np.log10(box.ceiling))
    best = np.maximum.accumulate(learnt[:, order], axis=1)
    rises = np.ones(best.shape, bool)
    rises[:, 1:] = best[:, 1:] > best[:, :-1]
    picks = order[np.maximum.accumulate(np.where(rises, np.arange(len(order)), 0), axis=1)]
    weights = np.zeros(learnt.shape)
    np.add.at(weights, (np.arange(len(picks))[:, None], picks), width)
    parts = []
    for half, part in zip(halves, grid, strict=True):
        judged = np.where(half, 0.0, weights @ part.T).sum(axis=0) / (~half).sum(axis=0)
        parts.append((judged.mean(), judged.var(ddof=1) / len(judged)))
    mean, variance = np.mean(parts, axis=0)
    return float(mean), float(np.sqrt(variance / len(parts)))


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
