"""Pairs of models of one size: which they are, and how each is compared."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from frontiers.analysis import architectures
from frontiers.analysis.architectures.regression import quoted, regress
from frontiers.core.tables import check_table
from frontiers.statistics.intervals import wilson
from support.synthetic_answers import make_answers

SIZES = {"d": (40, 40, "dense"), "m": (42, 96, "moe"), "t": (10, 100, "moe"), "big": (98, 98, "dense")}


def points(caps=(8, None), problems=200):
    rows = [
        (model, cap, 0.3 + 0.2 * (cap is None) + 0.1 * (model == "m"), active, total, kind)
        for model, (active, total, kind) in SIZES.items()
        for cap in caps
    ]
    table = pd.DataFrame(
        rows, columns=["model", "cap", "accuracy", "active_params", "total_params", "architecture"]
    )
    low, high = wilson(table["accuracy"], problems)
    return table.astype({"cap": "Int64"}).assign(
        strategy="cot", benchmark="a", problems=problems, flops=1e9 * table["active_params"], flops_2n=1e9,
        accuracy_low=low, accuracy_high=high, developer="x", release_date=["2025-01-01"] * 4 + ["2025-03-02"] * 4,
    )  # fmt: skip


def test_pairs_are_equal_within_a_tenth_in_active_or_total_parameters_at_the_largest_cap():
    table = architectures.size_pairs(points())
    check_table(table, "size_pairs", "test")
    found = list(table[["model_a", "model_b", "equal"]].itertuples(index=False, name=None))
    assert found == [
        ("m", "d", "active parameters"), ("m", "big", "total parameters"), ("t", "big", "total parameters")
    ]  # fmt: skip
    first = table.iloc[0]
    assert first["difference"] == pytest.approx(0.1) and pd.isna(first["cap"])
    assert first["flops_ratio"] == first["size_ratio"] == pytest.approx(1.05)
    assert first["days_apart"] == 0 and table.iloc[2]["days_apart"] == 0
    assert architectures.size_pairs(points().drop(columns="total_params")).empty


def test_accuracies_of_separate_runs_are_compared_as_newcombe_does():
    """Method 10 of Newcombe 1998 (Stat. Med. 17, 873) on 120 of 200 against 100 of 200."""
    found = architectures.size_pairs(points()).iloc[0]
    (l1, l2), (u1, u2) = wilson([0.6, 0.5], 200)
    assert found["low"] == pytest.approx(0.1 - np.hypot(0.6 - l1, u2 - 0.5))
    assert found["high"] == pytest.approx(0.1 + np.hypot(u1 - 0.6, 0.5 - l2))
    assert pd.isna(found["p_value"])


def test_answers_to_the_same_problems_are_compared_problem_by_problem():
    rng, rows = np.random.default_rng(3), []
    for model, (active, _, _) in SIZES.items():
        right = rng.random(200) < (0.8 if model == "m" else 0.4)
        rows += [
            (model, "cot", "a", f"p{i}", 0, cap, bool(right[i]), 1e9 * active * (1 + (cap is None)))
            for i in range(200)
            for cap in (8, None)
        ]
    names = ["model", "strategy", "benchmark", "problem_id", "sample", "cap", "correct", "flops"]
    answers = pd.DataFrame(rows, columns=names).astype({"cap": "Int64"})
    table = architectures.size_pairs(points(), answers, draws=200, seed=1)
    check_table(table, "size_pairs", "test")
    first = table.iloc[0]
    assert first["interval"] == "tango score" and first["low"] > 0.2 and first["p_value"] < 1e-6
    assert first["p_holm"] == first["p_value"], "the only pair of its size"
    total = table[table["equal"] == "total parameters"]
    assert (total["p_holm"] >= total["p_value"]).all() and total["p_holm"].max() == min(
        1, total["p_holm"].max()
    )
    assert first["flops_low"] <= 1.05 <= first["flops_high"] + 1e-9


def test_the_compute_for_the_same_accuracy_is_that_of_the_pair_alone():
    """`m` needs half of what `d` needs at every accuracy; what another dense model needs has no part in it."""
    caps, rising = (8, 16, 32, None), [0.1, 0.3, 0.6, 0.9]
    flops = {"d": [2e9, 4e9, 8e9, 16e9], "m": [1e9, 2e9, 4e9, 8e9], "t": [1e9] * 4, "big": [9e12] * 4}
    answers = make_answers(dict.fromkeys(SIZES, rising), flops, caps, problems=300, benchmarks=("a",))
    table = architectures.size_pairs(points(problems=300), answers, draws=200, seed=1)
    check_table(table, "size_pairs", "test")
    first = table.iloc[0]
    assert (first["model_a"], first["model_b"]) == ("m", "d")
    right = (
        answers.assign(correct=answers["correct"].astype(float))
        .groupby(["model", "cap"], dropna=False)["correct"]
        .mean()
    )
    shared = [max(right[m].min() for m in "dm"), min(right[m].max() for m in "dm")]
    at = np.linspace(*shared, 2001)
    needs = [np.interp(at, np.sort(right[m]), np.log10(flops[m])) for m in "md"]
    assert first["matched_ratio"] == pytest.approx(10 ** np.mean(needs[0] - needs[1]), rel=0.02)
    assert 0.4 < first["matched_low"] < 0.5 < first["matched_high"] < 0.6
    one_cap = architectures.size_pairs(points(problems=300), answers[answers["cap"].isna()], draws=50, seed=1)
    assert one_cap["matched_ratio"].isna().all() and (one_cap["difference"] <= 1).all()


def world(rng, developers=14):
    """Return points of models whose developers, not they, differ beyond their kind; three models each."""
    rows = []
    for d in range(developers):
        kind, own = "moe" if d % 2 else "dense", rng.normal(0, 0.8)
        for m in range(3):
            decades = rng.uniform(12, 14)
            rows.append((f"m{d}.{m}", f"dev{d}", kind, expit(-1 + 1.2 * (decades - 13) + own), 10**decades))
    frame = pd.DataFrame(rows, columns=["model", "developer", "architecture", "accuracy", "flops"])
    cap = pd.array([pd.NA] * len(frame), dtype="Int64")
    return frame.assign(benchmark="b", strategy="reported", cap=cap, problems=10**6)


def test_models_of_one_developer_are_no_draws_of_their_own():
    """Errors by model hold a truth of no difference too seldom where developers differ; those by developer hold it."""
    rng, held = np.random.default_rng(5), {"model": 0, "developer": 0}
    for _ in range(200):
        rows = pd.DataFrame(regress(world(rng), [("moe", "dense")]))
        rows = rows[(rows["measure"] == "log_odds_at_matched_compute") & (rows["held_fixed"] == "compute")]
        for row in rows.itertuples():
            held["developer" if "developer" in row.interval else "model"] += row.low <= 0 <= row.high
        assert "developer" in quoted(rows)["interval"].iloc[0]
    assert held["model"] < 170 < 182 <= held["developer"]
