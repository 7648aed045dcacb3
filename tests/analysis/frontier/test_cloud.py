import numpy as np
import pandas as pd
import pytest

from frontiers.analysis.frontier import pareto, summary
from frontiers.analysis.frontier.budget_choice import halve
from frontiers.analysis.frontier.cloud import cloud_of, membership, smoothing
from frontiers.analysis.frontier.volume import SHIFTED, hypervolume
from support.point_tables import luck


def test_smoothing_is_shared_by_one_computation_and_small():
    right = luck(100, 3)
    right = np.column_stack([right, right[:, 0], right[:, 0]])
    cost = np.array([1.0, 2.0, 3.0, 1.0, 5.0])
    noise = smoothing([right], cost, 20000, 4, 1)
    assert np.array_equal(noise[:, 0], noise[:, 3]) and not np.array_equal(noise[:, 0], noise[:, 4])
    p = (right.sum(axis=0) + 2) / 104
    assert noise.std(axis=0) == pytest.approx(np.sqrt(p * (1 - p)) / 100, rel=0.03)
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.03


def test_smoothing_of_a_mean_is_shared_on_the_benchmark_where_points_are_right_on_all_problems():
    first, second = np.ones((50, 2)), luck(50, 2)
    noise = smoothing([first, second], np.array([1.0, 2.0]), 20000, 1, 1)
    p, q = 52 / 54, (second.sum(axis=0) + 2) / 54
    shared, own = (2 * np.sqrt(v * (1 - v)) / 50 / 2 for v in (p, q))
    assert np.cov(noise.T) == pytest.approx(shared**2 + np.diag(own**2), rel=0.05, abs=3e-6)


def rows_of(accuracy, cost, problems=100):
    keys = {"model": [f"m{i}" for i in range(len(cost))], "strategy": "cot", "benchmark": "b"}
    cap = pd.array([None] * len(cost), dtype="Int64")
    frame = pd.DataFrame(keys).assign(cap=cap, problems=problems, accuracy=accuracy, flops=cost)
    return frame.assign(
        accuracy_low=frame.accuracy - 0.1, accuracy_high=frame.accuracy + 0.1, interval="wilson"
    )


def found_in(right, cost):
    """The cloud of accuracies by problem (problems, points) at fixed costs, and its membership."""
    problems, cost = len(right), np.array(cost, float)
    counts = np.random.default_rng(0).multinomial(problems, np.full(problems, 1 / problems), 4000)
    draws = (np.tile(cost, (4000, 1)), counts @ right / problems)
    cloud = cloud_of(rows_of(right.mean(axis=0), cost), "flops", draws, halve([right], 1, 0))
    return cloud, membership(cloud)


def test_points_that_no_problem_tells_apart_are_not_said_to_dominate():
    """Equal answers at a lower cost: half of the draws of other problems would have the dearer one better."""
    cloud, found = found_in(np.tile((np.arange(30) < 15)[:, None].astype(float), (1, 2)), [1, 2])
    assert pareto.domination(*cloud.smoothed)[0, 1] == pytest.approx(0.5, abs=0.05)
    assert found.on.tolist() == [True, False] and found.near.tolist() == [True, True]
    assert found.share[1] == pytest.approx(0.5, abs=0.05)


def test_of_points_right_on_all_problems_the_dearer_one_is_dominated():
    """The first misses one problem of 250: the second is better in two of three draws, in 1 - 1/e of the plain."""
    right = np.ones((250, 3))
    right[0, 0] = 0.0
    cloud, found = found_in(right, [0.5, 1, 4.3])
    assert pareto.domination(*cloud.smoothed)[1, 2] == 1
    assert found.on.tolist() == [True, True, False] and found.near.tolist() == [True, True, False]
    assert found.share[0] == 1 and 0.6 < found.share[1] < 0.85 and found.share[2] == 0


def test_the_cheaper_of_two_points_is_kept_where_costs_hardly_differ():
    """True costs are 1 and 1.01; the cheaper one is right on 60 %, the dearer one on 90 % of the problems."""
    rng, problems, runs, kept = np.random.default_rng(2), 60, 200, 0
    for seed in range(runs):
        cost = rng.lognormal(0, 0.8, (problems, 2)) * [1, 1.01]
        right = (rng.random((problems, 2)) < [0.6, 0.9]).astype(float)
        counts = rng.multinomial(problems, np.full(problems, 1 / problems), 500) / problems
        rows = rows_of(right.mean(axis=0), cost.mean(axis=0), problems)
        draws = (counts @ cost, counts @ right)
        kept += membership(cloud_of(rows, "flops", draws, halve([right], 1, seed), seed)).near[0]
    assert kept / runs > 0.92


def test_equal_costs_ties_and_gaps():
    accuracy, cost = np.array([0.5, 0.5, 0.3, 0.9]), np.array([1.0, 1.0, 1.0, np.nan])
    drawn = accuracy + np.random.default_rng(0).normal(0, 0.01, (500, 4))
    cloud = cloud_of(rows_of(accuracy, cost), "flops", (np.tile(cost, (500, 1)), drawn))
    found = membership(cloud)
    assert found.on.tolist() == [True, True, False, False]
    assert found.near.tolist() == [True, True, False, False] and found.share[3] == 0
    table = summary.table_of(cloud, found, summary.choices(cloud, np.ones(2)))
    assert table["model"].tolist() == ["m0", "m1"] and table["held_out"].isna().all()
    assert (table["best_low"] <= table["best_corrected"]).all() and table["cost_low"].isna().all()
    volume = hypervolume(cloud)
    assert volume["low"] <= volume["value"] <= volume["high"] + 0.02
    assert volume["interval"] == SHIFTED
