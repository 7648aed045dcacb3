"""The saturation cap: from which cap on no larger one is worth its compute, by paired tests.

A larger cap is worth its compute if it gains 1 point per doubling of it, and 1 point where it takes less than twice as
much: a smaller difference in total is nothing to decide by, however steep. Doublings are those of the mean compute.
The table `gains` judges by the same rule (`enough`), so that neither can show what the other shows to be false.

Cap c is shown to be saturated when, for every larger cap, the gain in accuracy over c lies under that with
95 % confidence. Whichever larger cap is truly the best, its gain is among those tested, so that no correction
for their number is needed (intersection-union test; Berger 1982, Technometrics 24, 295). Caps are tested
from the largest down until one fails. Cap c is shown not to be saturated when the gain of some larger cap
exceeds that, at a level divided by the number of larger caps (Bonferroni); tested from the smallest up.
Both sequences keep the chance of any false statement at 5 % (fixed-sequence testing; Westfall & Krishen 2001,
J. Stat. Plan. Inference 99, 25).

Even without any lost problem, n problems leave a loss of up to about 2.71 / n possible: fewer than 268 cannot
show one under 1 point, as it has to be for the last caps, which lie less than a doubling apart.
"""

import numpy as np

from frontiers.analysis.cap_curves import Curve
from frontiers.statistics.intervals import mover_reach
from frontiers.statistics.paired import score_limits, student_limits

ALPHA = 0.05
POINT = 0.01
"""A gain of one percentage point per doubling of compute: below it, more reasoning is not called worth its price."""


def enough(doublings: np.ndarray | float) -> np.ndarray:
    """Return the gain in accuracy that so many doublings of compute have to bring: 1 point each, 1 point at least."""
    return POINT * np.maximum(doublings, 1.0)


def gain_limits(
    curve: Curve, start: np.ndarray, to: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return one-sided limits of accuracy at caps `to` less that at caps `start`, each at confidence 1 - alpha.

    Per benchmark those of `paired`; over benchmarks they are combined by variance recovery (MOVER).
    """
    found = []
    for right, samples in zip(curve.right, curve.samples, strict=True):
        gains = right[:, to] - right[:, start]
        if samples == 1:
            better, worse = (gains > 0).sum(axis=0), (gains < 0).sum(axis=0)
            limits = score_limits(better, worse, len(right), 1 - 2 * alpha)
        else:
            limits = student_limits(gains, samples, 1 - 2 * alpha)
        found.append((gains.mean(axis=0), *limits))
    means, low, high = np.array(found).swapaxes(0, 1)
    (below, above), total, number = mover_reach(means, low, high), means.sum(axis=0), len(means)
    return (total - below) / number, (total + above) / number


def saturation_caps(curve: Curve) -> dict[str, float | str | None]:
    """Return the saturation cap, its lower bound, the one observed, and why the first is missing.

    `saturation_cap`: shown with 95 % confidence; NaN where none below the largest is. `saturation_above`: the
    largest cap shown not to be saturated, NaN where none is. `saturation_cap_observed`: the smallest cap at
    which no larger one was worth its compute among these problems.
    """
    last = len(curve.caps) - 1
    start, to = np.triu_indices(last + 1, 1)
    needed = enough(np.log2(curve.flops[to] / curve.flops[start]))
    high = gain_limits(curve, start, to, ALPHA)[1]
    fails = np.unique(start[high >= needed])
    shown = fails[-1] + 1 if len(fails) else 0
    worth = np.unique(start[curve.accuracy[to] - curve.accuracy[start] >= needed])
    observed = np.setdiff1d(np.arange(last), worth)
    above = 0
    while above < last:
        larger = np.arange(above + 1, last + 1)
        low = gain_limits(curve, np.full(len(larger), above), larger, ALPHA / len(larger))[0]
        if not (low > needed[start == above]).any():
            break
        above += 1
    found = {
        "saturation_cap": curve.caps[shown] if shown < last else np.nan,
        "saturation_above": curve.caps[above - 1] if above else np.nan,
        "saturation_cap_observed": curve.caps[observed[0]] if len(observed) else np.nan,
    }
    if shown < last:
        reason = None
    elif not last:
        reason = "only one cap: there is no larger one to compare with"
    elif not len(observed):
        reason = "at every cap below the largest, a larger one gains 1 point or more per doubling of compute"
    else:
        reason = (
            f"not shown with {curve.problems} problems: at the cap before the largest a loss of up to "
            f"{100 * high[-1]:.2g} points is possible"
        )
    return found | {"cap_reason": reason}


def falls(curve: Curve) -> bool:
    """Return whether some smaller cap is better than the largest, with 95 % confidence in all (Bonferroni)."""
    last = len(curve.caps) - 1
    if last < 1:
        return False
    return bool((gain_limits(curve, np.full(last, last), np.arange(last), ALPHA / last)[0] > 0).any())
