import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from frontiers.statistics import intervals


@pytest.mark.parametrize(
    ("correct", "low", "high"),
    [(13, 6.0, 16.6), (41, 24.6, 40.5), (14, 6.6, 17.5), (16, 7.8, 19.3), (12, 5.4, 15.7)],
)
def test_wilson_gives_the_limits_published_for_128_questions(correct, low, high):
    limits = np.array(intervals.wilson(correct / 128, 128)) * 100
    assert limits.round(1) == pytest.approx([low, high])


def test_wilson_is_scipys_and_reaches_zero_and_one_exactly():
    expected = stats.binomtest(7, 30).proportion_ci(method="wilson")
    assert intervals.wilson(7 / 30, 30) == pytest.approx((expected.low, expected.high))
    low, high = intervals.wilson(np.array([0.0, 1.0]), 30)
    assert low[0] == 0 and high[1] == 1 and 0 < high[0] < 0.15 and 0.85 < low[1] < 1


@pytest.mark.parametrize(("accuracy", "answers"), [(1.2, 30), (-0.1, 30), (np.nan, 30), (0.5, 0)])
def test_wilson_refuses_what_is_no_share(accuracy, answers):
    with pytest.raises(ValueError, match="between 0 and 1"):
        intervals.wilson(accuracy, answers)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1))
def test_number_of_answers_is_recovered_from_the_interval(answers, share):
    accuracy = round(share * answers) / answers
    low, high = intervals.wilson(accuracy, answers)
    assert intervals.answers_from_interval(accuracy, low, high) == pytest.approx(answers, rel=1e-6)


def test_clustered_limits_of_samples_that_all_agree_are_those_of_jeffreys():
    """But for Student's t, which makes them wider: with 40,000 problems there is no difference."""
    for problems, tolerance in ((40, 0.02), (40_000, 1e-5)):
        right = problems * 7 // 10
        means = np.repeat([0.0, 1.0], [problems - right, right])
        low, high = intervals.clustered(means, samples=8)
        exact = stats.beta.ppf([0.025, 0.975], right + 0.5, problems - right + 0.5)
        assert (low, high) == pytest.approx(exact, abs=tolerance) and low < exact[0] and exact[1] < high
        assert intervals.accuracy_interval(means, samples=8) == ((low, high), intervals.CLUSTERED)


def test_one_sample_is_plain_wilson():
    means = np.repeat([0.0, 1.0], [12, 28])
    assert intervals.accuracy_interval(means, 1) == (intervals.wilson(0.7, 40), intervals.WILSON)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_problems_that_are_all_alike_do_not_make_the_interval_collapse(value):
    low, high = intervals.clustered(np.full(30, value), samples=2)
    assert low <= value <= high and high - low > 0.08
    one = intervals.clustered(np.full(30, value), samples=1)
    assert one == pytest.approx((low, high)) if value in (0, 1) else one[0] < low and high < one[1]


def test_clustered_interval_by_hand():
    means = np.array([0.0, 0.25, 0.5, 1.0, 1.0, 0.75])
    centre = 4 / 7
    variance = (
        ((2.875 + 0.5) / 7 - centre**2) / 8 * (stats.t.ppf(0.975, 5) / stats.norm.ppf(0.975)) ** 2 * 6 / 5
    )
    found = stats.beta(*(np.array([centre, 1 - centre]) * (centre * (1 - centre) / variance - 1)))
    assert intervals.clustered(means, samples=4) == pytest.approx(found.ppf([0.025, 0.975]))
    assert (found.mean(), found.var()) == pytest.approx((centre, variance))
    error = np.sqrt(((means - means.mean()) ** 2).sum() / 5 / 6)
    assert intervals.standard_error(means) == pytest.approx(error)


def test_variance_is_that_of_a_bayesian_bootstrap_with_a_problem_added():
    means = np.array([0.0, 0.25, 0.5, 1.0, 1.0, 0.75])
    weights = np.random.default_rng(0).dirichlet([1] * 6 + [0.5, 0.5], 400_000)
    drawn = weights @ np.r_[means, 1.0, 0.0]
    assert (drawn.mean(), drawn.var()) == pytest.approx((4 / 7, (3.375 / 7 - (4 / 7) ** 2) / 8), rel=0.01)


def test_one_problem_has_an_interval():
    (low, high), _ = intervals.accuracy_interval(np.array([[0.5, 1.0]]), samples=2)
    assert np.isfinite([low, high]).all() and (low < high).all()


def test_reported_error_never_means_more_answers_than_were_given():
    number = intervals.answers_from_error([0.3, 0.3, 0.3, 0.0], [0.02, 1e-4, np.nan, 0.01], 198, 16)
    assert number == pytest.approx([0.21 / 0.0004, 198 * 16, 198, 198])


def test_mean_of_one_benchmark_keeps_its_interval():
    low, high = intervals.wilson(np.array([0.2]), 30)
    assert intervals.mean_interval(np.array([0.2]), low, high) == pytest.approx((low[0], high[0]))


def test_mean_interval_by_hand():
    low, high = intervals.mean_interval([0.5, 0.9], [0.4, 0.6], [0.6, 0.98])
    assert (low, high) == pytest.approx((0.7 - np.hypot(0.1, 0.3) / 2, 0.7 + np.hypot(0.1, 0.08) / 2))


@pytest.mark.parametrize(("accuracy", "spread"), [(0.5, 0.0), (0.8, 2.0), (0.3, 0.5)])
def test_clustered_intervals_cover_with_thirty_problems(accuracy, spread):
    """Difficulties are beta with the given mean; `spread` 0 is equal difficulty."""
    rng, runs, samples = np.random.default_rng(7), 4000, 8
    shape = (30, runs)
    theta = (
        rng.beta(accuracy / spread, (1 - accuracy) / spread, shape) if spread else np.full(shape, accuracy)
    )
    means = rng.binomial(samples, theta) / samples
    (low, high), _ = intervals.accuracy_interval(means, samples)
    assert 0.93 <= ((low <= accuracy) & (accuracy <= high)).mean() <= 0.985


@pytest.mark.parametrize(("problems", "samples"), [(10, 16), (30, 4), (30, 8), (30, 16), (60, 16), (100, 8)])
@pytest.mark.parametrize(("some", "all_of_them"), [(0.1, 1.0), (0.9, 0.0)])
def test_clustered_intervals_cover_where_some_problems_are_always_or_never_solved(
    problems, samples, some, all_of_them
):
    rng, runs = np.random.default_rng(9), 4000
    chance = np.where(rng.random((problems, runs)) < 0.85, some, all_of_them)
    means, truth = rng.binomial(samples, chance) / samples, 0.85 * some + 0.15 * all_of_them
    (low, high), _ = intervals.accuracy_interval(means, samples)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.925
    assert ((low <= means.mean(axis=0)) & (means.mean(axis=0) <= high)).all()


def test_wilson_and_mean_intervals_cover_with_thirty_problems():
    rng, runs = np.random.default_rng(8), 4000
    truth = np.array([0.15, 0.6, 0.9])[:, None]
    accuracy = rng.binomial(30, truth, (3, runs)) / 30
    low, high = intervals.wilson(accuracy, 30)
    assert np.all(np.abs(((low <= truth) & (truth <= high)).mean(axis=1) - 0.95) < 0.03)
    low, high = intervals.mean_interval(accuracy, low, high)
    assert 0.93 <= ((low <= truth.mean()) & (truth.mean() <= high)).mean() <= 0.97


@pytest.mark.parametrize(("samples", "expected"), [(1, intervals.WILSON), (4, intervals.CLUSTERED)])
@pytest.mark.parametrize("problems", [30, 100])
def test_method_follows_design(problems, samples, expected):
    means = np.column_stack([np.zeros(problems), np.ones(problems), np.tile([0, 1], problems // 2)])
    (low, high), method = intervals.accuracy_interval(means, samples)
    assert method.tolist() == [intervals.EXACT, intervals.EXACT, expected]
    ends = stats.binomtest(0, problems).proportion_ci(method="exact")
    assert (low[0], high[0]) == pytest.approx((ends.low, ends.high))
    assert (low[1], high[1]) == pytest.approx((1 - ends.high, 1))


@pytest.mark.parametrize(("right", "answers"), [(0, 30), (3, 30), (30, 30), (250, 500)])
def test_clopper_pearson_is_scipys(right, answers):
    expected = stats.binomtest(right, answers).proportion_ci(method="exact")
    assert intervals.clopper_pearson(right, answers) == pytest.approx((expected.low, expected.high))


def test_number_of_answers_is_that_of_the_width_for_any_interval():
    low, high = intervals.clopper_pearson(0, 45)
    number = intervals.answers_from_interval(0.0, low, high)
    assert intervals.wilson(0.0, number)[1] == pytest.approx(high)


def test_expanded_percentiles_of_normal_draws_are_student_limits():
    draws = stats.norm.ppf((np.arange(20000) + 0.5) / 20000) * np.sqrt(29 / 30)
    low, high = intervals.percentile_limits(draws, 30)
    assert (-low, high) == pytest.approx((stats.t.ppf(0.975, 29),) * 2, rel=1e-3)
    assert intervals.percentile_limits(draws, 10**6)[1] == pytest.approx(1.96 * np.sqrt(29 / 30), rel=1e-2)


def test_limits_are_not_given_for_one_problem_or_many_gaps():
    draws = np.ones((100, 3))
    draws[:2, 1], draws[:3, 2] = np.nan, np.inf
    assert np.isnan(intervals.percentile_limits(draws, 1)).all()
    assert np.isnan(intervals.percentile_limits(draws, 9)[0]).tolist() == [False, False, True]
    assert np.isnan(intervals.symmetric_limits([0.0, np.nan, 1.0], [1.0, 1.0, 1.0])).all()


def test_limits_are_widened_to_hold_the_estimate():
    draws = np.linspace(0, 1, 101)[:, None] + [0.0, 5.0]
    low, high = intervals.percentile_limits(draws, 30)
    found = intervals.percentile_limits(draws, 30, estimate=np.array([-1.0, 9.0]))
    assert found[0].tolist() == [-1, low[1]] and found[1].tolist() == [high[0], 9]
    assert np.isnan(intervals.percentile_limits(draws, 1, estimate=0.5)).all()


def test_reach_of_a_weighted_sum_by_hand():
    below, above = intervals.mover_reach([0.5, 0.9], [0.4, 0.6], [0.6, 0.98], [0.25, 0.75])
    assert (below, above) == pytest.approx((np.hypot(0.025, 0.225), np.hypot(0.025, 0.06)))


def test_symmetric_limits_by_hand():
    values = np.array([1.0, *np.linspace(0, 2, 101)])
    low, high = intervals.symmetric_limits(values, np.r_[0.5, np.full(101, 2.0)])
    assert (low, high) == pytest.approx((1 - 0.475 * 0.5, 1 + 0.475 * 0.5), abs=0.003)


def test_symmetric_limits_of_what_does_not_vary():
    assert intervals.symmetric_limits(np.full(50, 0.3), np.zeros(50)) == (0.3, 0.3)
