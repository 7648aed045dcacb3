"""The saturation cap: from which cap on no larger one is better by 1 point, by paired tests.

Cap c is shown to be saturated when, for every larger cap, the gain in accuracy over c lies under 1 point with
95 % confidence. Whichever larger cap is truly the best, its gain is among those tested, so that no correction
for their number is needed (intersection-union test; Berger 1982, Technometrics 24, 295). Caps are tested
from the largest down until one fails. Cap c is shown not to be saturated when the gain of some larger cap
exceeds 1 point, at a level divided by the number of larger caps (Bonferroni); tested from the smallest up.
Both sequences keep the chance of any false statement at 5 % (fixed-sequence testing; Westfall & Krishen 2001,
J. Stat. Plan. Inference 99, 25).

Even without any lost problem, n problems leave a loss of up to about 2.71 / n possible: fewer than 268 cannot
show one under 1 point.
"""

import numpy as np

from frontiers.analysis.cap_curves import Curve
from frontiers.statistics.intervals import mover_reach
from frontiers.statistics.paired import score_limits, student_limits

ALPHA = 0.05
TOLERANCE = 0.01


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
    which no larger one was better by 1 point among these problems.
    """
    last = len(curve.caps) - 1
    start, to = np.triu_indices(last + 1, 1)
    high = gain_limits(curve, start, to, ALPHA)[1]
    reach = np.array([high[start == i].max() for i in range(last)])
    fails = np.flatnonzero(reach >= TOLERANCE)
    shown = fails[-1] + 1 if len(fails) else 0
    best = np.array([curve.accuracy[i + 1 :].max() for i in range(last)])
    observed = np.flatnonzero(best - curve.accuracy[:last] < TOLERANCE)
    above = 0
    while above < last:
        larger = np.arange(above + 1, last + 1)
        low = gain_limits(curve, np.full(len(larger), above), larger, ALPHA / len(larger))[0]
        if not (low > TOLERANCE).any():
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
        reason = "a larger cap is better by 1 point or more at every cap below the largest"
    else:
        reason = (
            f"not shown with {curve.problems} problems: at the cap before the largest a loss of up to "
            f"{100 * reach[-1]:.2g} points is possible"
        )
    return found | {"cap_reason": reason}


def falls(curve: Curve) -> bool:
    """Return whether some smaller cap is better than the largest, with 95 % confidence in all (Bonferroni)."""
    last = len(curve.caps) - 1
    if last < 1:
        return False
    return bool((gain_limits(curve, np.full(last, last), np.arange(last), ALPHA / last)[0] > 0).any())
