"""The trend and the frontier under other decisions, against the analysis of points changed by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import measure_sensitivity
from frontiers.analysis import sensitivity, trend
from frontiers.analysis.architectures.regression import regress
from frontiers.analysis.trend.regressions import CLUSTER, JACKKNIFE
from frontiers.core.tables import check_table, read_table, table_schema, write_table
from support.point_tables import make_points

TODAY = date(2026, 1, 1)
MODES = [None, None, "on", "off"]


def points(**columns):
    """Two dozen models of six developers and twelve lineages on a benchmark where guessing succeeds."""
    rng = np.random.default_rng(8)
    years, compute = rng.uniform(0, 2, 24), rng.normal(0, 0.5, 24)
    knows = 1 / (1 + np.exp(2 - 1.5 * years - 1.5 * compute + 0.3 * rng.normal(size=24)))
    accuracy = 0.25 + 0.75 * knows
    accuracy[:2] = 0.2
    made = make_points(years, accuracy, 10 ** (12 + compute), [f"d{i % 6}" for i in range(24)], problems=400)
    flops = made["flops"]
    return made.assign(
        strategy="reported", samples=1, interval="wilson", label=made["model"].str.upper(), chance=0.25,
        accuracy_low=made["accuracy"] - 0.04, accuracy_high=made["accuracy"] + 0.04,
        flops_2n=flops * rng.uniform(0.8, 1.2, 24), reasoning_tokens=100.0, answer_tokens=0.0,
        flops_expanded=flops * np.where(np.arange(24) < 4, 0.6, 1), flops_spread=flops * rng.uniform(1, 1.3, 24),
        flops_method=np.where(np.arange(24) % 8, "closed form", "2*active*tokens"),
        total_params=np.where(np.arange(24) % 4, 10, 40), active_params=10, mode=[MODES[i % 4] for i in range(24)],
        architecture=np.where(np.arange(24) % 2, "dense", "moe"), pair=np.where(np.arange(24) % 3, "one run", "joined"),
        lineage=[f"l{i % 12}" for i in range(24)],
    ).assign(**columns).reindex(columns=list(table_schema("points")["properties"]))  # fmt: skip


@pytest.fixture(scope="module")
def found():
    table = sensitivity.fit(points(), 1, TODAY)
    check_table(table, "sensitivity", "test")
    return table.set_index(["variant", "quantity"])


def test_every_variant_is_there_and_the_first_is_the_study(found):
    quantities = [*sensitivity.QUANTITIES, "frontier", "mixtures_log_odds"]
    assert list(found.index) == [(v, q) for v in sensitivity.VARIANTS for q in quantities]
    fits = trend.fit(points(), 50, 1, today=TODAY)
    fits = fits[fits["selection"] == "all"].set_index(["metric", "estimator", "standard_error"])
    first = found.loc["as analysed"]
    for quantity, key in sensitivity.QUANTITIES.items():
        row = fits.loc[key]
        assert first.loc[quantity, ["estimate", "low", "high"]].tolist() == pytest.approx(
            row[["slope_per_year", "low", "high"]].tolist(), nan_ok=True
        )
        assert key[2] in (CLUSTER, JACKKNIFE)
        assert first.loc[quantity, "interval"] == (key[2] if row["estimable"] else None)


@pytest.mark.parametrize(
    ("variant", "change"),
    [
        ("2 x active parameters x tokens", lambda p: p.assign(flops=p["flops_2n"])),
        ("2 x total parameters x tokens", lambda p: p.assign(flops=p["flops_2n"] * p["total_params"] / 10)),
        ("closed form only", lambda p: p[np.arange(24) % 8 > 0]),
        ("latent attention expanded", lambda p: p.assign(flops=p["flops_expanded"])),
        ("lengths log-normal", lambda p: p.assign(flops=p["flops_spread"])),
        ("not corrected for guessing", lambda p: p.drop(columns="chance")),
        ("better than guessing only", lambda p: p[p["accuracy"] - 0.04 > 0.25]),
        ("reasoning runs only", lambda p: p[np.arange(24) % 4 == 2]),
        ("instruct runs only", lambda p: p[np.arange(24) % 4 != 2]),
        ("accuracy and tokens of one run", lambda p: p[np.arange(24) % 3 > 0]),
    ],
)
def test_a_variant_is_the_analysis_of_the_changed_points(found, variant, change):
    changed = change(points())
    fits = trend.fit(changed, 50, 1, today=TODAY)
    fits = fits[(fits["selection"] == "all")].set_index(["metric", "estimator", "standard_error"])
    for quantity, key in sensitivity.QUANTITIES.items():
        row, ours = fits.loc[key], found.loc[(variant, quantity)]
        assert ours["estimable"] == row["estimable"]
        assert ours["estimate"] == pytest.approx(row["slope_per_year"], nan_ok=True)
        assert ours["models"] == len(changed)
    on = {
        a.label
        for a in changed.itertuples()
        if not any(
            b.flops <= a.flops and b.accuracy >= a.accuracy and (b.flops < a.flops or b.accuracy > a.accuracy)
            for b in changed.itertuples()
        )
    }
    before = set(sensitivity.on_frontier(points()))
    row = found.loc[(variant, "frontier")]
    assert row["estimate"] == len(on)
    effect = regress(changed, [("moe", "dense")])[0]
    mixtures = found.loc[(variant, "mixtures_log_odds")]
    assert mixtures["estimable"] == effect["estimable"]
    assert mixtures["estimate"] == pytest.approx(effect.get("estimate", np.nan), nan_ok=True)
    for column, names in (("joined", on - before), ("lost", before - on)):
        assert set((row[column] or "").split("; ")) - {""} == names


def test_one_model_of_each_lineage(found):
    made = points()
    for variant, best in (("first model of each lineage", "min"), ("last model of each lineage", "max")):
        days = made.groupby("lineage")["release_date"].transform(best)
        kept = sensitivity.VARIANTS[variant](made)
        assert kept["lineage"].is_unique and set(kept["model"]) <= set(
            made.loc[made["release_date"] == days, "model"]
        )
        assert (found.loc[variant]["models"] == 12).all() and found.loc[variant]["estimable"].sum() >= 3


def test_a_variant_that_changes_nothing_says_so():
    bare = points(mode=None, pair=None, lineage=None, flops_expanded=np.nan, flops_spread=np.nan, chance=0.0)
    table = sensitivity.fit(bare, 1, TODAY).set_index(["variant", "quantity"])
    for variant in (
        "latent attention expanded", "lengths log-normal", "not corrected for guessing", "better than guessing only",
        "reasoning runs only", "instruct runs only", "accuracy and tokens of one run", "last model of each lineage",
    ):  # fmt: skip
        rows = table.loc[variant]
        assert not rows["estimable"].any() and rows["reason"].notna().all() and (rows["models"] == 0).all()
    none = points().assign(mode="off")
    rows = sensitivity.fit(none, 1, TODAY).set_index(["variant", "quantity"]).loc["reasoning runs only"]
    few = "too few models to tell (moe: 0, dense: 0; at least 3 of each are needed)"
    assert set(rows["reason"]) == {"no model is left", few} and (rows["models"] == 0).all()


def test_points_at_several_caps_are_named_by_cap():
    two = pd.concat([points().iloc[:1], points().iloc[:1].assign(cap=8, flops=1.0, accuracy=0.1)])
    two["cap"] = two["cap"].astype("Int64")
    assert sensitivity.on_frontier(two) == ["M0 without cap", "M0 at 8"]


def test_the_script_writes_the_table(tmp_path):
    full = points().assign(accuracy_answered=np.nan, source="S")
    full["may_have_seen"] = pd.array([True] * len(full), dtype="boolean")
    write_table(full, tmp_path / "points.parquet", "points")
    measure_sensitivity.main(
        [
            "--points",
            str(tmp_path / "points.parquet"),
            "--seed",
            "1",
            "--output",
            str(tmp_path / "sensitivity.parquet"),
        ]
    )
    table = read_table(tmp_path / "sensitivity.parquet", "sensitivity")
    assert len(table) == 6 * len(sensitivity.VARIANTS)
    assert pd.read_csv(tmp_path / "sensitivity.csv")["variant"].nunique() == len(sensitivity.VARIANTS)


def test_of_a_lineage_all_caps_of_one_model_stay():
    """Recorded runs have many points of a model; each variant keeps or drops a model whole."""
    whole = points()
    both = pd.concat([whole, whole.assign(cap=64)]).astype({"cap": "Int64"}).reset_index(drop=True)
    for last in (False, True):
        one = sensitivity.of_lineage(last)(whole)
        kept = sensitivity.of_lineage(last)(both)
        assert set(kept["model"]) == set(one["model"]) and len(kept) == 2 * len(one)


def test_recorded_modes_are_told_apart():
    made = points(mode=[("instruct", "reasoning", "hybrid")[i % 3] for i in range(24)])
    reasons, others = (sensitivity.in_mode(which)(made) for which in (True, False))
    assert set(reasons["mode"]) == {"reasoning", "hybrid"} and set(others["mode"]) == {"instruct"}
