import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis.frontier import pareto
from frontiers.analysis.points import with_measures
from frontiers.core.tables import read_table

NAN = np.nan
FEW = st.integers(0, 6).map(float)
VALUE = st.one_of(FEW, st.just(NAN), st.floats(0, 1e18))
POINTS = st.lists(st.tuples(VALUE, VALUE), max_size=14)


def brute_force(cost, accuracy):
    """The definition, O(n²)."""
    mask = []
    for c, a in zip(cost, accuracy, strict=True):
        beaten = any(x <= c and y >= a and (x < c or y > a) for x, y in zip(cost, accuracy, strict=True))
        mask.append(not beaten and not np.isnan(c) and not np.isnan(a))
    return np.array(mask, dtype=bool)


def split(points):
    array = np.array(points, dtype=float).reshape(-1, 2)
    return array[:, 0], array[:, 1]


@pytest.mark.parametrize(
    ("cost", "accuracy", "expected"),
    [
        ([1, 2, 3], [0.1, 0.2, 0.3], [1, 1, 1]),
        ([1, 2, 3], [0.3, 0.2, 0.1], [1, 0, 0]),
        ([1, 2, 2, 3], [0.1, 0.4, 0.4, 0.4], [1, 1, 1, 0]),
        ([2, 2, 1], [0.5, 0.6, 0.6], [0, 0, 1]),
        ([5, 5, 5], [0.2, 0.2, 0.2], [1, 1, 1]),
        ([0, 0, 1], [0.1, 0.2, 0.3], [0, 1, 1]),
        ([NAN, 1, 2], [0.9, NAN, 0.1], [0, 0, 1]),
        ([NAN], [NAN], [0]),
        ([1, 2], [0, 0], [1, 0]),
        ([], [], []),
    ],
)
def test_frontier_by_hand(cost, accuracy, expected):
    assert pareto.frontier(cost, accuracy).tolist() == [bool(e) for e in expected]


@settings(max_examples=150, deadline=None)
@given(POINTS)
def test_frontier_is_the_brute_force_one(points):
    cost, accuracy = split(points)
    assert np.array_equal(pareto.frontier(cost, accuracy), brute_force(cost, accuracy))


@settings(max_examples=60, deadline=None)
@given(POINTS, st.randoms(use_true_random=False))
def test_frontier_is_idempotent_and_ignores_order_and_monotone_scales(points, random):
    cost, accuracy = split(points)
    mask = pareto.frontier(cost, accuracy)
    assert pareto.frontier(cost[mask], accuracy[mask]).all()
    ranks = np.where(np.isnan(cost), NAN, np.unique(cost, return_inverse=True)[1])
    assert np.array_equal(pareto.frontier(ranks**3 - 5, accuracy), mask)
    order = random.sample(range(len(cost)), len(cost))
    assert np.array_equal(pareto.frontier(cost[order], accuracy[order]), mask[order])


def test_frontier_of_draws_is_that_of_each_draw():
    rng = np.random.default_rng(0)
    cost, accuracy = rng.integers(0, 9, (40, 25)).astype(float), rng.integers(0, 9, (40, 25)).astype(float)
    cost[rng.random(cost.shape) < 0.1] = NAN
    mask = pareto.frontier(cost, accuracy)
    assert np.array_equal(mask, [brute_force(c, a) for c, a in zip(cost, accuracy, strict=True)])
    assert pareto.membership(cost, accuracy) == pytest.approx(mask.mean(axis=0))
    assert np.array_equal(pareto.frontier(cost[0], accuracy), [brute_force(cost[0], a) for a in accuracy])


def test_domination_is_a_share_of_draws():
    cost, accuracy = np.array([[1, 2, 1], [1, 2, 1], [3, 2, 3], [1, NAN, 1]], float), np.full((4, 3), 0.5)
    share = pareto.domination(cost, accuracy)
    assert share.tolist() == [[0, 0.5, 0], [0.25, 0, 0.25], [0, 0.5, 0]]


def test_best_under_takes_the_cheapest_of_the_best_then_the_first():
    cost, accuracy = [5, 3, 3, 1, NAN], [0.7, 0.7, 0.7, 0.2, 0.9]
    assert [int(pareto.best_under(cost, accuracy, b)) for b in (0.5, 1, 3, 10, np.inf)] == [-1, 3, 1, 1, 1]
    assert pareto.best_under([[0, 1], [2, NAN]], [[0.1, 0.2], [0.3, 0.4]], 1).tolist() == [1, -1]
    assert pareto.best_under([], [], 1) == -1


def test_reference_is_whole_decades_around_positive_costs():
    assert pareto.reference_box([0, 30, 4200, NAN]) == pytest.approx((10, 10_000))
    assert pareto.reference_box([100.0]) == pytest.approx((100, 1000))
    with pytest.raises(ValueError, match="no positive cost"):
        pareto.reference_box([0, NAN])


def test_hypervolume_by_hand():
    box = pareto.Reference(1.0, 1000.0)
    assert pareto.hypervolume([10, 100], [0.5, 0.8], box) == pytest.approx(0.5 + 0.8)
    assert pareto.hypervolume([10, 100, 200], [0.5, 0.8, 0.7], box) == pytest.approx(1.3)
    assert pareto.hypervolume([0, 0.01], [0.2, 0.4], box) == pytest.approx(3 * 0.4)
    assert pareto.hypervolume([5000, NAN], [0.9, 0.9], box) == 0
    assert pareto.hypervolume([], [], box) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1)), min_size=1, max_size=10))
def test_hypervolume_is_the_area_under_the_best_accuracy_and_the_frontier_has_all_of_it(points):
    cost, accuracy = split(points)
    box = pareto.Reference(1.0, 1e4)
    whole = pareto.hypervolume(cost, accuracy, box)
    mask = pareto.frontier(cost, accuracy)
    assert pareto.hypervolume(cost[mask], accuracy[mask], box) == pytest.approx(whole, abs=1e-12)
    edges = np.unique(np.concatenate([[1.0, 1e4], np.clip(cost, 1.0, 1e4)]))
    best = np.array([max(accuracy[cost <= edge], default=0) for edge in edges[:-1]])
    assert whole == pytest.approx((np.diff(np.log10(edges)) * best).sum(), abs=1e-9)


def test_shortfall_is_the_brute_force_one():
    rng = np.random.default_rng(3)
    cost, accuracy = rng.integers(0, 9, (30, 20)).astype(float), rng.integers(0, 9, (30, 20)).astype(float)
    cost[rng.random(cost.shape) < 0.1] = NAN
    found = pareto.shortfall(cost, accuracy)
    for i in range(30):
        for j in range(20):
            affordable = accuracy[i][cost[i] <= cost[i, j]]
            expected = affordable.max() - accuracy[i, j] if len(affordable) else NAN
            assert found[i, j] == pytest.approx(expected, nan_ok=True)
    assert (found[pareto.frontier(cost, accuracy)] == 0).all()
    assert pareto.shortfall([], []).shape == (0,)


def limits(cost, accuracy, draws, costs=None):
    costs = np.tile(cost, (len(draws), 1)) if costs is None else costs
    return pareto.shortfall_limits(cost, accuracy, (costs, draws), 0.05, 0.025)


def test_limits_of_the_shortfall():
    """The second point is beaten beyond doubt, the third by noise alone; the fourth has no cost."""
    rng = np.random.default_rng(4)
    accuracy, cost = np.array([0.5, 0.2, 0.48, 0.9]), np.array([1.0, 2.0, 3.0, NAN])
    draws = accuracy + rng.normal(0, 0.03, (4000, 4))
    low, high = limits(cost, accuracy, draws)
    assert low[0] == high[0] == 0 and low[2] == 0 and np.isnan([low[3], high[3]]).all()
    assert 0.18 < low[1] < 0.3 < high[1] < 0.4 and 0.05 < high[2] < 0.15
    low, high = limits(cost, accuracy, np.tile(accuracy, (50, 1)))
    assert low[:3] == pytest.approx([0, 0.3, 0.02]) and high[:3] == pytest.approx([0, 0.3, 0.02])


def test_a_point_that_may_be_the_dearer_one_is_not_shown_to_be_better():
    """Points of cost 1, 1.1 and 1.9, each 0.2 better than the next; costs are known to within 0.1 and 0.01."""
    rng = np.random.default_rng(4)
    accuracy, cost = np.array([0.6, 0.4, 0.2]), np.array([1.0, 1.1, 1.9])
    draws = accuracy + rng.normal(0, 0.01, (4000, 3))
    noise = rng.normal(0, 1, (4000, 3))
    low, high = limits(cost, accuracy, draws, cost + 0.1 * noise)
    assert low[:2].tolist() == [0, 0] and 0.35 < low[2] < 0.4 < high[2] < 0.45
    assert high[0] == 0 and 0.2 < high[1] < 0.25
    low, _ = limits(cost, accuracy, draws, cost + 0.01 * noise)
    assert low[0] == 0 and 0.15 < low[1] < 0.2
    low, high = limits(cost[[1, 0, 2]], accuracy, draws, cost[[1, 0, 2]] + 0.1 * noise)
    assert low[:2].tolist() == [0, 0] and high[0] == 0 and 0.2 < high[1] < 0.25


@pytest.mark.parametrize("cost", ["flops", "tokens"])
def test_published_frontiers_are_those_of_all_pairs(published, cost):
    points = with_measures(read_table(published["points"], "points"))
    table = read_table(published["frontier"], "frontier")
    for benchmark, here in points.groupby("benchmark"):
        mask = brute_force(here[cost].to_numpy(float), here["accuracy"].to_numpy(float))
        rows = table[(table.benchmark == benchmark) & (table.cost == cost) & table.on_frontier]
        assert set(rows.model) == set(here.model[mask]) and len(rows)


def test_many_points_take_no_square_of_time():
    rng = np.random.default_rng(5)
    cost, accuracy = rng.random(10**6), rng.random(10**6)
    mask = pareto.frontier(cost, accuracy)
    order = np.argsort(cost[mask])
    assert mask.sum() < 100 and (np.diff(accuracy[mask][order]) > 0).all()
