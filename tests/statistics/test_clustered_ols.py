import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from frontiers.statistics.clustered_ols import ClusteredFit, Contrast


def test_clusters_of_one_are_hc2_and_welch():
    """With one row per group CR2 is HC2, and for two kinds the degrees of freedom Welch's of equal variances."""
    rng = np.random.default_rng(4)
    kind = np.repeat([0.0, 1.0], [12, 5])
    y = rng.normal(size=17) * np.where(kind, 2.0, 1.0)
    design = np.column_stack([np.ones(17), kind])
    fit = ClusteredFit(design, y, np.arange(17))
    found = fit.contrast(np.array([0.0, 1.0]))
    assert found.error == pytest.approx(sm.OLS(y, design).fit(cov_type="HC2").bse[1])
    welch = stats.ttest_ind(y[kind == 1], y[kind == 0], equal_var=False)
    assert found.estimate / found.error == pytest.approx(welch.statistic)
    freedom = (1 / 12 + 1 / 5) ** 2 / (1 / (12**2 * 11) + 1 / (5**2 * 4))
    assert found.freedom == pytest.approx(freedom)
    reach = stats.t.ppf(0.975, freedom) * found.error
    assert found.limits(0.95) == pytest.approx((found.estimate - reach, found.estimate + reach))
    # The level whose interval ends at 0 is 1 - p.
    assert min(map(abs, found.limits(1 - found.p_value))) == pytest.approx(0, abs=1e-9)
    assert (Contrast(0.0, 0.0, 3.0).p_value, Contrast(1.0, 0.0, 3.0).p_value) == (1, 0)


def test_clusters_that_repeat_themselves_count_once():
    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(14), rng.normal(size=14), np.arange(14) < 5])
    y = rng.normal(size=14)
    once = ClusteredFit(design, y, np.arange(14)).contrast(np.array([0, 0, 1.0]))
    again = ClusteredFit(np.tile(design, (3, 1)), np.tile(y, 3), np.tile(np.arange(14), 3))
    again = again.contrast(np.array([0, 0, 1.0]))
    assert again.estimate == pytest.approx(once.estimate)
    assert (again.error, again.freedom) == pytest.approx((once.error, once.freedom), rel=1e-6)
    with pytest.raises(ValueError, match="full rank"):
        ClusteredFit(np.ones((5, 2)), np.ones(5), np.arange(5))
