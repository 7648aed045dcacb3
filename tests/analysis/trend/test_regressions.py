import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.regression.quantile_regression import QuantReg

from frontiers.analysis.trend import dated_points, regressions


def test_months_by_hand():
    assert regressions.months(np.log10(2), np.log10(1.5), np.log10(4)) == pytest.approx(
        {"doubling_months": 12, "doubling_low": 6, "doubling_high": 12 * np.log(2) / np.log(1.5)}
    )
    open_ended = regressions.months(0.1, -0.1, 0.3)
    assert open_ended["doubling_low"] == pytest.approx(12 * np.log10(2) / 0.3)
    assert np.isnan(open_ended["doubling_high"])
    falling = regressions.months(-np.log10(2), -np.log10(4), -np.log10(1.5))
    assert falling["doubling_months"] == pytest.approx(-12)
    assert falling["doubling_low"] < -12 < falling["doubling_high"]


def test_clustered_errors_are_the_jackknife_over_developers():
    rng = np.random.default_rng(4)
    years, response = rng.uniform(0, 2, 24), rng.normal(size=24)
    developers = np.array([f"d{i % 6}" for i in range(24)])
    found = regressions.least_squares(years, response, developers)
    left = [
        np.polyfit(years[developers != d], response[developers != d], 1)[0] for d in np.unique(developers)
    ]
    error = np.sqrt(5 / 6 * np.sum((np.array(left) - found["slope_per_year"]) ** 2))
    reach = stats.t.ppf(0.975, 5) * error
    assert [found["low"], found["high"]] == pytest.approx(found["slope_per_year"] + np.array([-reach, reach]))


def test_least_squares_of_all_models_by_the_jackknife_has_clustered_errors_and_nearly_hc3():
    rng = np.random.default_rng(4)
    years, response = rng.uniform(0, 2, 24), rng.normal(size=24)
    developers = np.array([f"d{i % 6}" for i in range(24)])
    for groups, share in ((developers, 1.0), (None, 23 / 24)):
        ours, left = regressions.selected_least_squares(years, response, lambda at_hand: at_hand, groups)
        plain = regressions.least_squares(years, response, groups)
        assert len(left) == (24 if groups is None else 6)
        assert [ours["slope_per_year"], ours["r2"]] == pytest.approx([plain["slope_per_year"], plain["r2"]])
        width, expected = (row["high"] - row["low"] for row in (ours, plain))
        assert width == pytest.approx(np.sqrt(share) * expected)


def test_without_a_model_another_takes_its_place_on_the_frontier():
    years = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.0])
    points = pd.DataFrame(
        {"years": years, "flops": [1e9] * 6, "accuracy": [0.1, 0.2, 0.3, 0.4, 0.6, 0.5], "share": 0.1}
    )

    def select(at_hand):
        chosen = np.zeros(6, bool)
        chosen[at_hand] = dated_points.frontier_at_date(points[at_hand])
        return chosen

    found, left = regressions.selected_least_squares(years, points.accuracy.to_numpy(), select, None)
    assert select(np.ones(6, bool)).tolist() == [True] * 5 + [False]
    assert found["slope_per_year"] == pytest.approx(0.24)
    assert left[5] == pytest.approx(0.24)
    assert left[4] == pytest.approx(0.2)
    squares = ((left - 0.24) ** 2).sum()
    assert found["high"] - 0.24 == pytest.approx(stats.t.ppf(0.975, 3) * np.sqrt(5 / 6 * squares))


def test_upper_edge_is_the_quantile_regression():
    rng = np.random.default_rng(5)
    years = rng.uniform(0, 2, 40)
    response = 0.5 * years + rng.normal(size=40)
    slope = regressions.edge_slope(years, response)

    def loss(slope):
        rest = response - slope * years
        rest = rest - np.quantile(rest, 0.9, method="inverted_cdf")
        return np.sum(rest * (0.9 - (rest < 0)))

    pairs = [
        (a - b, s - t)
        for a, s in zip(response, years, strict=True)
        for b, t in zip(response, years, strict=True)
    ]
    best = min((loss(a / b), a / b) for a, b in pairs if b > 0)
    assert slope == pytest.approx(best[1])
    model = QuantReg(response, sm.add_constant(years)).fit(q=0.9, max_iter=5000)
    assert slope == pytest.approx(model.params[1], abs=1e-3)


def test_upper_edge_interval_holds_the_slopes_that_leave_no_trend():
    rng = np.random.default_rng(6)
    years = rng.uniform(0, 2, 30)
    response = 2 * years + 0.1 * rng.normal(size=30)
    found = regressions.upper_edge(years, response, 2000, 0)
    assert found["low"] < 2 < found["high"] and found["high"] - found["low"] < 1
    moved = regressions.upper_edge(years, response + years, 2000, 0)
    assert [moved[k] - found[k] for k in ("low", "slope_per_year", "high")] == pytest.approx(
        [1, 1, 1], abs=1e-6
    )
    few = regressions.upper_edge(years[:19], response[:19], 2000, 0)
    assert "19; at least 20" in few["reason"]
