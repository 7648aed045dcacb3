from datetime import date

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit
from statsmodels.stats.multitest import multipletests

from frontiers.analysis.trend import fixed_accuracy, regressions
from frontiers.analysis.trend import table as trend
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table, write_table
from support.point_tables import make_points


def row(table: pd.DataFrame, metric: str, **wanted: str) -> pd.Series:
    wanted = {"metric": metric, "selection": "all"} | wanted
    found = table[np.logical_and.reduce([table[k] == v for k, v in wanted.items()])]
    return found.iloc[0]


def three_way(seed: int, noise: float, number: int = 60):
    """Models for which L = 1 + 2 t + 1.5 F, so that compute at fixed accuracy changes by -4/3 per year."""
    rng = np.random.default_rng(seed)
    years, compute = rng.uniform(0, 2, number), rng.normal(0, 0.5, number)
    odds = -2 + 2 * years + 1.5 * compute + noise * rng.normal(size=number)
    return years, odds, compute


def test_doubling_every_six_months_is_found_exactly():
    years = np.array([0, 0.5, 1, 1.5, 2, 2.5])
    table = trend.fit(make_points(years, np.full(6, 0.5), 1e12 * 0.25**years), draws=50)
    check_table(table, "trend", "test")
    found = row(table, "accuracy_per_flop", standard_error="HC3")
    assert found.slope_per_year == pytest.approx(np.log10(4), rel=2e-3)
    assert found.doubling_months == pytest.approx(6, rel=2e-3)
    assert found.doubling_low <= found.doubling_months <= found.doubling_high
    assert found.r2 == pytest.approx(1, abs=1e-5)
    assert found.estimable and found.models == 6


def test_regressions_are_those_of_statsmodels():
    rng = np.random.default_rng(3)
    years = np.sort(rng.uniform(0, 3, 30))
    points = make_points(
        years, rng.uniform(0.1, 0.9, 30), 10 ** rng.uniform(10, 13, 30), [f"d{i % 7}" for i in range(30)]
    )
    table = trend.fit(points, draws=50)
    when = points.release_date.map(lambda d: date.fromisoformat(d).toordinal() / 365.25).to_numpy()
    response = np.log10(points.accuracy / points.flops).to_numpy()
    model = sm.OLS(response, sm.add_constant(when))
    for name, keywords in (
        ("HC3", {"cov_type": "HC3"}),
        (
            "cluster developer",
            {"cov_type": "cluster-crv3", "cov_kwds": {"groups": [i % 7 for i in range(30)]}},
        ),
    ):
        result = model.fit(use_t=True, **keywords)
        found = row(table, "accuracy_per_flop", standard_error=name)
        assert found.slope_per_year == pytest.approx(result.params[1])
        assert [found.low, found.high] == pytest.approx(result.conf_int()[1], rel=1e-6)
        assert found.r2 == pytest.approx(result.rsquared)


def test_the_frontier_has_no_upper_edge_and_no_compute_at_accuracy():
    rng = np.random.default_rng(6)
    years = np.linspace(0, 3, 40)
    points = make_points(
        years, rng.uniform(0.1, 0.9, 40), 10 ** rng.uniform(10, 13, 40), [f"d{i % 8}" for i in range(40)]
    )
    table = trend.fit(points, draws=20)
    frontier = table[table.selection == "frontier_at_date"]
    assert len(frontier) == len(table) / 2
    assert set(frontier.loc[~frontier.estimable, "reason"]) == {trend.EDGE_ITSELF, trend.CHOSEN_BY_BOTH}
    kept = frontier[frontier.estimable]
    assert set(kept.metric) == {"s_eff", "accuracy_per_flop"}
    assert set(kept.standard_error) == {regressions.JACKKNIFE, regressions.JACKKNIFE_MODELS}


def test_s_eff_says_that_its_unit_matters():
    years = np.linspace(0, 2, 8)
    points = make_points(years, np.linspace(0.2, 0.8, 8), np.full(8, 1e10))
    found = row(trend.fit(points, draws=20), "s_eff", standard_error="HC3")
    assert found.slope_per_year == pytest.approx(0.3 / 10, rel=1e-3)
    assert found.unit_dependent and "1000 FLOP the slope is 0.0429" in found.note
    assert np.isnan(found.doubling_months)


def test_compute_at_accuracy_without_noise_is_the_same_in_every_direction():
    years, odds, compute = three_way(1, 0)
    table = trend.fit(make_points(years, expit(odds), 10 ** (10 + compute), problems=10**9), draws=50)
    for estimator in fixed_accuracy.ESTIMATORS:
        found = row(table, "compute_at_accuracy", estimator=estimator)
        assert found.slope_per_year == pytest.approx(-4 / 3, rel=5e-3)
        assert found.doubling_months == pytest.approx(12 * np.log10(2) / (4 / 3), rel=5e-3)
        assert found.low <= found.slope_per_year + 1e-9 and found.slope_per_year <= found.high + 1e-9


@pytest.mark.parametrize(
    ("years", "reason"),
    [
        ([0, 1, 2, 3], "models with a release date: 4; at least 5"),
        ([0, 0.1, 0.2, 0.3, 0.4], "span 4.8 months; at least 6"),
        ([0, 0, 0, 0, 0, 2], "a single model would decide"),
        ([1], "models with a release date: 1"),
    ],
)
def test_not_estimable_has_a_reason(years, reason):
    number = len(years)
    table = trend.fit(make_points(years, np.linspace(0.2, 0.8, number), np.full(number, 1e9)), draws=20)
    check_table(table, "trend", "test")
    assert not table.estimable.any()
    assert table[["slope_per_year", "low", "high", "doubling_months"]].isna().all(axis=None)
    assert table.loc[table.selection == "all", "reason"].str.contains(reason).all()


def test_each_developer_is_left_out():
    rng = np.random.default_rng(9)
    years = rng.uniform(0, 2, 24)
    makers = [f"d{i % 6}" for i in range(24)]
    points = make_points(years, rng.uniform(0.2, 0.8, 24), 10 ** rng.uniform(10, 11, 24), makers)
    found = row(trend.fit(points, draws=100), "accuracy_per_flop", standard_error="HC3")
    slopes = {}
    for maker in set(makers):
        part = trend.fit(points[points.developer != maker], draws=20)
        slopes[maker] = row(part, "accuracy_per_flop", standard_error="HC3").slope_per_year
    assert [found.left_out_low, found.left_out_high] == pytest.approx(
        [min(slopes.values()), max(slopes.values())]
    )
    assert found.left_out_developer == max(slopes, key=lambda m: abs(slopes[m] - found.slope_per_year))
    assert found.developers == 6


def test_few_developers_do_not_carry_clustered_errors():
    points = make_points(np.linspace(0, 2, 8), np.linspace(0.2, 0.8, 8), np.full(8, 1e9), ["one"] * 8)
    table = trend.fit(points, draws=20)
    assert row(table, "accuracy_per_flop", standard_error="HC3").estimable
    clustered = row(table, "accuracy_per_flop", standard_error="cluster developer")
    assert not clustered.estimable and "developers: 1" in clustered.reason


def test_accuracy_that_falls_with_compute():
    points = make_points(
        np.linspace(0, 2, 8), np.linspace(0.8, 0.2, 8), 10 ** (9 + np.linspace(0, 1, 8) ** 2)
    )
    found = row(trend.fit(points, draws=20), "compute_at_accuracy", estimator="ols")
    assert not found.estimable and "does not rise with compute" in found.reason


def test_zero_accuracy_enters_as_half_a_problem():
    points = make_points(np.linspace(0, 2, 6), [0, 0.1, 0.2, 0.3, 0.4, 1], np.full(6, 1e9), problems=99)
    found = row(trend.fit(points, draws=20), "accuracy_per_flop", standard_error="HC3")
    assert "half a problem: m0, m5" in found.note
    same = points.assign(accuracy=[0.005, 0.1, 0.2, 0.3, 0.4, 0.995])
    assert found.slope_per_year == row(trend.fit(same, draws=20), "accuracy_per_flop").slope_per_year


def test_models_without_date_or_cost_are_named():
    points = make_points(np.linspace(0, 2, 8), np.linspace(0.2, 0.8, 8), [0, *[1e9] * 7])
    points.loc[3, "release_date"] = None
    table = trend.fit(points, draws=20)
    assert (table[table.selection == "all"].models == 6).all()
    assert table.note.str.contains("without release date: m3").all()
    assert table.note.str.contains("without a positive compute: m0").all()


def test_dates_in_the_future_and_doubled_rows():
    points = make_points(np.linspace(0, 2, 8), np.linspace(0.2, 0.8, 8), np.full(8, 1e9))
    table = trend.fit(points, draws=20, today=date(2022, 6, 1))
    assert table.note.str.contains("release date in the future: m5, m6, m7").all()
    assert (table.loc[table.selection == "all", "models"] == 5).all()
    with pytest.raises(UserError, match=r"`points` has two rows for .*'m2'"):
        trend.fit(pd.concat([points, points.iloc[[2]]]), draws=20)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_all_wrong_and_all_right(accuracy):
    """What is always right has a trend, that of its cost; what is never right has none."""
    years = np.linspace(0, 2, 12)
    table = trend.fit(make_points(years, np.full(12, accuracy), 10 ** (12 - years**2), problems=50), draws=50)
    check_table(table, "trend", "test")
    ratio = table[table.metric == "compute_at_accuracy"]
    assert not ratio.estimable.any() and ratio.slope_per_year.isna().all()
    assert ratio.loc[ratio.selection == "all", "reason"].str.contains("does not rise with compute").all()
    plain = table[table.metric != "compute_at_accuracy"]
    assert plain.estimable.any() == (accuracy == 1)
    assert accuracy == 1 or plain.reason.eq(trend.NOTHING_RIGHT).all()


def test_equal_compute_and_one_model():
    points = make_points(np.linspace(0, 2, 12), np.linspace(0.2, 0.8, 12), np.full(12, 1e9))
    table = trend.fit(points, draws=50)
    ratio = table[table.metric == "compute_at_accuracy"]
    assert not ratio.estimable.any() and ratio.reason.notna().all()
    one = trend.fit(points.iloc[[0]], draws=50)
    assert not one.estimable.any() and one.reason.notna().all()
    none = trend.fit(points.iloc[:0], draws=50)
    assert none.empty


@pytest.mark.parametrize("flops", [0.0, -1e9, 1.0])
def test_a_cost_that_is_not_positive_is_left_out(flops):
    points = make_points(np.linspace(0, 2, 8), np.linspace(0.2, 0.8, 8), [flops, *[1e9] * 7])
    table = trend.fit(points, draws=20)
    assert table.note.str.contains("without a positive compute: m0").all()


def test_models_without_dates_have_no_trend_and_a_bad_date_is_named():
    points = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    undated = points.release_date.where(~points.model.isin(["m0", "m1"]), None)
    assert not trend.fit(points.assign(release_date=undated), draws=20).estimable.any()
    spoilt = points.release_date.where(points.model != "m2", "May 2025")
    with pytest.raises(UserError, match="`m2` is not a date"):
        trend.fit(points.assign(release_date=spoilt), draws=20)


def test_the_script_writes_the_table(published, tmp_path):
    table = trend.fit(read_table(published["points"], "points"), 100, 1)
    write_table(table, tmp_path / "trend.parquet", "trend")
    assert (tmp_path / "trend.parquet").read_bytes() == published["trend"].read_bytes()
    assert row(table, "accuracy_per_flop").estimable


def guessers(chance=0.25):
    """Models that know more every year, where a share of the rest is guessed right; two know nothing."""
    years, odds, compute = three_way(4, 0.0)
    knows = np.where(np.arange(60) < 2, 0.0, expit(odds))
    points = make_points(years, chance + (1 - chance) * knows, 10 ** (10 + compute))
    return points.assign(chance=chance)


def test_compute_at_accuracy_is_corrected_for_chance_and_given_without():
    points = guessers()
    table = trend.fit(points.iloc[2:], draws=50)
    for estimator in fixed_accuracy.ESTIMATORS:
        corrected = row(table, "compute_at_accuracy", estimator=estimator)
        assert corrected.slope_per_year == pytest.approx(-4 / 3, abs=0.01)
        plain = row(table, "compute_at_accuracy_uncorrected", estimator=estimator)
        wrong = trend.fit(points.iloc[2:].drop(columns="chance"), draws=50)
        assert (wrong["metric"] != "compute_at_accuracy_uncorrected").all()
        given = row(wrong, "compute_at_accuracy", estimator=estimator)
        assert plain.slope_per_year == given.slope_per_year != corrected.slope_per_year
    kept = trend.fit(points, draws=50)
    assert row(kept, "compute_at_accuracy").models == 60
    assert "m0 (25.0%), m1 (25.0%)" in row(kept, "compute_at_accuracy").note
    assert "m0" not in (row(kept, "compute_at_accuracy_uncorrected").note or "")
    assert row(kept, "accuracy_per_flop").slope_per_year == pytest.approx(
        row(trend.fit(points.drop(columns="chance"), draws=50), "accuracy_per_flop").slope_per_year
    )


def test_p_values_agree_with_the_intervals_and_are_corrected_for_the_benchmarks():
    rng = np.random.default_rng(2)
    parts = []
    for number, name in enumerate(("a", "b", "c", "mean")):
        years, odds, compute = three_way(number, 0.8, 30)
        accuracy, flops = expit(odds * number / 3 - rng.uniform(0, 1)), 10 ** (10 + compute)
        parts.append(
            make_points(years, accuracy, flops, [f"d{i % 8}" for i in range(30)]).assign(benchmark=name)
        )
    table = trend.fit(pd.concat(parts, ignore_index=True), draws=50)
    check_table(table, "trend", "test")
    known = table[table["p_value"].notna()]
    assert set(known["standard_error"]) == {
        "HC3", "cluster developer", "jackknife over models", "jackknife over developers",
    }  # fmt: skip
    outside = (known["low"] > 0) | (known["high"] < 0)
    assert (outside == (known["p_value"] < 0.05)).all() and outside.any() and not outside.all()
    limits = table["estimable"] & table["standard_error"].isin(["rank inversion", "bootstrap over models"])
    assert table.loc[limits, "p_value"].isna().all()
    key = ["metric", "selection", "estimator", "standard_error"]
    for _, family in known[known["benchmark"] != "mean"].groupby(key):
        expected = multipletests(family["p_value"], method="holm")[1]
        assert family["p_holm"].to_numpy() == pytest.approx(expected)
    assert known.loc[known["benchmark"] == "mean", "p_holm"].isna().all()
