import numpy as np
import pandas as pd
import pytest

from frontiers.analysis.frontier import budget_choice, pareto
from frontiers.analysis.frontier import summary as frontier_summary

COST = np.array([1.0, 2.0, 4.0, np.nan])


def luck(problems=400, points=20, seed=0):
    """Points that are all equally good."""
    return (np.random.default_rng(seed).random((problems, points)) < 0.5).astype(float)


def test_the_best_of_equals_is_no_better_on_other_problems():
    gains = []
    for seed in range(30):
        right = luck(seed=seed)
        best = right.mean(axis=0).max()
        accuracy, low, high = budget_choice.held_out([right], np.ones(20), np.array([1.0]), 1, seed)
        gains.append((best - 0.5, accuracy[0] - 0.5))
        assert low[0] < accuracy[0] < high[0]
    plain, held = np.mean(gains, axis=0)
    assert plain > 0.03 and abs(held) < 0.01


def test_a_point_that_is_plainly_best_keeps_its_accuracy():
    right = np.zeros((60, 3))
    right[:54, 1] = 1
    found = budget_choice.held_out([right], np.array([1.0, 2.0, 3.0]), np.array([0.5, 1, 2, 9]), 1, 0)
    assert np.isnan(found[0][0]) and found[0][1:] == pytest.approx([0, 0.9, 0.9])
    one = budget_choice.held_out([right[:1]], np.array([1.0, 2.0, 3.0]), np.array([9.0]), 1, 0)
    assert np.isnan(one).all()


def test_several_benchmarks_count_equally():
    first, second = np.zeros((60, 2)), np.zeros((20, 2))
    first[:, 0], second[:10, 0] = 1, 1
    accuracy, low, high = budget_choice.held_out([first, second], np.ones(2), np.array([1.0]), 1, 0)
    assert accuracy[0] == pytest.approx(0.75) and low[0] < 0.75 < high[0]


def test_held_out_volume_of_a_sure_frontier_is_the_hypervolume():
    right = np.zeros((50, 4))
    right[:10, 0], right[:40, 1], right[:30, 2] = 1, 1, 1
    box = pareto.Reference(1.0, 10.0)
    mean, error = budget_choice.held_out_volume([right], COST, box, 0)
    assert mean == pytest.approx(pareto.hypervolume(COST, right.mean(axis=0), box)) and error > 0
    assert np.isnan(budget_choice.held_out_volume([right[:1]], COST, box, 0)).all()


def test_smoothing_is_shared_by_one_computation_and_small():
    right = luck(100, 3)
    right = np.column_stack([right, right[:, 0], right[:, 0]])
    cost = np.array([1.0, 2.0, 3.0, 1.0, 5.0])
    noise = frontier_summary.smoothing([right], cost, 20000, 4, 1)
    assert np.array_equal(noise[:, 0], noise[:, 3]) and not np.array_equal(noise[:, 0], noise[:, 4])
    assert noise.std(axis=0) == pytest.approx(np.full(5, 1 / 200), rel=0.03)
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.03


def rows_of(accuracy, cost, problems=100):
    keys = {"model": [f"m{i}" for i in range(len(cost))], "strategy": "cot", "benchmark": "b"}
    cap = pd.array([None] * len(cost), dtype="Int64")
    frame = pd.DataFrame(keys).assign(cap=cap, problems=problems, accuracy=accuracy, flops=cost)
    return frame.assign(
        accuracy_low=frame.accuracy - 0.1, accuracy_high=frame.accuracy + 0.1, interval="wilson"
    )


def test_points_that_no_problem_tells_apart_are_not_said_to_dominate():
    """Equal answers at a lower cost: half of the draws of other problems would have the dearer one better."""
    right = np.tile((np.arange(30) < 15)[:, None].astype(float), (1, 2))
    cost = np.array([1.0, 2.0])
    counts = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 4000)
    drawn = counts @ right / 30
    noise = frontier_summary.smoothing([right], cost, 4000, 1, 0)
    found = frontier_summary.Frontier(
        rows_of([0.5, 0.5], cost), "flops", np.tile(cost, (4000, 1)), drawn, noise
    )
    assert pareto.domination(*found.smoothed)[0, 1] == pytest.approx(0.5, abs=0.05)
    assert found.on.tolist() == [True, False] and found.near.tolist() == [True, True]
    assert found.share[1] == pytest.approx(0.5, abs=0.05)


def test_equal_costs_ties_and_gaps():
    accuracy, cost = np.array([0.5, 0.5, 0.3, 0.9]), np.array([1.0, 1.0, 1.0, np.nan])
    drawn = accuracy + np.random.default_rng(0).normal(0, 0.01, (500, 4))
    found = frontier_summary.Frontier(rows_of(accuracy, cost), "flops", np.tile(cost, (500, 1)), drawn)
    assert found.on.tolist() == [True, True, False, False]
    assert found.near.tolist() == [True, True, False, False] and found.share[3] == 0
    table = found.table(None, 1, 0)
    assert table["model"].tolist() == ["m0", "m1"] and table["held_out"].isna().all()
    assert (table["best_low"] <= table["best_corrected"]).all() and table["cost_low"].isna().all()
    volume = found.hypervolume(None, 0)
    assert volume["low"] <= volume["value"] <= volume["high"] + 0.02
    assert volume["interval"] == frontier_summary.SHIFTED
