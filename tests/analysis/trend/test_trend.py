from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from statsmodels.regression.quantile_regression import QuantReg

from fit_trend import main
from frontiers.analysis.trend import dated_points, fixed_accuracy, regressions
from frontiers.analysis.trend import table as trend
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table, table_schema, write_table


def make_points(years, accuracy, flops, developers=None, problems=100_000) -> pd.DataFrame:
    """Points of one benchmark, one model each, released `years` after a fixed day."""
    number = len(years)
    days = [date(2021, 1, 1) + timedelta(days=round(365.25 * y)) for y in years]
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
    assert regressions.months(np.log10(2), np.log10(1.5), np.log10(4)) == pytest.approx(
        {"doubling_months": 12, "doubling_low": 6, "doubling_high": 12 * np.log(2) / np.log(1.5)}
    )
    open_ended = regressions.months(0.1, -0.1, 0.3)
    assert open_ended["doubling_low"] == pytest.approx(12 * np.log10(2) / 0.3)
    assert np.isnan(open_ended["doubling_high"])
    falling = regressions.months(-np.log10(2), -np.log10(4), -np.log10(1.5))
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
    for estimator in fixed_accuracy.ESTIMATORS:
        found = row(table, "compute_at_accuracy", estimator=estimator)
        assert found.slope_per_year == pytest.approx(-4 / 3, rel=5e-3)
        assert found.doubling_months == pytest.approx(12 * np.log10(2) / (4 / 3), rel=5e-3)
        assert found.low <= found.slope_per_year + 1e-9 and found.slope_per_year <= found.high + 1e-9


def test_directions_equal_the_regressions_they_stand_for():
    years, odds, compute = three_way(2, 1)
    weights = np.full((1, len(years)), 1 / len(years))
    slopes = {k: float(v[0]) for k, v in fixed_accuracy.compute_slopes(years, odds, compute, weights).items()}
    _, b, c = sm.OLS(odds, sm.add_constant(np.column_stack([years, compute]))).fit().params
    assert slopes["ols"] == pytest.approx(-b / c)
    _, b, _ = sm.OLS(compute, sm.add_constant(np.column_stack([years, odds]))).fit().params
    assert slopes["inverse"] == pytest.approx(b)
    assert slopes["ols"] < slopes["deming"] < slopes["inverse"] < 0


def test_weights_are_the_same_as_repeated_models():
    years, odds, compute = three_way(5, 1, 12)
    counts = np.array([2, 0, 1, 1, 3, 0, 1, 1, 1, 1, 0, 1])
    again = np.repeat(np.arange(12), counts)
    weighted = fixed_accuracy.compute_slopes(years, odds, compute, counts[None] / counts.sum())
    repeated = fixed_accuracy.compute_slopes(
        years[again], odds[again], compute[again], np.full((1, len(again)), 1 / len(again))
    )
    for name in fixed_accuracy.ESTIMATORS:
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


def test_ratio_limits_by_brute_force():
    spread = np.array([[0.04, 0.01], [0.01, 0.02]])
    low, high = fixed_accuracy.fieller(-1.5, 1.0, spread, 2.0)
    ratios = np.linspace(-5, 2, 700_001)
    error = np.sqrt(spread[0, 0] - 2 * ratios * spread[0, 1] + ratios**2 * spread[1, 1])
    held = ratios[np.abs(-1.5 - ratios) <= 2 * error]
    assert [low, high] == pytest.approx([held.min(), held.max()], abs=2e-5)
    assert fixed_accuracy.fieller(-1.5, 0.2, spread, 2.0) is None


def test_noise_of_few_answers_does_not_bend_the_directions():
    """With 30 answers each the plain inverse regression would halve too slowly by a seventh."""
    rng = np.random.default_rng(8)
    years, compute = rng.uniform(0, 2, 4000), rng.normal(0, 0.6, 4000)
    odds = -1.2 + 1.5 * years + 1.5 * compute
    seen = rng.binomial(30, expit(odds)) / 30
    given, noise = dated_points.empirical_odds(seen, np.full(4000, 30.0))
    weights = np.full((1, 4000), 1 / 4000)
    corrected = fixed_accuracy.compute_slopes(years, given, compute, weights, noise)
    assert [float(corrected[e][0]) for e in fixed_accuracy.ESTIMATORS] == pytest.approx(
        [-1, -1, -1], abs=0.04
    )
    plain = fixed_accuracy.compute_slopes(years, given, compute, weights)
    assert float(plain["inverse"][0]) > -0.95


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
    assert dated_points.frontier_at_date(points).tolist() == [True, False, True, True, False, True]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_frontier_at_date_equals_a_plain_loop(rows):
    points = pd.DataFrame(rows, columns=["years", "flops", "accuracy"])

    def dominated(a):
        return any(
            b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and (b[1] < a[1] or b[2] > a[2]) for b in rows
        )

    assert dated_points.frontier_at_date(points).tolist() == [not dominated(r) for r in rows]


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
