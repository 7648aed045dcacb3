"""Recorded runs: what a cut run would have scored, calls that failed, and the scores their source publishes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import summarise_recorded
from frontiers.analysis import recorded_points as recorded
from frontiers.compute import answer_flops
from frontiers.compute.precision import read_precision
from frontiers.core.cli import UserError
from frontiers.core.keys import MEAN
from frontiers.core.tables import check_table
from frontiers.data import hardware, prices
from frontiers.data.architecture_facts import read_facts
from frontiers.data.hardware import FOLDER
from frontiers.planning import roofline
from support.paths import ROOT, SHARED

DATA = ROOT / "data" / "recorded"
BENCHMARKS = ["gpqa-diamond", "otis-mock-aime-2024-2025"]
RUN = {"run": "r", "model": "m", "benchmark": "b", "max_tokens": pd.NA}


def answers(*rows, run="r"):
    """Return recorded answers from (question, epoch, correct, output tokens); None where unknown."""
    table = pd.DataFrame(rows, columns=["problem_id", "epoch", "correct", "output_tokens"])
    table = table.assign(run=run, prompt_tokens=pd.array([7] * len(table), dtype="Int32"))
    return table.astype({"epoch": "int16", "correct": "Int8", "output_tokens": "Int32"})


def points_of(rows, caps):
    """Return the mean over questions and epochs of correct, tokens and FLOPs at every cap."""
    spent = pd.DataFrame(
        {
            "flops": rows["output_tokens"] * 10.0,
            "flops_answer": rows["output_tokens"] * 10.0,
            "eflops": rows["output_tokens"] * 20.0,
            **dict.fromkeys(("seconds", "joules", "dollars"), np.nan),
        }
    )
    made = recorded.answers_of(RUN, rows, spent)
    order = made["cap"].astype("Float64").fillna(np.inf)
    return made.groupby(order)[["correct", "reasoning_tokens", "flops"]].mean()


def test_a_cut_run_is_right_where_it_was_right_in_time_and_spends_no_more_than_the_cap():
    known = answers(("a", 1, 1, 100), ("a", 2, 1, 300), ("b", 1, 0, 50), ("b", 2, 1, 200))
    found = points_of(recorded.cut(RUN, known, [100, 199, 200, None]), 4)
    assert found["correct"].tolist() == [0.25, 0.25, 0.5, 0.75]
    assert found["reasoning_tokens"].tolist() == [87.5, 137.0, 137.5, 162.5]
    assert found["flops"].tolist() == [875.0, 1370.0, 1375.0, 1625.0]


def test_a_failed_call_is_left_out_of_every_mean():
    known = answers(("a", 1, 1, 100), ("a", 2, None, None), ("b", 1, 0, 40), ("b", 2, 0, 60))
    rows = recorded.cut(RUN, known, [50, None])
    found = points_of(rows, 2)
    assert rows["left_out"].sum() == 2  # once at every cap
    assert found["correct"].tolist() == [0.0, 0.5]
    assert found["reasoning_tokens"].tolist() == [(50 + (40 + 50) / 2) / 2, (100 + 50) / 2]


def test_a_known_verdict_counts_without_its_tokens_and_a_question_that_failed_takes_the_mean():
    known = answers(
        ("a", 1, 0, None),
        ("a", 2, 1, 100),
        ("b", 1, None, None),
        ("b", 2, None, None),
        ("c", 1, 1, 30),
        ("c", 2, 1, 50),
    )
    found = points_of(recorded.cut(RUN, known, [40, None]), 2)
    assert found["correct"].iloc[1] == pytest.approx((0.5 + 1) / 2)
    assert found["reasoning_tokens"].iloc[1] == pytest.approx((100 + 40) / 2)
    # At 40 tokens: question a is wrong twice, c right once; b takes their mean.
    assert found["correct"].iloc[0] == pytest.approx((0 + 0.5) / 2)


def test_no_run_is_cut_beyond_its_own_limit():
    known = answers(("a", 1, 1, 100), ("b", 1, 0, 4096))
    rows = recorded.cut(RUN | {"max_tokens": 4096}, known, [512, 4096, 8192, None])
    assert sorted(set(rows["cap"].dropna())) == [512]
    assert rows.loc[rows["cap"].isna(), "truncated"].tolist() == [False, True]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), min_size=2, max_size=30), st.data())
def test_accuracy_and_cost_never_fall_with_the_cap(runs, data):
    known = answers(*((f"q{i}", 1, int(right), tokens) for i, (right, tokens) in enumerate(runs)))
    caps = sorted(data.draw(st.sets(st.integers(1, 600), min_size=1, max_size=6)))
    found = points_of(recorded.cut(RUN, known, [*caps, None]), len(caps) + 1)
    for name in found:
        assert (np.diff(found[name]) >= -1e-9).all()
    assert found["correct"].iloc[-1] == pytest.approx(np.mean([right for right, _ in runs]))


# --- the recorded runs of this project --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables():
    runs = recorded.check_runs(pd.read_csv(DATA / "runs.csv"), "runs.csv")
    known = pd.read_parquet(DATA / "answers.parquet")
    recorded.check_answers(known, runs, "answers.parquet")
    return runs, known


@pytest.fixture(scope="module")
def study(tables):
    counter = summarise_recorded.Counter(ROOT / "data" / "architectures", FOLDER / "kinetics.yaml")
    caps = [1024, 8192, None]
    return summarise_recorded.tables(*tables, counter, caps, BENCHMARKS, {"draws": 100, "seed": 1})


EXCEPTIONS = {
    ("deepseek-r1", "gpqa-diamond"): 0.692235,
    ("glm-5", "otis-mock-aime-2024-2025"): 0.8,
    ("kimi-k2.5", "gpqa-diamond"): 0.876,
    ("kimi-k2.5", "otis-mock-aime-2024-2025"): 0.922,
}
"""Runs whose score at the hub differs, with that score: data/recorded/README.md says why."""


def test_points_equal_the_scores_of_their_source(tables, study):
    points = study[1]
    uncapped = points[points["cap"].isna()].set_index(["model", "benchmark"])["accuracy"]
    for row in tables[0].itertuples():
        here = uncapped[row.model, row.benchmark]
        if (row.model, row.benchmark) in EXCEPTIONS:
            assert row.hub_accuracy == EXCEPTIONS[row.model, row.benchmark]
            continue
        if pd.notna(row.hub_accuracy):
            assert here == pytest.approx(row.hub_accuracy, abs=1e-6)


def test_means_are_over_questions_of_the_epochs_that_are_known(tables, study):
    """Accuracy and tokens by another way: pandas on the answers themselves."""
    runs, known = tables
    points = study[1]
    uncapped = points[points["cap"].isna()].set_index(["model", "benchmark"])
    for row in runs[runs["calls_with_tokens"] > 0].itertuples():
        mine = known[known["run"] == row.run].astype({"correct": "Float64", "output_tokens": "Float64"})
        by_question = mine.groupby("problem_id")[["correct", "output_tokens"]].mean().astype(float).mean()
        here = uncapped.loc[(row.model, row.benchmark)]
        assert here["accuracy"] == pytest.approx(by_question["correct"], abs=1e-9)
        assert here["reasoning_tokens"] == pytest.approx(by_question["output_tokens"], rel=1e-9)


def test_both_tables_are_valid_and_every_run_has_its_points(tables, study):
    answered, points = study
    check_table(answered, "answers", "answers")
    check_table(points, "points", "points")
    here = points[points["benchmark"] != MEAN]
    assert set(zip(here["model"], here["benchmark"], strict=True)) == set(
        zip(tables[0]["model"], tables[0]["benchmark"], strict=True)
    )
    assert set(here.loc[here["cap"].notna(), "model"]) == set(answered["model"])
    means = points[points["benchmark"] == MEAN].groupby("model").size()
    assert set(means.index) == {m for m, n in tables[0].groupby("model").size().items() if n == 2}


def test_the_compute_of_a_mean_length_allows_for_the_spread_of_lengths(tables):
    """On a run whose tokens are known: its true mean lies where its own spread puts it."""
    runs, known = tables
    row = runs[(runs["model"] == "deepseek-v3.2-thinking") & (runs["benchmark"] == "gpqa-diamond")].iloc[0]
    counter = summarise_recorded.Counter(ROOT / "data" / "architectures", FOLDER / "kinetics.yaml")
    mine = known[(known["run"] == row["run"]) & known["output_tokens"].notna()]
    for name in ("deepseek-v3.2", "deepseek-v3", "llama-3.1-70b-instruct"):
        true = counter.compute(name, mine["prompt_tokens"].to_numpy(int), mine["output_tokens"].to_numpy(int))
        lengths = mine["output_tokens"].to_numpy(float)
        own = lengths.var() / lengths.mean() ** 2
        flat, spread = counter.spread_out(
            name, mine["prompt_tokens"].astype(float).mean(), lengths.mean(), [0.0, own]
        )["flops"]
        assert flat < spread == pytest.approx(true["flops"].mean(), rel=0.005)


def test_dollars_are_tokens_times_the_price_and_seconds_are_those_of_the_roofline(tables, study):
    """Dollars are linear in tokens, so that of a mean they are exact; seconds and joules by `roofline.estimate` itself."""
    runs, known = tables
    serving = summarise_recorded.Serving(hardware.read(FOLDER / "b200.yaml"), 8, 64)
    counter = summarise_recorded.Counter(ROOT / "data" / "architectures", FOLDER / "kinetics.yaml", serving)
    asked = {
        "phi-4": prices.Price(1e-6, 2e-6),
        "gpt-oss-120b-high": prices.Price(1e-7, 5e-7),
        "glm-5": prices.Price(1, 1),
    }
    few = runs[runs["model"].isin([*asked, "gemma-2-9b-it"])].reset_index(drop=True)
    mine = known[known["run"].isin(few["run"])]
    made, points = summarise_recorded.tables(
        few, mine, counter, [1024, None], BENCHMARKS, {"draws": 50, "seed": 1}, asked=asked
    )
    check_table(points, "points", "points")
    at = points.set_index(["model", "benchmark", points["cap"].astype("Float64").fillna(np.inf)])
    for row in few.itertuples():
        point = at.loc[(row.model, row.benchmark, np.inf)]
        if row.model in asked:
            price = asked[row.model]
            whole = price.input * row.prompt_tokens + price.output * row.output_tokens
            assert point["dollars"] == pytest.approx(whole, rel=1e-6)
        else:
            assert np.isnan(point["dollars"])
        assert np.isnan(point["seconds"]) == np.isnan(point["joules"]) == (row.model == "glm-5")
        if row.calls_with_tokens == 0:
            assert point["eflops_low"] <= point["eflops"] <= point["eflops_high"]
            assert point["seconds_low"] <= point["seconds"] <= point["seconds_high"]
    both = at.loc[("phi-4", MEAN, np.inf)]
    assert both["dollars"] == pytest.approx(at.loc["phi-4"].loc[BENCHMARKS, "dollars"].mean())
    answer = made[
        (made["model"] == "gpt-oss-120b-high") & made["cap"].isna() & (made["status"] != "left_out")
    ].iloc[0]
    run = few.loc[(few["model"] == answer["model"]) & (few["benchmark"] == answer["benchmark"]), "run"].item()
    of_run = mine[mine["run"] == run].set_index(["problem_id", "epoch"])
    asked_with = of_run.loc[(answer["problem_id"], answer["sample"] + 1)]
    config = read_facts(ROOT / "data" / "architectures" / "gpt-oss-120b.yaml")["config"]
    found = roofline.estimate(
        counter.architecture("gpt-oss-120b"),
        read_precision(config),
        serving.device,
        asked_with["prompt_tokens"],
        answer["reasoning_tokens"],
        64,
        8,
    )
    assert answer["seconds"] == pytest.approx(found.seconds.likely)
    assert answer["joules"] == pytest.approx(found.joules.likely)


def test_every_offer_is_of_a_model_that_was_run_and_the_readme_names_those_without(tables):
    offered = set(prices.read(ROOT / "data" / "prices" / "offers.csv"))
    run = tables[0].drop_duplicates("model").set_index("model")["label"]
    assert offered <= set(run.index)
    text = (ROOT / "data" / "prices" / "README.md").read_text(encoding="utf-8")
    assert f"{len(offered)} of the {len(run)} models" in text
    without = sorted(run[sorted(set(run.index) - offered)])
    assert f"No offer is listed for {', '.join(without[:-1])} and {without[-1]}." in text


def test_the_readme_counts_what_the_tables_hold(tables):
    runs, known = tables
    text = (DATA / "README.md").read_text(encoding="utf-8")
    tokens = known[known["run"].isin(runs.loc[runs["calls_with_tokens"] > 0, "run"])]
    for number in (
        f"{len(runs)} runs of {runs['model'].nunique()} models",
        f"{len(known):,} answers, {known['correct'].notna().sum():,} of them with a verdict, "
        f"{known['output_tokens'].notna().sum():,} with tokens",
        f"{tokens['output_tokens'].isna().sum()} of {len(tokens):,} calls of the {tokens['run'].nunique()} runs",
        f"{(runs['max_tokens'] == 4096).sum()} runs set `max_tokens: 4096`",
    ):
        assert number in text


@pytest.mark.skipif(
    not (SHARED / "data" / "recorded").exists(), reason="needs the source's tables in shared/"
)
def test_prepare_makes_these_tables_from_the_source(tmp_path, tables):
    for name in ("prepare.py", "models.yaml", "left_out.yaml"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    subprocess.run([sys.executable, tmp_path / "prepare.py", SHARED / "data" / "recorded"], check=True)
    assert (tmp_path / "runs.csv").read_text() == (DATA / "runs.csv").read_text()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "answers.parquet"), tables[1])


# --- what cannot be read ----------------------------------------------------------------------------------------------


def faulty(tmp_path, runs=None, known=None):
    """Run the script on small tables with these faults; return its message."""
    table = pd.read_csv(DATA / "runs.csv")
    table = table[table["model"].isin(["gpt-oss-120b-high", "phi-4"])].reset_index(drop=True)
    rows = pd.read_parquet(DATA / "answers.parquet")
    rows = rows[rows["run"].isin(table["run"])].reset_index(drop=True)
    table, rows = (runs or (lambda t: t))(table), (known or (lambda t: t))(rows)
    table.to_csv(tmp_path / "runs.csv", index=False)
    rows.to_parquet(tmp_path / "answers.parquet", index=False)
    words = ["--runs", "runs.csv", "--recorded", "answers.parquet", "--device", FOLDER / "kinetics.yaml"]
    words += [
        "--architectures",
        ROOT / "data" / "architectures",
        "--benchmarks",
        *BENCHMARKS,
        "--caps",
        "1024",
        "none",
    ]
    words += ["--draws", "10", "--seed", "1", "--answers", "out.parquet", "--points", "points.parquet"]
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        summarise_recorded.main([str(word) for word in words])
    finally:
        os.chdir(before)
        assert not (tmp_path / "points.parquet").exists() or (runs is known is None)


def put(column, value, row=0):
    def change(table):
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("runs", "known", "message"),
    [
        (lambda t: t.assign(architecture="phi-5"), None, "phi-5.yaml: no such architecture"),
        (put("problems", 1.5), None, "line 2: `problems` = 1.5 is not a whole number"),
        (put("output_tokens", -1.0), None, "output_tokens"),
        (put("mode", "thinker"), None, "mode"),
        (lambda t: pd.concat([t, t.iloc[:1].assign(run="again")]), None, "two runs of phi-4 on gpqa-diamond"),
        (put("label", "Another"), None, "`label` differs between the runs of"),
        (None, put("correct", 2), "correct"),
        (None, put("output_tokens", -5), "output_tokens"),
        (None, put("run", "nobody"), "run `nobody`, which the table of runs does not list"),
        (None, lambda t: pd.concat([t, t.iloc[:1]]), "answers.parquet"),
        (None, lambda t: t.iloc[1:], "list every epoch"),
        (None, lambda t: t[t["problem_id"] != t["problem_id"].iloc[0]], "list every question"),
    ],
)
def test_bad_input_is_one_message_and_nothing_written(tmp_path, runs, known, message):
    with pytest.raises(UserError) as error:
        faulty(tmp_path, runs, known)
    assert message in str(error.value)


def test_the_spread_that_published_means_assume_is_that_of_the_recorded_lengths(tables):
    """A log-normal of this sigma has the variance over the squared mean that each run has."""
    spread = np.sqrt(np.log1p(np.concatenate(list(recorded.relative_variances(*tables).values()))))
    ends = f"{spread.min():.2f} to {spread.max():.2f}, median {np.median(spread):.2f}"
    page = (ROOT / "data" / "published" / "README.md").read_text()
    assert f"the {len(spread)} runs in `data/recorded/` have the second moment of σ = {ends}" in page
    assert np.median(spread) == pytest.approx(answer_flops.SIGMA, abs=0.05)
