"""Studies too small or too plain to say much: every row has its numbers or its reason, and no table is refused."""

import json

import pandas as pd
import pytest

import compare_architectures
import compare_outcomes
import compare_points
import extract_frontier
from frontiers.analysis import points
from frontiers.core.cli import UserError
from frontiers.core.tables import read_table, write_table
from frontiers.statistics import bootstrap
from support.synthetic_study import BENCHMARKS, MODELS, describe, make_answers

ONE = {"small": MODELS["small"]}
TWO = {name: MODELS[name] for name in ("small", "moe")}


def all_right(answers):
    return answers.assign(correct=True)


def all_wrong(answers):
    return answers.assign(correct=False)


def equal_compute(answers):
    """Every answer costs the same."""
    costs = [c for c in answers if c.startswith("flops") or c in ("eflops", "seconds")]
    return answers.assign(**{c: answers[c].iloc[0] for c in costs}, reasoning_tokens=5)


def no_trace(answers):
    return answers.assign(reasoning_tokens=0)


def lacks_a_benchmark(answers):
    return answers[~((answers["model"] == "moe") & (answers["benchmark"] == "middle-chains"))]


STUDIES = {
    "one model": (ONE, {}, None),
    "one cap": (TWO, {"caps": (None,)}, None),
    "one model, one cap, one problem": (ONE, {"caps": (None,), "problems": 1}, None),
    "two problems": (TWO, {"problems": 2}, None),
    "several samples of few problems": (TWO, {"problems": 3, "samples": 4}, None),
    "all right": (TWO, {}, all_right),
    "all wrong": (TWO, {}, all_wrong),
    "equal compute": (TWO, {}, equal_compute),
    "no trace": (TWO, {}, no_trace),
    "a benchmark missing": (TWO, {}, lacks_a_benchmark),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_reason_or_a_number(name, tmp_path):
    models, sizes, change = STUDIES[name]
    answers = make_answers(models, BENCHMARKS, **({"problems": 20} | sizes))
    answers = answers if change is None else change(answers)
    paths = {n: tmp_path / f"{n}.parquet" for n in ("answers", "points", "frontier", "arch", "out", "diff")}
    write_table(answers, paths["answers"], "answers")
    table = points.summarise(answers, list(BENCHMARKS), describe(models), 40, seed=1)
    write_table(table, paths["points"], "points")
    shared = [
        "--points",
        str(paths["points"]),
        "--answers",
        str(paths["answers"]),
        "--seed",
        "1",
        "--draws",
        "40",
    ]
    summary = tmp_path / "frontier.json"
    extract_frontier.main([*shared, "--output", str(paths["frontier"]), "--summary", str(summary)])
    pairs = str(paths["arch"].with_name("size_pairs.parquet"))
    compare_architectures.main([*shared, "--output", str(paths["arch"]), "--size-pairs", pairs])
    compare_outcomes.main([*shared, "--output", str(paths["out"])])
    compare_points.main([*shared, "--output", str(paths["diff"])])

    for table, kind in (("arch", "architectures"), ("out", "outcomes")):
        rows = read_table(paths[table], kind)
        assert (
            rows.loc[~rows.estimable, "reason"].notna().all()
            and rows.loc[rows.estimable, "estimate"].notna().all()
        )
        assert rows.loc[~rows.estimable, "estimate"].isna().all()
        known = rows[rows.estimable & rows.low.notna()]
        assert known.interval.notna().all() and (known.low <= known.estimate + 1e-9).all()
        assert (known.estimate <= known.high + 1e-9).all()
    rows = read_table(paths["frontier"], "frontier")
    assert set(rows.benchmark) == set(read_table(paths["points"], "points").benchmark)
    for part in json.loads(summary.read_text())["frontiers"]:
        assert part["on_frontier"] >= 1
    rows = read_table(paths["diff"], "differences")
    assert (rows.low <= rows.difference).all() and (rows.difference <= rows.high).all()
    assert not (
        (rows.p_value < 0.05) & (rows.low < 0) & (rows.high > 0) & (rows.test == "mcnemar exact")
    ).any()


def test_answers_that_are_doubled_or_missing_are_refused():
    answers = points.with_measures(make_answers(ONE, BENCHMARKS, problems=5))
    doubled = pd.concat([answers, answers.iloc[[7]]])
    with pytest.raises(UserError, match="small, cot, short-chains: 26 answers, expected"):
        bootstrap.joint_bootstrap(doubled, list(BENCHMARKS), ["accuracy"], 5, 1)
    swapped = answers.copy()
    swapped.loc[swapped.index[7], "problem_id"] = swapped["problem_id"].iloc[13]
    with pytest.raises(UserError, match="missing or duplicated"):
        bootstrap.joint_bootstrap(swapped, list(BENCHMARKS), ["accuracy"], 5, 1)


def test_a_negative_cost_is_no_table(tmp_path):
    answers = make_answers(ONE, BENCHMARKS, problems=5)
    answers.loc[3, "flops"] = -1.0
    with pytest.raises(UserError, match=r"`flops` ranges from .*, outside 0 to inf"):
        write_table(answers, tmp_path / "answers.parquet", "answers")
