"""Curves over caps compared at matched compute and at matched accuracy, and shares of the frontier.

Curves are interpolated linearly in log10 FLOPs. Every function carries the estimate and all bootstrap draws
along, the estimate in row 0.
"""

import numpy as np

from frontiers.analysis.cap_curves import Curve

GRID = 33


def interpolate(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate linearly, row by row: `at` (..., G), ascending `x` (..., K) and `y` (..., K) -> (..., G).

    NaN outside the range of `x`. Of equal neighbours in `x` the first counts.
    """
    upper = np.clip((x[..., None, :] < at[..., :, None]).sum(axis=-1), 1, x.shape[-1] - 1)
    x0, x1, y0, y1 = (np.take_along_axis(v, upper + d, axis=-1) for v in (x, y) for d in (-1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(x1 > x0, (at - x0) / (x1 - x0), 0.0)
    inside = (at >= x[..., :1]) & (at <= x[..., -1:])
    return np.where(inside, y0 + share * (y1 - y0), np.nan)


def stacked(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Return log10 FLOPs and accuracy, the estimate in row 0 and the draws below, compute ascending."""
    decades = np.log10(np.vstack([curve.flops, curve.flops_draws]))
    accuracy = np.vstack([curve.accuracy, curve.draws])
    order = np.argsort(decades, axis=1, kind="stable")
    return np.take_along_axis(decades, order, axis=1), np.take_along_axis(accuracy, order, axis=1)


def accuracy_difference(a: Curve, b: Curve) -> np.ndarray | None:
    """Return accuracy of `a` less that of `b`, averaged over log10 compute where both have points.

    The estimate first, then the draws (1 + D,), each over its own common range; None when the estimates have
    none, NaN for a draw that has none.
    """
    return _mean_difference(stacked(a), stacked(b))


def compute_difference(a: Curve, b: Curve) -> np.ndarray | None:
    """Return log10 of the compute `a` needs less that of `b`, averaged over the accuracies both reach.

    The compute for an accuracy is where the running maximum of the curve first reaches it, interpolated in
    log10 FLOPs; what is reached with the least compute needs no more. Form as in `accuracy_difference`.
    """
    sides = []
    for curve in (a, b):
        decades, accuracy = stacked(curve)
        sides.append((np.maximum.accumulate(accuracy, axis=1), decades))
    return _mean_difference(*sides)


def _mean_difference(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray | None:
    """Return the mean of y of `a` less y of `b` over the common range of x, row by row of (1 + D, K)."""
    low, high = np.maximum(a[0][:, 0], b[0][:, 0]), np.minimum(a[0][:, -1], b[0][:, -1])
    if high[0] <= low[0]:
        return None
    at = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, GRID)
    at[:, -1] = high
    means = (interpolate(at, *a) - interpolate(at, *b)).mean(axis=1)
    return np.where(high > low, means, np.nan)


def shares(decades: np.ndarray, accuracy: np.ndarray, owner: np.ndarray, kinds: int) -> np.ndarray:
    """Return the share of log10 compute over which each kind holds the frontier, (D, kinds).

    `decades` and `accuracy`: (D, P); `owner`: kind of each point, 0 to kinds - 1. The range goes from the
    cheapest to the dearest point; at each compute the frontier is held by the best point that is not dearer
    (of equals the cheaper one). NaN where all points have one compute.
    """
    order = np.lexsort((-accuracy, decades), axis=1)
    x, y = np.take_along_axis(decades, order, axis=1), np.take_along_axis(accuracy, order, axis=1)
    before = np.concatenate([np.full((len(y), 1), -np.inf), np.maximum.accumulate(y, axis=1)[:, :-1]], axis=1)
    holder = np.maximum.accumulate(np.where(y > before, np.arange(y.shape[1]), 0), axis=1)
    kind = np.take_along_axis(owner[order], holder, axis=1)[:, :-1]
    width = np.diff(x, axis=1)
    with np.errstate(invalid="ignore"):
        return np.stack([np.where(kind == k, width, 0).sum(axis=1) for k in range(kinds)], axis=1) / (
            x[:, [-1]] - x[:, [0]]
        )
