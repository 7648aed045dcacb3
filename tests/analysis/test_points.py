import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import describe_points
import extract_frontier
import summarise_points
from frontiers.analysis import frontier, points
from frontiers.analysis.frontier import pareto
from frontiers.core import sealed
from frontiers.core.cli import UserError
from frontiers.core.keys import cap_order
from frontiers.core.tables import read_table, write_table
from frontiers.statistics import bootstrap, intervals
from support.point_tables import answers_of, tables

SHOWN = ["label", "developer", "release_date"]


def study(folder, models=None, benchmarks=("easy", "hard")):
    """Write the tables of a small study and return the arguments of `summarise_points`."""
    models = models or {"small.v1": (30, 0.6), "large": (40, 0.9), "direct": (0, 0.3)}
    arguments = {kind: [] for kind in (*summarise_points.KINDS, "models")}
    for number, (model, (trace, skill)) in enumerate(models.items()):
        for place, benchmark in enumerate(benchmarks):
            made = tables(trace * (place + 1), skill / (place + 1), seed=number)
            for kind, table in zip(summarise_points.KINDS, made, strict=True):
                path = folder / kind / model / f"{benchmark}.cot.parquet"
                write_table(table, path, kind)
                arguments[kind].append(str(path))
        path = folder / "models" / f"{model}.json"
        sealed.write(path, {"kind": "dense", "total_params": 500 + number, "active_params": 500})
        arguments["models"].append(str(path))
    out = ["--answers", str(folder / "answers.parquet"), "--measures", str(folder / "measures.parquet")]
    given = [part for kind, paths in arguments.items() for part in (f"--{kind}", *paths)]
    return [*given, "--benchmarks", *benchmarks, "--seed", "1", "--draws", "200", *out]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    summarise_points.main(study(folder))
    shown = {"large": {"label": "Large", "release_date": "2025-01-01"}, "not in the study": {}}
    paths = ["--measures", str(folder / "measures.parquet"), "--points", str(folder / "points.parquet")]
    describe_points.main([*paths, "--models", json.dumps(shown)])
    given = ["--points", str(folder / "points.parquet"), "--answers", str(folder / "answers.parquet")]
    out = ["--output", str(folder / "frontier.parquet"), "--summary", str(folder / "frontier.json")]
    extract_frontier.main([*given, "--seed", "1", "--draws", "200", *out])
    return folder


def test_points_have_every_cap_and_the_mean(measured):
    table = read_table(measured / "points.parquet", "points")
    assert table.groupby(["model", "strategy", "benchmark"]).size().eq(3).all() and len(table) == 3 * 3 * 3
    assert table["benchmark"].unique().tolist() == ["easy", "hard", "mean"]
    assert (table["accuracy_low"] <= table["accuracy"]).all() and (
        table["accuracy"] <= table["accuracy_high"]
    ).all()
    assert (table["flops_low"] <= table["flops"]).all() and (table["flops"] <= table["flops_high"]).all()
    assert table["seconds"].isna().all() and table["joules"].isna().all()
    bare = read_table(measured / "measures.parquet", "points")
    assert bare["release_date"].isna().all() and bare["label"].equals(bare["model"])
    pd.testing.assert_frame_equal(bare.drop(columns=SHOWN), table.drop(columns=SHOWN))
    large = table[table["model"] == "large"].iloc[0]
    assert (large["label"], large["release_date"], large["total_params"]) == ("Large", "2025-01-01", 501)
    assert table.loc[table["model"] == "small.v1", "label"].eq("small.v1").all()
    assert (measured / "points.csv").exists()


def test_points_are_plain_means_of_the_answers(measured):
    table = read_table(measured / "points.parquet", "points")
    answers = read_table(measured / "answers.parquet", "answers")
    assert len(answers) == 3 * 2 * 3 * 20
    here = answers[(answers["model"] == "large") & (answers["benchmark"] == "hard") & answers["cap"].isna()]
    point = table[(table["model"] == "large") & (table["benchmark"] == "hard") & table["cap"].isna()].iloc[0]
    assert point["accuracy"] == here["correct"].mean() and point["problems"] == 20
    for cost in ("flops", "flops_2n", "eflops", "reasoning_tokens", "answer_tokens"):
        assert point[cost] == pytest.approx(here[cost].mean(), rel=1e-12)
    low, high = intervals.wilson(point["accuracy"], 20)
    assert (point["accuracy_low"], point["accuracy_high"], point["interval"]) == (low, high, "wilson")
    mean = table[(table["model"] == "large") & (table["benchmark"] == "mean") & table["cap"].isna()].iloc[0]
    both = table[(table["model"] == "large") & (table["benchmark"] != "mean") & table["cap"].isna()]
    assert mean["accuracy"] == pytest.approx(both["accuracy"].mean()) and mean["problems"] == 40
    assert mean["flops"] == pytest.approx(both["flops"].mean()) and mean["interval"] == intervals.COMBINED


def test_frontier_table_holds_the_brute_force_frontier(measured):
    table = points.with_measures(read_table(measured / "points.parquet", "points"))
    frontier = read_table(measured / "frontier.parquet", "frontier")
    assert set(frontier["cost"]) == {"flops", "eflops", "tokens"}
    for (benchmark, cost), rows in frontier.groupby(["benchmark", "cost"]):
        here = table[table["benchmark"] == benchmark]
        expected = here[pareto.frontier(here[cost], here["accuracy"])]
        keys = set(zip(expected["model"], cap_order(expected["cap"]), strict=True))
        on = rows[rows["on_frontier"]]
        assert set(zip(on["model"], cap_order(on["cap"]), strict=True)) == keys
    assert ((frontier["p_on_frontier"] >= 0.05) | frontier["on_frontier"] | frontier["within_noise"]).all()
    assert frontier.loc[frontier["on_frontier"], "within_noise"].all()
    assert frontier["best_low"].notna().equals(frontier["on_frontier"])
    assert frontier["held_out"].notna().equals(frontier["on_frontier"])
    assert frontier["held_out_low"].le(frontier["held_out"] + 1e-9)[frontier["on_frontier"]].all()
    for name in ("accuracy", "cost", "shortfall"):
        value = frontier["cost_value" if name == "cost" else name]
        assert (frontier[f"{name}_low"] <= value + 1e-9).all() and (
            value <= frontier[f"{name}_high"] + 1e-9
        ).all()


def test_a_model_with_the_same_points_at_all_caps_is_tied_with_itself(measured):
    frontier = read_table(measured / "frontier.parquet", "frontier")
    direct = frontier[(frontier["model"] == "direct") & (frontier["cost"] == "flops")]
    assert direct.groupby("benchmark").size().eq(3).all() and direct["on_frontier"].all()
    assert direct.groupby("benchmark")["p_on_frontier"].nunique().eq(1).all()


def test_summary_says_what_to_take_at_each_budget(measured):
    summary = json.loads((measured / "frontier.json").read_text())
    assert summary["bootstrap"] == "joint over problems" and summary["left_out_of_mean"] == []
    assert [(f["benchmark"], f["cost"]) for f in summary["frontiers"]][:2] == [
        ("easy", "flops"),
        ("easy", "eflops"),
    ]
    entry = summary["frontiers"][0]
    volume = entry["hypervolume"]
    assert volume["low"] <= volume["value"] <= volume["high"] and volume["reference"]["accuracy"] == 0
    last = entry["best_under"][-1]
    assert last["model"] == "large" and last["cap"] is None and last["p_point"] <= last["p_model"] <= 1
    for band in entry["band"]:
        assert band["low"] <= band["corrected"] <= band["accuracy"] <= band["high"]
    size = len(entry["domination"]["points"])
    assert np.shape(entry["domination"]["probability"]) == (size, size)


def test_a_model_without_a_benchmark_is_left_out_of_the_mean_by_name(tmp_path):
    arguments = study(tmp_path)
    kept = [a for a in arguments if not a.endswith("direct/hard.cot.parquet")]
    summarise_points.main(kept)
    table = read_table(tmp_path / "measures.parquet", "points")
    assert set(table.loc[table["benchmark"] == "mean", "model"]) == {"small.v1", "large"}
    out = ["--output", str(tmp_path / "f.parquet"), "--summary", str(tmp_path / "f.json")]
    extract_frontier.main(
        ["--points", str(tmp_path / "measures.parquet"), "--seed", "1", "--draws", "50", *out]
    )
    summary = json.loads((tmp_path / "f.json").read_text())
    assert summary["left_out_of_mean"] == [{"model": "direct", "strategy": "cot", "missing": ["hard"]}]


def test_paths_that_do_not_match_are_named(tmp_path):
    arguments = study(tmp_path, {"large": (40, 0.9)})
    with pytest.raises(UserError, match=r"'large', 'hard', 'cot'.* generations or grades, not both"):
        summarise_points.main([a for a in arguments if not a.endswith("grades/large/hard.cot.parquet")])
    with pytest.raises(UserError, match="expected a path"):
        summarise_points.name_of(Path("generations/large/hard.parquet"))
    assert summarise_points.name_of(Path("g/qwen2.5-7b/math-1.5.cot.parquet")) == (
        "qwen2.5-7b",
        "math-1.5",
        "cot",
    )
    (tmp_path / "models/large.json").rename(tmp_path / "models/other.json")
    with pytest.raises(UserError, match=r"no model description for \['large'\]"):
        summarise_points.main([a.replace("models/large.json", "models/other.json") for a in arguments])


def test_the_mode_of_a_model_is_that_of_its_block_or_of_its_run():
    runs = pd.DataFrame({"model": ["a", "b"], "benchmark": "x", "mode": [None, "high"]})
    blocks = {"a": {"label": "A", "mode": "reasoning"}, "b": {"label": "B", "mode": None}}
    assert points.label(runs, blocks)["mode"].tolist() == ["reasoning", "high"]
    assert points.label(runs, {"a": {"label": "A"}})["mode"].fillna("").tolist() == ["", "high"]


def test_a_call_that_failed_moves_no_mean():
    generations, grades, compute = tables(30, 0.5)
    name = {"model": "m", "strategy": "cot", "benchmark": "b"}
    whole = points.join_answers(generations, grades, compute, **name)
    gone = generations["problem_id"] == generations["problem_id"].iloc[0]
    joined = points.join_answers(generations.assign(left_out=gone.where(gone)), grades, compute, **name)
    lost = joined["status"] == "left_out"
    assert lost.sum() == gone.sum()
    rest = whole[~whole["problem_id"].isin(joined.loc[lost, "problem_id"])]
    for column in ("correct", "flops", "reasoning_tokens"):
        means = joined.groupby("cap", dropna=False)[column].mean()
        assert np.allclose(means, rest.groupby("cap", dropna=False)[column].mean())


def test_join_keeps_uncapped_rows_and_refuses_a_hole():
    generations, grades, compute = tables(30, 0.5)
    name = {"model": "m", "strategy": "cot", "benchmark": "b"}
    joined = points.join_answers(generations, grades.sample(frac=1, random_state=0), compute, **name)
    assert len(joined) == 60 and joined["cap"].isna().sum() == 20
    assert joined["problem_id"].iloc[:20].tolist() == sorted(generations["problem_id"].unique())
    with pytest.raises(UserError, match="m, cot, b: 1 rows are in only one of generations and grades"):
        points.join_answers(generations, grades.iloc[1:], compute, **name)
    with pytest.raises(UserError, match="generations and compute"):
        points.join_answers(generations, grades, compute.iloc[:-1], **name)


def test_several_samples_give_the_clustered_interval():
    answers = answers_of(tables(30, 0.5, samples=4))
    facts = {"m": {"architecture": "dense", "total_params": 5, "active_params": 5}}
    table = points.summarise(answers, ["b"], facts, 50, 1)
    uncapped = answers[answers["cap"].isna()]
    means = uncapped.groupby("problem_id")["correct"].mean().to_numpy(float)
    (low, high), method = intervals.accuracy_interval(means, 4)
    row = table[(table["benchmark"] == "b") & table["cap"].isna()].iloc[0]
    assert (row["accuracy_low"], row["accuracy_high"], row["interval"]) == (low, high, method)
    assert row["samples"] == 4 and row["problems"] == 20
    with pytest.raises(UserError, match="must not be called"):
        points.summarise(answers, ["b", "mean"], facts, 50, 1)
    with pytest.raises(UserError, match="does not list"):
        points.summarise(answers, ["c"], facts, 50, 1)


def test_zero_cost_and_unknown_cost_are_no_obstacle():
    keys = {"strategy": "cot", "benchmark": "b", "cap": pd.array([None] * 3, dtype="Int64")}
    table = pd.DataFrame({"model": ["free", "dear", "unknown"], **keys}).assign(
        accuracy=[0.2, 0.5, 0.9],
        accuracy_low=[0.1, 0.4, 0.8],
        accuracy_high=[0.35, 0.6, 0.97],
        flops=[0.0, 0.0, np.nan],
        interval="wilson",
        problems=30,
    )
    draws = bootstrap.parametric(table, ["b"], ["accuracy", "flops"], 50, 1)
    listed, (summary,) = frontier.extract(table, draws, ["b"], ["flops"])
    assert listed.loc[listed["on_frontier"], "model"].tolist() == ["dear"]
    assert summary["hypervolume"] is None and summary["best_under"][0]["budget"] == 0
    assert summary["without_cost"] == [{"model": "unknown", "strategy": "cot", "cap": None}]


def test_a_benchmark_in_which_nothing_has_the_cost_has_an_empty_frontier():
    keys = {"model": ["a", "a"], "strategy": "cot", "benchmark": ["b", "c"]}
    table = pd.DataFrame({**keys, "cap": pd.array([None, None], dtype="Int64")}).assign(
        accuracy=0.5,
        accuracy_low=0.4,
        accuracy_high=0.6,
        seconds=[np.nan, 2.0],
        interval="wilson",
        problems=30,
    )
    draws = bootstrap.parametric(table, ["b", "c"], ["accuracy", "seconds"], 20, 1)
    listed, summaries = frontier.extract(table, draws, ["b", "c"], ["seconds"])
    assert listed[["benchmark", "on_frontier", "p_on_frontier"]].to_numpy().tolist() == [["c", True, 1.0]]
    assert summaries[0]["best_under"] == [] and summaries[0]["hypervolume"] is None
    json.dumps(summaries, allow_nan=False)


def test_points_say_what_guessing_reaches_and_what_a_model_may_have_seen():
    table = pd.DataFrame(
        {"model": ["old", "new", "new", "new"], "benchmark": ["easy", "easy", "hard", "mean"]}
    )
    models = {"old": {"release_date": "2021-01-01"}, "new": {"release_date": "2024-01-01"}}
    facts = {"easy": {"chance": 0.25, "public_since": "2022-01-01"}, "hard": {"public_since": "2025-01-01"}}
    found = points.label(table, models, facts)
    assert found["chance"].tolist() == [0.25, 0.25, 0.0, 0.125]
    assert found["may_have_seen"].tolist() == [False, True, False, True]
    unknown = points.label(table, models, {"easy": {}, "hard": facts["hard"]})
    assert unknown["may_have_seen"].isna().tolist() == [True, True, False, True]
    assert points.label(table, models)[["chance", "may_have_seen"]].isna().all(axis=None)
