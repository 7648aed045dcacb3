from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from fit_trend import main
from frontiers import trend
from frontiers.cli import UserError
from frontiers.tables import check_table, read_table, table_schema, write_table


def make_points(years, accuracy, flops, developers=None, problems=100_000) -> pd.DataFrame:
    """Points of one benchmark, one model each, released `years` after a fixed day."""
    number = len(years)
    days = [date(2024, 1, 1) + timedelta(days=round(365.25 * y)) for y in years]
    return pd.DataFrame(
        {
            "model": [f"m{i}" for i in range(number)],
            "strategy": "cot",
            "benchmark": "easy",
            "cap": pd.array([pd.NA] * number, dtype="Int64"),
            "problems": problems,
            "accuracy": np.asarray(accuracy, float),
            "flops": np.asarray(flops, float),
            "release_date": [d.isoformat() for d in days],
            "developer": developers or [f"d{i}" for i in range(number)],
        }
    )


def row(table: pd.DataFrame, metric: str, **wanted: str) -> pd.Series:
    wanted = {"metric": metric, "selection": "all"} | wanted
    found = table[np.logical_and.reduce([table[k] == v for k, v in wanted.items()])]
    return found.iloc[0]


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


def test_months_by_hand():
    assert trend.months(np.log10(2), np.log10(1.5), np.log10(4)) == pytest.approx(
        {"doubling_months": 12, "doubling_low": 6, "doubling_high": 12 * np.log(2) / np.log(1.5)}
    )
    open_ended = trend.months(0.1, -0.1, 0.3)
    assert open_ended["doubling_low"] == pytest.approx(12 * np.log10(2) / 0.3)
    assert np.isnan(open_ended["doubling_high"])
    falling = trend.months(-np.log10(2), -np.log10(4), -np.log10(1.5))
    assert falling["doubling_months"] == pytest.approx(-12)
    assert falling["doubling_low"] < -12 < falling["doubling_high"]


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
        ("cluster developer", {"cov_type": "cluster", "cov_kwds": {"groups": [i % 7 for i in range(30)]}}),
    ):
        result = model.fit(use_t=True, **keywords)
        found = row(table, "accuracy_per_flop", standard_error=name)
        assert found.slope_per_year == pytest.approx(result.params[1])
        assert [found.low, found.high] == pytest.approx(result.conf_int()[1], rel=1e-6)
        assert found.r2 == pytest.approx(result.rsquared)


def test_s_eff_says_that_its_unit_matters():
    years = np.linspace(0, 2, 8)
    points = make_points(years, np.linspace(0.2, 0.8, 8), np.full(8, 1e10))
    found = row(trend.fit(points, draws=20), "s_eff", standard_error="HC3")
    assert found.slope_per_year == pytest.approx(0.3 / 10, rel=1e-3)
    assert found.unit_dependent and "1000 FLOP the slope is 0.0429" in found.note
    assert np.isnan(found.doubling_months)


def three_way(seed: int, noise: float, number: int = 60):
    """Models for which L = 1 + 2 t + 1.5 F, so that compute at fixed accuracy changes by -4/3 per year."""
    rng = np.random.default_rng(seed)
    years, compute = rng.uniform(0, 2, number), rng.normal(0, 0.5, number)
    odds = -2 + 2 * years + 1.5 * compute + noise * rng.normal(size=number)
    return years, odds, compute


def test_compute_at_accuracy_without_noise_is_the_same_in_every_direction():
    years, odds, compute = three_way(1, 0)
    table = trend.fit(make_points(years, expit(odds), 10 ** (10 + compute), problems=10**9), draws=50)
    for estimator in trend.ESTIMATORS:
        found = row(table, "compute_at_accuracy", estimator=estimator)
        assert found.slope_per_year == pytest.approx(-4 / 3, rel=5e-3)
        assert found.doubling_months == pytest.approx(12 * np.log10(2) / (4 / 3), rel=5e-3)
        assert found.low <= found.slope_per_year + 1e-9 and found.slope_per_year <= found.high + 1e-9


def test_directions_equal_the_regressions_they_stand_for():
    years, odds, compute = three_way(2, 1)
    weights = np.full((1, len(years)), 1 / len(years))
    slopes = {k: float(v[0]) for k, v in trend.compute_slopes(years, odds, compute, weights).items()}
    _, b, c = sm.OLS(odds, sm.add_constant(np.column_stack([years, compute]))).fit().params
    assert slopes["ols"] == pytest.approx(-b / c)
    _, b, _ = sm.OLS(compute, sm.add_constant(np.column_stack([years, odds]))).fit().params
    assert slopes["inverse"] == pytest.approx(b)
    assert slopes["ols"] < slopes["deming"] < slopes["inverse"] < 0


def test_bootstrap_interval_covers():
    hits = 0
    for seed in range(60):
        years, odds, compute = three_way(100 + seed, 0.5)
        points = make_points(years, expit(odds), 10 ** (10 + compute), problems=10**9)
        found = row(trend.fit(points, draws=300, seed=seed), "compute_at_accuracy", estimator="ols")
        hits += found.low <= -4 / 3 <= found.high
    assert hits >= 51  # 95 % of 60 is 57; fewer than 51 has a probability below 1 in 100


def test_weights_are_the_same_as_repeated_models():
    years, odds, compute = three_way(5, 1, 12)
    counts = np.array([2, 0, 1, 1, 3, 0, 1, 1, 1, 1, 0, 1])
    again = np.repeat(np.arange(12), counts)
    weighted = trend.compute_slopes(years, odds, compute, counts[None] / counts.sum())
    repeated = trend.compute_slopes(
        years[again], odds[again], compute[again], np.full((1, len(again)), 1 / len(again))
    )
    for name in trend.ESTIMATORS:
        assert weighted[name] == pytest.approx(repeated[name])


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


def test_models_without_dates_have_no_trend_and_a_bad_date_is_named():
    points = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    undated = points.release_date.where(~points.model.isin(["m0", "m1"]), None)
    assert not trend.fit(points.assign(release_date=undated), draws=20).estimable.any()
    spoilt = points.release_date.where(points.model != "m2", "May 2025")
    with pytest.raises(UserError, match="`m2` is not a day"):
        trend.fit(points.assign(release_date=spoilt), draws=20)


def test_one_point_per_model_at_its_largest_cap():
    full = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    capped = full.assign(cap=pd.array([8] * 6, dtype="Int64"), accuracy=0.1, flops=1e8)
    votes = full.assign(strategy="vote", accuracy=0.9, flops=1e10)
    mixed = pd.concat([capped, votes, full], ignore_index=True)
    pd.testing.assert_frame_equal(trend.fit(mixed, draws=20), trend.fit(full, draws=20))


def test_frontier_at_date_by_hand():
    points = pd.DataFrame(
        {
            "years": [0.0, 1.0, 1.0, 2.0, 3.0, 3.0],
            "flops": [10.0, 10.0, 20.0, 5.0, 10.0, 5.0],
            "accuracy": [0.5, 0.4, 0.6, 0.5, 0.5, 0.5],
        }
    )
    assert trend.frontier_at_date(points).tolist() == [True, False, True, True, False, True]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_frontier_at_date_equals_a_plain_loop(rows):
    points = pd.DataFrame(rows, columns=["years", "flops", "accuracy"])

    def dominated(a):
        return any(
            b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and (b[1] < a[1] or b[2] > a[2]) for b in rows
        )

    assert trend.frontier_at_date(points).tolist() == [not dominated(r) for r in rows]


def test_script(tmp_path, monkeypatch):
    points = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    other = {c: None for c in table_schema("points")["properties"] if c not in points}
    points = points.assign(**other).assign(
        samples=1, accuracy_low=0.1, accuracy_high=0.9, interval="wilson", flops_2n=1e9, reasoning_tokens=1.0
    )
    points = points.assign(
        flops_method="closed form", answer_tokens=1.0, total_params=1, active_params=1, label="x"
    )
    write_table(points, tmp_path / "points.parquet", "points")
    arguments = ["--points", str(tmp_path / "points.parquet"), "--seed", "1", "--draws", "20"]
    main([*arguments, "--output", str(tmp_path / "trend.parquet")])
    written = read_table(tmp_path / "trend.parquet", "trend")
    assert row(written, "accuracy_per_flop").estimable
