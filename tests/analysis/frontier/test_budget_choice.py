import numpy as np
import pytest

from frontiers.analysis.frontier.budget_choice import budgets, halve, held_out
from support.point_tables import luck


@pytest.mark.parametrize(
    ("costs", "expected"),
    [([0, 3.0, 40], [2, 5, 10, 20, 50]), ([1.0], [1]), ([0.0], [0]), ([100, 1000], [100, 200, 500, 1000])],
)
def test_budgets_cover_all_costs(costs, expected):
    assert budgets(np.array(costs, float)).tolist() == expected


def test_the_best_of_equals_is_no_better_on_other_problems():
    gains = []
    for seed in range(30):
        right = luck(seed=seed)
        best = right.mean(axis=0).max()
        accuracy, low, high = held_out(halve([right], 1, seed), np.ones(20), np.array([1.0]))
        gains.append((best - 0.5, accuracy[0] - 0.5))
        assert low[0] < accuracy[0] < high[0]
    plain, held = np.mean(gains, axis=0)
    assert plain > 0.03 and abs(held) < 0.01


def test_a_point_that_is_plainly_best_keeps_its_accuracy():
    right = np.zeros((60, 3))
    right[:54, 1] = 1
    found = held_out(halve([right], 1, 0), np.array([1.0, 2.0, 3.0]), np.array([0.5, 1, 2, 9]))
    assert np.isnan(found[0][0]) and found[0][1:] == pytest.approx([0, 0.9, 0.9])
    one = held_out(halve([right[:1]], 1, 0), np.array([1.0, 2.0, 3.0]), np.array([9.0]))
    assert np.isnan(one).all()


def test_several_benchmarks_count_equally():
    first, second = np.zeros((60, 2)), np.zeros((20, 2))
    first[:, 0], second[:10, 0] = 1, 1
    accuracy, low, high = held_out(halve([first, second], 1, 0), np.ones(2), np.array([1.0]))
    assert accuracy[0] == pytest.approx(0.75) and low[0] < 0.75 < high[0]
