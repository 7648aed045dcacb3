"""The pocket judge through the real workflow, on answers in words that rules cannot read."""

import json

import pandas as pd
import pytest

from frontiers.pocket.judge import words_of
from support.workflow_copy import ROOT, Workflow

PROBLEMS = 24
BENCHMARK = "short-chains"
MODEL = "pocket-small"
CELL = f"{MODEL}/{BENCHMARK}.cot.parquet"
WANTED = ["results/others/judge_error.parquet", "results/others/answers.parquet"]
pytestmark = pytest.mark.skipif(
    not (ROOT / "data/pocket/models/judge").exists(), reason="the pocket judge is trained by train_pocket"
)


def completions(problem):
    """Return four completions of a problem: right and wrong in words, right and wrong in digits."""
    gold = int(problem["answer"])
    wrong = gold + 1 if gold < 99 else 3
    person = problem["question"].split()[-2]
    trace = f"{person} has {gold}. </think>"
    return [
        f"{trace} The answer is {words_of(gold)}.",
        f"{trace} So the answer is {words_of(wrong)}.",
        f"{trace} \\boxed{{{gold}}}",
        f"{trace} \\boxed{{{wrong}}}",
    ]


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """An imported study with a judge, up to the answers and the judge's error."""
    folder = tmp_path_factory.mktemp("judged")
    workflow = Workflow(folder)
    workflow.shrink([MODEL], [BENCHMARK], [0, None], PROBLEMS)
    problems = [json.loads(line) for line in (folder / f"data/pocket/problems/{BENCHMARK}.jsonl").open()]
    with (folder / "log.jsonl").open("w") as file:
        for problem in problems:
            for text in completions(problem):
                file.write(json.dumps({"asked": problem["question"], "text": text}) + "\n")
    log = {
        "format": "table",
        "file": "log.jsonl",
        "max_tokens": 128,
        "columns": {"question": "asked", "completion": "text"},
    }
    workflow.config["studies"]["others"] = {
        "kind": "imported",
        "strategy": "cot",
        "samples": 4,
        "logs": {MODEL: {BENCHMARK: [log]}},
        "judge": "pocket-judge",
        "engine": {
            "device": "cpu",
            "dtype": "float32",
            "max_model_len": 256,
            "max_num_seqs": 32,
            "kv_cache_gib": 0.1,
        },
        "analysis": {"draws": 200, "seed": 1, "device": "kinetics"},
    }
    workflow.config["run"] = ["others"]
    workflow.snakemake(*WANTED)
    return workflow


def results(workflow, name):
    return pd.read_parquet(workflow.folder / "results/others" / name)


def test_the_judge_decides_what_rules_could_not_read(workflow):
    rules, grades = (
        results(workflow, f"{kind}/{CELL}").set_index(["problem_id", "sample"])
        for kind in ("rules", "grades")
    )
    unread = rules["status"] == "no_answer"
    assert set(rules.index[unread].get_level_values("sample")) == {0, 1}
    assert unread.sum() == 2 * PROBLEMS
    assert (grades.loc[unread, "status"] == "judge").mean() > 0.9
    right = grades.index.get_level_values("sample")[unread] == 0
    assert (grades.loc[unread, "correct"] == right).mean() > 0.85
    pd.testing.assert_frame_equal(rules[~unread], grades[~unread])
    answers = results(workflow, "answers.parquet")
    assert answers["correct"].sum() == grades["correct"].sum() > rules["correct"].sum()


def test_the_judge_is_told_apart_with_its_error_and_cost(workflow):
    judge = results(workflow, f"judge/{CELL}")
    assert judge["purpose"].value_counts().to_dict() == {"decide": 48, "check": 48}
    assert judge["prompt"].str.contains("Reference answer").all()
    assert judge["flops"].gt(0).all()
    errors = results(workflow, "judge_error.parquet").set_index("model").loc["all"]
    assert errors["checks"] == 48
    assert errors["error_rate"] < 0.15
    assert errors["low"] <= errors["error_rate"] <= errors["high"]
    assert errors["unread"] == 48
    alone = results(workflow, f"compute/{CELL}")["flops"].sum()
    assert results(workflow, "answers.parquet")["flops"].sum() == pytest.approx(alone)


def test_a_second_run_asks_nothing_again(workflow):
    assert workflow.jobs("--", *WANTED) == {}


def test_without_a_judge_nothing_is_asked(workflow):
    before = json.loads(json.dumps(workflow.config))
    study = workflow.config["studies"]["others"]
    del study["judge"], study["engine"]
    jobs = workflow.jobs("--", WANTED[1])
    workflow.config = before
    assert not {"ask_judge", "apply_judge", "list_asks"} & set(jobs)
    assert jobs["grade"] == 1
