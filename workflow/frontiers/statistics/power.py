"""The smallest difference between two points that as many problems would show: its power is 80 % in a test at 5 %.

As many problems are taken to be discordant as were (Connor 1987, Biometrics 43, 207). It is a property of the design, for
studies like this one; whether this one shows a difference is what its interval says.
"""

from functools import cache

import numpy as np
from scipy import optimize, stats

from frontiers.statistics.intervals import LEVEL

POWER = 0.8
FEWEST = 6
"""Fewest problems of which McNemar's exact test can show anything: 2 / 2^5 is above 5 %."""


@cache
def by_mcnemar(problems: int, discordant: int, power: float = POWER) -> float | None:
    """Return the difference (0 to 1) that McNemar's exact test shows with this power, None where it shows none.

    `discordant` of the `problems` only one point has right; a difference above their share takes more of them.
    """
    if problems < FEWEST:
        return None
    numbers = np.arange(problems + 1)
    # The most wins of the weaker point with which the test still rejects, -1 where none is few enough.
    most = stats.binom.ppf((1 - LEVEL) / 2, numbers, 0.5)
    most -= stats.binom.cdf(most, numbers, 0.5) > (1 - LEVEL) / 2

    def shortfall(difference: float) -> float:
        share = max(discordant / problems, difference)
        wins = (1 + difference / share) / 2
        shown = stats.binom.cdf(most, numbers, 1 - wins) + stats.binom.cdf(most, numbers, wins)
        return float(stats.binom.pmf(numbers, problems, share) @ shown) - power

    return float(optimize.brentq(shortfall, 1e-9, 1.0, xtol=1e-6))


def by_normal(spread: float, power: float = POWER) -> float | None:
    """Return the same for a normal test statistic, whose estimate has the standard error `spread` under no difference."""
    if not spread > 0:
        return None
    return float((stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(power)) * spread)
