"""The frontier of accuracy against cost: which points are on it, how certainly, and what it offers at each budget.

A point dominates another when it costs no more and is no less accurate, and one of the two is strict. The
frontier holds the points that nothing dominates; points equal in both are on it together. Functions work on
the last axis, so that (draws, points) arrays of a bootstrap give one frontier per draw.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Reference(NamedTuple):
    """Box of a hypervolume: budgets from `floor` to `ceiling` (units of the cost), accuracy from 0."""

    floor: float
    ceiling: float


def _pair(cost: ArrayLike, accuracy: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return costs and accuracies as floats and which points have both; one without is put out of reach."""
    cost, accuracy = np.broadcast_arrays(np.asarray(cost, float), np.asarray(accuracy, float))
    known = ~(np.isnan(cost) | np.isnan(accuracy))
    return np.where(known, cost, np.inf), np.where(known, accuracy, -np.inf), known


def frontier(cost: ArrayLike, accuracy: ArrayLike) -> np.ndarray:
    """Return which points are not dominated, a boolean array of the broadcast shape of the inputs.

    Sorted along the last axis: O(n log n). NaN in either is never on the frontier.
    """
    cost, accuracy, known = _pair(cost, accuracy)
    if cost.shape[-1] == 0:
        return known
    order = np.lexsort((-accuracy, cost), axis=-1)
    cost, accuracy = np.take_along_axis(cost, order, -1), np.take_along_axis(accuracy, order, -1)
    best = np.maximum.accumulate(accuracy, axis=-1)
    first = np.ones_like(known)
    first[..., 1:] = cost[..., 1:] != cost[..., :-1]
    rises = np.ones_like(known)
    rises[..., 1:] = accuracy[..., 1:] > best[..., :-1]
    # The most accurate of equally cheap points comes first; its equals follow it directly.
    leader = np.maximum.accumulate(np.where(first, np.arange(cost.shape[-1]), 0), axis=-1)
    on = np.take_along_axis(first & rises, leader, -1) & (
        accuracy == np.take_along_axis(accuracy, leader, -1)
    )
    mask = np.empty_like(known)
    np.put_along_axis(mask, order, on, -1)
    return mask & known


def membership(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Return the share of draws in which each point is on the frontier; (draws, points) -> (points,)."""
    return frontier(cost, accuracy).mean(axis=0)


def domination(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Return P(a dominates b) over draws, (draws, points) -> (points a, points b). NaN dominates nothing."""
    points = cost.shape[1]
    share = np.empty((points, points))
    for a in range(points):
        weak = (cost[:, [a]] <= cost) & (accuracy[:, [a]] >= accuracy)
        strict = (cost[:, [a]] < cost) | (accuracy[:, [a]] > accuracy)
        share[a] = (weak & strict).mean(axis=0)
    return share


def shortfall(cost: ArrayLike, accuracy: ArrayLike) -> np.ndarray:
    """Return how much less accurate each point is than the best that costs no more, along the last axis.

    0 on the frontier and for points that only tie with it at a higher cost; NaN for a point without cost
    or accuracy. The additive epsilon with which the point would be on an epsilon-frontier (Laumanns et al.
    2002, Evol. Comput. 10, 263).
    """
    cost, accuracy, known = _pair(cost, accuracy)
    if cost.shape[-1] == 0:
        return np.zeros(cost.shape)
    order = np.lexsort((-accuracy, cost), axis=-1)
    sorted_accuracy = np.take_along_axis(accuracy, order, -1)
    best = np.empty_like(accuracy)
    np.put_along_axis(best, order, np.maximum.accumulate(sorted_accuracy, axis=-1), -1)
    with np.errstate(invalid="ignore"):
        return np.where(known, best - accuracy, np.nan)


def shortfall_limits(
    cost: np.ndarray,
    accuracy: np.ndarray,
    draws: tuple[np.ndarray, np.ndarray],
    below: float,
    above: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return limits of each point's shortfall from joint draws, (points,), (points,), 2 x (draws, points).

    `draws`: costs and accuracies. A point falls short by the largest of its differences to the points that cost no
    more. Which these are is in doubt where draws reverse the order of two costs. Below: the largest of the
    differences less k standard errors, to points that are cheaper in every draw or by k standard errors, with k the
    1 - `below` quantile of the largest standardised error of a difference in accuracy, or in a cost in doubt
    (the bound of an intersection: Chernozhukov, Lee & Rosen 2013, Econometrica 81, 667; a point beats another only
    if it is both cheaper and better, as in the test of Berger 1982, Technometrics 24, 295). Above: the largest of the
    single upper limits, with `above` left beyond each, over the points that are not dearer by k standard errors. A
    lower limit of 0 says that the point may be on the frontier. NaN for a point without cost or accuracy.
    """
    low, high = np.full(len(cost), np.nan), np.full(len(cost), np.nan)
    known = np.flatnonzero(~(np.isnan(cost) | np.isnan(accuracy)))
    cost, accuracy = cost[known], accuracy[known]
    costs, accuracies = (part[:, known] for part in draws)
    for i, point in enumerate(known):
        dearer = cost[i] - cost
        apart = costs[:, [i]] - costs
        doubt = (apart * np.where(dearer < 0, -1, 1) < 0).any(axis=0)
        others = np.flatnonzero(doubt | (dearer >= 0))
        doubt, dearer, gap = doubt[others], dearer[others], accuracy[others] - accuracy[i]
        errors = accuracies[:, others] - accuracies[:, [i]] - gap
        doubts = apart[:, others[doubt]] - dearer[doubt]
        spread, unsure = errors.std(axis=0), np.zeros(len(others))
        unsure[doubt] = doubts.std(axis=0)
        varies = spread > 0
        parts = np.hstack([errors[:, varies] / spread[varies], doubts / unsure[doubt]])
        reach = max(np.quantile(parts.max(axis=1), 1 - below), 0.0) if parts.shape[1] else 0.0
        cheaper, may_be = dearer >= reach * unsure, dearer >= -reach * unsure
        low[point] = (gap - reach * spread)[cheaper].max(initial=0.0)
        single = gap - np.quantile(errors, above, axis=0)
        high[point] = single[may_be].max(initial=0.0)
    return low, high


def best_under(cost: ArrayLike, accuracy: ArrayLike, budget: float) -> np.ndarray:
    """Return the index of the most accurate point with cost <= budget, along the last axis; -1 if none.

    Among equally accurate points the cheapest, then the first.
    """
    cost, accuracy, known = _pair(cost, accuracy)
    if cost.shape[-1] == 0:
        return np.full(cost.shape[:-1], -1)
    within = known & (cost <= budget)
    accuracy = np.where(within, accuracy, -np.inf)
    best = within & (accuracy == accuracy.max(axis=-1, keepdims=True))
    chosen = np.where(best, cost, np.inf)
    chosen = best & (chosen == chosen.min(axis=-1, keepdims=True))
    return np.where(chosen.any(axis=-1), chosen.argmax(axis=-1), -1)


def reference_box(cost: ArrayLike) -> Reference:
    """Return the whole decades that hold all positive costs: a reference that is easy to state and to keep.

    Raises ValueError when no cost is positive: a logarithmic axis has no place for them.
    """
    cost = np.asarray(cost, float)
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if not len(positive):
        raise ValueError("no positive cost: a hypervolume in log10 cost has no reference")
    low, high = np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max()))
    return Reference(float(10.0**low), float(10.0 ** max(high, low + 1)))


def hypervolume(cost: ArrayLike, accuracy: ArrayLike, reference: Reference) -> np.ndarray:
    """Return the area between accuracy 0 and the frontier over log10 cost, within the reference box.

    Equal to the integral of the best accuracy over log10 of the budget from floor to ceiling, in decades
    (Zitzler & Thiele 1999, IEEE Trans. Evol. Comput. 3, 257, in two dimensions). A cost below the floor,
    zero included, counts as the floor; a point above the ceiling adds nothing. Works on the last axis.
    """
    cost, accuracy, known = _pair(cost, accuracy)
    logs = np.log10(np.clip(cost, reference.floor, reference.ceiling))
    accuracy = np.where(known, accuracy, 0.0)
    order = np.argsort(logs, axis=-1, kind="stable")
    logs = np.take_along_axis(logs, order, -1)
    best = np.maximum.accumulate(np.take_along_axis(accuracy, order, -1), axis=-1)
    ceiling = np.full((*logs.shape[:-1], 1), np.log10(reference.ceiling))
    return (np.diff(logs, axis=-1, append=ceiling) * best).sum(axis=-1)
