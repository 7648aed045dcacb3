"""The smallest difference that is shown with 80 % power, against enumeration, simulation and the normal formula."""

from itertools import product
from math import comb

import numpy as np
import pytest

from frontiers.statistics import paired, power


def shown(problems: int, share: float, difference: float) -> float:
    """Return the power of McNemar's exact test by enumeration of all numbers of wins."""
    chances = ((share + difference) / 2, (share - difference) / 2, 1 - share)
    total = 0.0
    for better, worse in product(range(problems + 1), repeat=2):
        same = problems - better - worse
        if same >= 0 and paired.mcnemar(better, worse) <= 0.05:
            ways = comb(problems, better) * comb(problems - better, worse)
            total += ways * np.prod(np.power(chances, (better, worse, same)))
    return total


@pytest.mark.parametrize(("problems", "discordant"), [(12, 0), (20, 4), (30, 10), (30, 30)])
def test_power_at_the_difference_is_that_of_enumeration(problems, discordant):
    found = power.by_mcnemar(problems, discordant)
    share = max(discordant / problems, found)
    assert shown(problems, share, found) == pytest.approx(0.8, abs=1e-4)


def test_many_problems_give_the_normal_difference():
    assert power.by_mcnemar(20_000, 4000) == pytest.approx(power.by_normal(np.sqrt(4000) / 20_000), rel=0.02)
    assert power.by_normal(0.01) == pytest.approx(0.0280159, abs=1e-6)


def test_more_problems_show_less_and_more_disagreement_hides_more():
    by_size = [power.by_mcnemar(n, n // 5) for n in (30, 100, 300, 1000)]
    assert by_size == sorted(by_size, reverse=True)
    by_share = [power.by_mcnemar(200, d) for d in (0, 20, 60, 120)]
    assert by_share == sorted(by_share)


def test_five_problems_show_nothing_and_no_spread_has_no_power():
    assert power.by_mcnemar(5, 3) is None and power.by_mcnemar(6, 0) < 1
    assert power.by_normal(0.0) is None
