"""One scale of ability over benchmarks, of which models miss some."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from frontiers.analysis import abilities
from frontiers.core.tables import check_table, read_table
from measure_abilities import main

TODAY = date(2026, 1, 1)
MANY = 10**9


def points(number=24, missing=0.3, own=0.0, benchmarks=("x", "y", "z"), seed=1, problems=MANY, rise=0.9):
    """Return points whose log-odds are 0.9 a year and 1.2 per decade of compute, plus the easiness of the benchmark."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(number):
        years, level = rng.uniform(0, 3), rng.uniform(12, 14)
        here = [b for b in benchmarks if rng.random() > missing] or [benchmarks[0]]
        for b in here:
            decades = level + rng.normal(0, 0.3)
            odds = (
                rise * years + 1.2 * (decades - 13) + {"x": 0.5, "y": 0.0, "z": -0.5}[b] + own * rng.normal()
            )
            day = pd.Timestamp("2022-06-01") + pd.Timedelta(days=round(365.25 * years))
            rows.append(
                (
                    f"m{i:02d}",
                    b,
                    rng.binomial(problems, expit(odds - 1)) / problems,
                    10**decades,
                    str(day.date()),
                )
            )
    frame = pd.DataFrame(rows, columns=["model", "benchmark", "accuracy", "flops", "release_date"])
    cap = pd.array([None] * len(frame), dtype="Int64")
    developer = "d" + (frame["model"].str[1:].astype(int) % 8).astype(str)
    return frame.assign(strategy="reported", cap=cap, problems=problems, developer=developer, chance=0.0)


def test_without_noise_the_truth_is_found():
    table, slopes = abilities.fit(points(), TODAY)
    check_table(table, "abilities", "test")
    check_table(slopes, "ability_trend", "test")
    found = slopes.drop_duplicates("quantity").set_index("quantity")["estimate"]
    assert found[abilities.PER_YEAR] == pytest.approx(0.9, abs=1e-3)
    assert found[abilities.PER_DECADE] == pytest.approx(1.2, abs=1e-3)
    assert found[abilities.COMPUTE] == pytest.approx(-0.75, abs=1e-3)
    assert table["estimable"].all() and table["benchmarks"].between(1, 3).all()


def test_an_ability_is_the_mean_over_benchmarks_where_all_are_answered_and_counts_where_one_is_missing():
    full = points(missing=0, own=0.5)
    table = abilities.fit(full, TODAY)[0].set_index("model")
    means = full.assign(odds=logit(full["accuracy"])).groupby("model")["odds"].mean()
    assert table["ability"].to_numpy() == pytest.approx(means[table.index].to_numpy(), abs=1e-3)
    fewer = full.drop(full.index[(full["model"] == "m00") & (full["benchmark"] != "x")])
    alone = abilities.fit(fewer, TODAY)[0].set_index("model")
    assert alone.loc["m00", "benchmarks"] == 1
    assert np.diff(alone.loc["m00", ["low", "high"]]) > 1.4 * np.diff(alone.loc["m01", ["low", "high"]])


def test_abilities_are_those_of_weighted_least_squares():
    frame = points(own=0.0, problems=40)
    table = abilities.fit(frame, TODAY)[0].set_index("model")
    share = frame["accuracy"].clip(0.5 / 41, 40.5 / 41)
    right, wrong = share * 40 + 0.5, 40 - share * 40 + 0.5
    variance = 1 / right + 1 / wrong + table["own_spread"].iloc[0] ** 2
    names = pd.get_dummies(frame["model"], dtype=float)
    easy = pd.get_dummies(frame["benchmark"], dtype=float)
    design = names.join(easy[["x", "y"]].sub(easy["z"], axis=0))
    fit = sm.WLS(np.log(right / wrong), design, weights=1 / variance).fit()
    assert table["ability"].to_numpy() == pytest.approx(fit.params[table.index].to_numpy(), abs=1e-6)
    error = np.sqrt(np.diag(fit.normalized_cov_params))[: len(names.columns)]
    half = (table["high"] - table["low"]).loc[names.columns].to_numpy() / 2
    assert half / error == pytest.approx(half[0] / error[0])


def test_slopes_are_those_of_statsmodels():
    frame = points(own=0.4)
    slopes = abilities.fit(frame, TODAY)[1].drop_duplicates("quantity").set_index("quantity")["estimate"]
    days = pd.to_datetime(frame["release_date"])
    design = pd.get_dummies(frame["benchmark"], dtype=float).assign(
        years=(days - days.min()).dt.days / 365.25, decades=np.log10(frame["flops"])
    )
    fit = sm.OLS(logit(frame["accuracy"]), design).fit()
    assert slopes[abilities.PER_YEAR] == pytest.approx(fit.params["years"], abs=1e-4)
    assert slopes[abilities.COMPUTE] == pytest.approx(-fit.params["years"] / fit.params["decades"], abs=1e-4)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (points(benchmarks=("x",)), "too few models on several benchmarks"),
        (points(missing=0).query("(model < 'm12') == (benchmark == 'x')"), "no model links the benchmarks"),
    ],
)
def test_what_has_no_ability_says_why(frame, reason):
    table, slopes = abilities.fit(frame, TODAY)
    check_table(table, "abilities", "test")
    assert (
        not table["estimable"].any()
        and table["reason"].str.startswith(reason).all()
        and slopes["estimable"].any()
    )


def test_what_has_no_trend_says_why():
    few = abilities.fit(points(4), TODAY)[1]
    assert few["reason"].str.contains("models with a release date: 4").all()
    apart = abilities.fit(points().assign(developer="d"), TODAY)[1].set_index("interval")
    assert apart["reason"].dropna().str.startswith("developers: 1").all() and apart["estimable"].sum() == 3
    falling = points(rise=0.0, own=0.1).assign(flops=lambda f: 1e13 * (2 - f["flops"] / f["flops"].max()))
    ratio = abilities.fit(falling, TODAY)[1].query("quantity == 'decades_per_year'")
    assert (ratio["reason"] == "that accuracy rises with compute is not shown").all()


def test_undated_models_have_an_ability_and_no_place_in_the_trend():
    frame = points()
    frame.loc[frame["model"] == "m00", "release_date"] = None
    table, slopes = abilities.fit(frame, TODAY)
    assert len(table) == 24 and (slopes["models"] == 23).all()


def test_the_script_writes_both_tables(measured, tmp_path):
    paths = {name: tmp_path / f"{name}.parquet" for name in ("abilities", "ability_trend")}
    given = [
        "--points",
        str(measured["points"]),
        "--seed",
        "1",
        "--draws",
        "9",
        "--output",
        str(paths["abilities"]),
    ]
    main([*given, "--ability-trend", str(paths["ability_trend"])])
    for name, path in paths.items():
        assert len(read_table(path, name)) == len(pd.read_csv(path.with_suffix(".csv"))) > 0
