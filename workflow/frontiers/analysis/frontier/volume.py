"""The hypervolume of a frontier in decades of cost, with limits that know of the gain of choosing.

A maximum over noisy points lies too high, and in the draws twice so: their mean exceeds the estimate by the
bias. Estimate and percentiles are lowered by it once and twice (Efron & Tibshirani 1993, An Introduction to
the Bootstrap, sections 10.6 and 14.3). Among equally good points that is not enough; what the halves of the
problems choose for each other lies too low instead, and gives the lower limit where it is the lower one.
"""

import numpy as np
from scipy import stats

from frontiers.analysis.frontier import pareto
from frontiers.analysis.frontier.budget_choice import Halved
from frontiers.analysis.frontier.cloud import Cloud
from frontiers.statistics import intervals
from frontiers.statistics.halving import judged

SHIFTED = "joint bootstrap, percentiles shifted by twice the bias"
BRACKETED = "from below held-out halves, from above joint bootstrap shifted by twice the bias"


def hypervolume(cloud: Cloud) -> dict | None:
    """Return the hypervolume in decades of cost, its interval and its reference (see the module).

    `share` is per decade: the mean over budgets of the best accuracy. None when no cost is positive.
    """
    if not (cloud.value > 0).any():
        return None
    box = pareto.reference_box(cloud.value)
    width = np.log10(box.ceiling / box.floor)
    value = float(pareto.hypervolume(cloud.value, cloud.accuracy, box))
    drawn = pareto.hypervolume(*cloud.draws, box)
    bias = float(drawn.mean()) - value
    low, high = (float(v) for v in intervals.percentile_limits(drawn, cloud.problems) - np.array(2 * bias))
    if cloud.halved is not None:
        mean, error = held_out_volume(cloud.halved, cloud.value, box)
        reach = error * stats.t.ppf((1 + intervals.LEVEL) / 2, max(cloud.problems - 1, 1))
        low, high = min(low, mean - reach), max(high, mean + reach)
    limits = [float(np.clip(v, 0.0, width)) if np.isfinite(v) else None for v in (low, high)]
    return {
        "value": value,
        "corrected": float(np.clip(value - bias, 0.0, width)),
        "low": limits[0],
        "high": limits[1],
        "interval": SHIFTED if cloud.halved is None else BRACKETED,
        "share": value / width,
        "reference": {"cost_floor": box.floor, "cost_ceiling": box.ceiling, "accuracy": 0.0},
    }


def held_out_volume(halved: Halved, cost: np.ndarray, box: pareto.Reference) -> tuple[float, float]:
    """Return the hypervolume of frontiers chosen on one half and judged on the other, and its standard error.

    Each problem has the integral, over log10 of the budget, of its answers at the points that the other
    problems choose. `cost` (points,) is taken as known. NaN with one problem.
    """
    if not len(halved.learnt):
        return np.nan, np.nan
    known = np.flatnonzero(~np.isnan(cost))
    order = known[np.argsort(cost[known], kind="stable")]
    logs = np.log10(np.clip(cost[order], box.floor, box.ceiling))
    width = np.diff(logs, append=np.log10(box.ceiling))
    best = np.maximum.accumulate(halved.learnt[:, order], axis=1)
    rises = np.ones(best.shape, bool)
    rises[:, 1:] = best[:, 1:] > best[:, :-1]
    picks = order[np.maximum.accumulate(np.where(rises, np.arange(len(order)), 0), axis=1)]
    weights = np.zeros(halved.learnt.shape)
    np.add.at(weights, (np.arange(len(picks))[:, None], picks), width)
    parts = []
    for choosing, part in zip(halved.choosing, halved.accuracy, strict=True):
        areas = judged(choosing, weights @ part.T)
        parts.append((areas.mean(), areas.var(ddof=1) / len(areas)))
    mean, variance = np.mean(parts, axis=0)
    return float(mean), float(np.sqrt(variance / len(parts)))
