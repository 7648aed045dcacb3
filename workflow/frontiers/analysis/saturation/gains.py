"""What another doubling of compute gains at each cap: accuracy per doubling between neighbouring caps, without any form.

Between two caps of one curve, gain = (difference of accuracy) / log2(ratio of mean compute). It is a local slope of the
curve, in accuracy (0 to 1) per doubling, and what a reader decides by: whether the next doubling is worth its price.
Caps less than a doubling apart are passed over, as the gain of a whole one would be extrapolated from less. Where a curve
has none further apart, `pays` asks for the whole point all the same, as the saturation cap does (`cap_tests.enough`).

Intervals are expanded percentiles of the joint bootstrap over problems (see `statistics.intervals`), accuracy and compute
of both caps in the same draw. With few problems that differ between two caps a bootstrap is too sure, so the limits also
hold those of the paired difference of accuracy (`cap_tests.gain_limits`), divided by the doublings at their means.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from frontiers.analysis.cap_curves import Curve, merge_equal_compute
from frontiers.analysis.saturation.cap_tests import enough, gain_limits
from frontiers.statistics.intervals import percentile_limits

ONE_SIDED = 0.025
APART = 1.0
"""Doublings of mean compute that two compared caps are apart, at least; fewer where a curve has no more."""
WIDER = "joint bootstrap over problems and paired difference of accuracy, the wider limit of each"


def gain_rows(curves: Iterable[Curve]) -> list[dict]:
    """Return the rows of the table `gains`: a row per curve and pair of neighbouring caps of different compute."""
    return [row for curve in curves for row in _rows(curve)]


def _rows(curve: Curve) -> list[dict]:
    key = {
        "model": curve.model,
        "strategy": curve.strategy,
        "benchmark": curve.benchmark,
        "problems": curve.problems,
    }
    rows = []
    for one, two in pairwise(_apart(curve)):
        doublings = float(np.log2(curve.flops[two] / curve.flops[one]))
        gain = float(curve.accuracy[two] - curve.accuracy[one]) / doublings
        drawn = (curve.draws[:, two] - curve.draws[:, one]) / np.log2(
            curve.flops_draws[:, two] / curve.flops_draws[:, one]
        )
        low, high = (float(v) for v in percentile_limits(drawn, curve.problems))
        if curve.right:
            below, above = gain_limits(curve, np.array([one]), np.array([two]), ONE_SIDED)
            low, high = min(low, float(below[0]) / doublings), max(high, float(above[0]) / doublings)
        caps = [None if np.isinf(curve.caps[i]) else int(curve.caps[i]) for i in (one, two)]
        rows.append(
            key
            | {"from_cap": caps[0], "to_cap": caps[1]}
            | {
                "from_flops": float(curve.flops[one]),
                "to_flops": float(curve.flops[two]),
                "doublings": doublings,
            }
            | {
                "gain": gain,
                "low": min(low, gain),
                "high": max(high, gain),
                "interval": WIDER,
                "pays": pays(low * doublings, high * doublings, doublings),
            }
        )
    return rows


def _apart(curve: Curve) -> list[int]:
    """Return the places of caps whose mean compute lies at least `APART` doublings apart, ascending.

    The largest cap is always among them, of caps with its compute (within 1 %) the smallest; it takes the place of one
    that is too near to it.
    """
    places = [int(np.flatnonzero(curve.caps == cap)[0]) for cap in merge_equal_compute(curve).caps]
    kept = places[:1]
    for place in places[1:]:
        if np.log2(curve.flops[place] / curve.flops[kept[-1]]) >= APART:
            kept.append(place)
    if kept[-1] != places[-1]:
        kept[-1:] = [places[-1]] if len(kept) > 1 else [kept[-1], places[-1]]
    return kept


def pays(low: float, high: float, doublings: float) -> str:
    """Return whether a gain between these limits is shown to be worth its doublings, not to be, or neither."""
    return "yes" if low >= enough(doublings) else "no" if high < enough(doublings) else "unclear"
