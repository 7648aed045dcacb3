import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from frontiers.statistics import paired

COUNTS = st.integers(0, 25)


def score_by_likelihood(better, worse, problems, difference):
    """Tango's score with the restricted estimate found by maximising the likelihood."""
    rest = problems - better - worse

    def loss(q):
        shares = np.clip([q + difference, q, 1 - 2 * q - difference], 1e-300, 1)
        return -(np.array([better, worse, rest]) * np.log(shares)).sum()

    low, high = max(0.0, -difference), (1 - difference) / 2
    q = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    gap = better - worse - problems * difference
    return gap / np.sqrt(problems * (2 * q + difference * (1 - difference)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.integers(1, 25), st.integers(1, 60))
def test_limits_are_where_the_score_reaches_the_quantile(better, worse, rest):
    problems = better + worse + rest
    low, high = paired.score_limits(better, worse, problems)
    assert -1 <= low <= (better - worse) / problems <= high <= 1
    assert score_by_likelihood(better, worse, problems, low) == pytest.approx(1.96, abs=2e-3)
    assert score_by_likelihood(better, worse, problems, high) == pytest.approx(-1.96, abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(COUNTS, COUNTS, st.integers(1, 60))
def test_limits_mirror_and_hold_the_estimate(better, worse, rest):
    problems = better + worse + rest
    low, high = paired.score_limits(better, worse, problems)
    again = paired.score_limits(worse, better, problems)
    assert (low, high) == pytest.approx((-again[1], -again[0]), abs=1e-9)
    assert low <= (better - worse) / problems <= high and low < high


def test_no_difference_is_no_certainty():
    low, high = paired.score_limits(0, 0, 30)
    assert -low == pytest.approx(high) and 0.05 < high < 0.2
    assert paired.score_limits(30, 0, 30)[1] == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(COUNTS, COUNTS)
def test_mcnemar_is_that_of_statsmodels_and_the_test_of_signs(better, worse):
    expected = mcnemar([[5, better], [worse, 7]], exact=True).pvalue
    assert paired.mcnemar(better, worse) == pytest.approx(expected)
    assert paired.sign_flips(np.repeat([1, -1, 0], [better, worse, 4])) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_sign_flips_are_scipys_permutation_test(seed):
    steps = np.random.default_rng(seed).integers(-4, 6, 12)
    expected = stats.permutation_test(
        (steps,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert paired.sign_flips(steps) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("right", "p_value"), [(41, 2e-6), (14, 1.0), (13, 1.0), (16, 0.68), (12, 1.0)])
def test_the_published_tests_are_given_back(right, p_value):
    """arXiv 2412.16260, 128 questions, against 13 right: some numbers of differing answers give its p-values."""
    worse = np.arange(0, 14)
    better = worse + right - 13
    found = paired.mcnemar(better[better >= 0], worse[better >= 0])
    assert np.isclose(found, p_value, rtol=0.05, atol=0.004 * (p_value > 0.01)).any()


def test_student_limits_without_the_added_problems_are_scipys():
    values = np.random.default_rng(1).normal(0.1, 0.2, 40)
    low, high = paired.student_limits(values, 4, size=1e-12)
    stretched = np.concatenate([values, [0.0, 0.0]])
    reach = stats.t.ppf(0.975, 39) * stretched.std(ddof=1) / np.sqrt(42)
    assert (low, high) == pytest.approx((stretched.mean() - reach, stretched.mean() + reach))
    low, high = paired.student_limits(np.zeros(30), 4)
    assert -low == pytest.approx(high) and high > 0.05


def test_compare_chooses_by_the_number_of_samples():
    rng = np.random.default_rng(2)
    a, b = rng.random((40, 1)) < 0.7, rng.random((40, 1)) < 0.4
    one = paired.compare(a, b)
    assert (one.interval, one.test) == (paired.SCORE, paired.MCNEMAR)
    assert one.estimate == pytest.approx(a.mean() - b.mean())
    assert one.better - one.worse == a.sum() - b.sum()
    several = paired.compare(rng.random((40, 6)) < 0.7, rng.random((40, 4)) < 0.4)
    assert (several.interval, several.test) == (paired.PSEUDO, paired.SIGNS)
    assert several.low <= several.estimate <= several.high and several.p_value < 0.01


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("samples", [1, 3])
def test_all_right_or_all_wrong_differ_by_nothing_and_nothing_is_sure(share, samples):
    found = paired.compare(np.full((30, samples), share), np.full((30, samples), share))
    assert found.estimate == 0 and found.p_value == 1 and found.low < 0 < found.high


@pytest.mark.parametrize("shape", [(0, 1), (29, 1)])
def test_other_problems_cannot_be_paired(shape):
    with pytest.raises(ValueError, match="cannot be paired"):
        paired.compare(np.ones((30, 1)), np.ones(shape))


@pytest.mark.parametrize("p_values", [[0.3], [0.01, 0.04, 0.03, 0.005, 0.8], [0.02, 0.02, 1, 0], [0.5, 0.5]])
def test_holm_is_that_of_statsmodels(p_values, monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels collects garbage: seconds in a full test run
    assert np.array_equal(paired.holm(p_values), multipletests(p_values, method="holm")[1])
