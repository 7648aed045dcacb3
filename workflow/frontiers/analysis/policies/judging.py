"""A policy against the best fixed caps of equal compute, judged on problems that chose neither."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy import stats

from frontiers.analysis.policies.rules import Options
from frontiers.statistics.halving import judged
from frontiers.statistics.paired import student_limits

SIZE = 0.5
"""How much the two problems that are added to an interval differ, as for early stopping."""


class Judged(NamedTuple):
    """By problem (problems,), over the times it was judged; the settings chosen and in which share of the halves.

    `gains` (halvings, problems) are the linearised differences from the fixed caps, each problem judged once in
    each halving: their mean is the difference at equal mean compute.
    """

    right: np.ndarray
    flops: np.ndarray
    fixed: np.ndarray
    gains: np.ndarray
    settings: dict[str, float]

    @property
    def gain(self) -> float:
        """The difference at equal mean compute."""
        return float(self.gains.mean())

    def limits(self, samples: int) -> tuple[float, float]:
        """Return 95 % limits of the gain: the means of the limits of each halving, wider than need be.

        Limits from the problems' mean gains would be too narrow: the halves of one study lead to choices that are
        alike. In worlds without any gain they held zero in 90 % of studies, these in 98 to 100 %, and those of a
        single halving, whose estimate varies more, in 94 % (world of tests/simulation/test_policies.py).
        """
        low, high = student_limits(self.gains.T, samples, size=SIZE / np.sqrt(samples))
        return min(float(low.mean()), self.gain), max(float(high.mean()), self.gain)

    def p_value(self) -> float:
        """Return the two-sided p-value of no gain: the sum under flips of the problems' signs, taken as normal.

        Its variance is the mean over halvings, as for the limits.
        """
        spread = np.sqrt((self.gains**2).sum(axis=1).mean())
        return float(2 * stats.norm.sf(abs(self.gain) * self.gains.shape[1] / spread)) if spread else 1.0


def envelope(flops: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Return the indices of the upper concave envelope of points, by FLOP ascending, up to the highest accuracy.

    Every point on it is reached by one cap or by drawing one of two caps by lot.
    """
    kept: list[int] = []
    for i in np.lexsort((-accuracy, flops)):
        if kept and accuracy[i] <= accuracy[kept[-1]]:
            continue
        while len(kept) > 1:
            a, b = kept[-2:]
            rise = (accuracy[b] - accuracy[a]) * (flops[i] - flops[a])
            if rise > (accuracy[i] - accuracy[a]) * (flops[b] - flops[a]):
                break
            kept.pop()
        kept.append(int(i))
    return np.array(kept)


def judge(options: Options, fixed_right: np.ndarray, fixed_flops: np.ndarray, halves: np.ndarray) -> Judged:
    """Return what a policy gains over fixed caps (caps, problems); `halves` (rows, problems) from
    `halvings`: which problems choose.

    On each half the setting of most gain is chosen and the caps on the envelope; on the other half both are
    judged: the fixed caps are mixed to the policy's mean FLOP there. As the mix is fitted to that mean, a problem's
    gain has the term of the delta method, slope times what it costs more than the mix.
    """
    values = {name: np.zeros(halves.shape) for name in ("right", "flops", "fixed", "gains")}
    chosen: Counter[str] = Counter()
    for row, choosing in enumerate(halves):
        names, right, flops = options(choosing)
        mine, theirs = choosing / choosing.sum(), ~choosing / (~choosing).sum()
        accuracy, price = fixed_right @ mine, fixed_flops @ mine
        best = envelope(price, accuracy)
        pick = int((right @ mine - np.interp(flops @ mine, price[best], accuracy[best])).argmax())
        chosen[names[pick]] += 1
        mix, slope = _mixed(fixed_right[best] @ theirs, fixed_flops[best] @ theirs, flops[pick] @ theirs)
        same, spent = mix @ fixed_right[best], mix @ fixed_flops[best]
        values["right"][row], values["flops"][row], values["fixed"][row] = right[pick], flops[pick], same
        values["gains"][row] = right[pick] - same - slope * (flops[pick] - spent)
    share = {name: often / len(halves) for name, often in chosen.most_common()}
    # The second half of the rows are the complements of the first.
    first, second = np.split(values.pop("gains"), 2)
    gains = np.where(np.split(halves, 2)[0], second, first)
    means = {name: judged(halves, value) for name, value in values.items()}
    return Judged(**means, gains=gains, settings=share)


def _mixed(accuracy: np.ndarray, price: np.ndarray, wanted: float) -> tuple[np.ndarray, float]:
    """Return the shares of caps of `wanted` mean FLOP, and the accuracy per FLOP there.

    Beyond the dearest cap, and below the cheapest, it is that cap alone and the slope is 0.
    """
    order = np.argsort(price, kind="stable")
    mix, at = np.zeros(len(price)), np.searchsorted(price[order], wanted, side="right")
    if at in (0, len(price)):
        mix[order[min(at, len(price) - 1)]] = 1.0
        return mix, 0.0
    low, high = order[at - 1], order[at]
    share = (wanted - price[low]) / (price[high] - price[low])
    mix[low], mix[high] = 1 - share, share
    return mix, float((accuracy[high] - accuracy[low]) / (price[high] - price[low]))
