"""Logs of verdicts and tokens: what is read, what follows from it, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

import read_verdicts
import summarise_recorded
from frontiers.analysis import recorded_points
from frontiers.core.cli import UserError
from frontiers.data.hardware import FOLDER
from frontiers.log_import import run_verdicts
from frontiers.log_import.entry import Faults
from support.paths import ROOT

BLOCK = {
    "format": "verdicts",
    "model": "mine",
    "benchmark": "quiz",
    "mode": "reasoning",
    "architecture": "qwen3-8b",
}
ROWS = [
    # problem, sample, correct, prompt, reasoning, output, finish
    ("a", 0, 1, 30, 80, 100, "stop"),
    ("a", 1, 0, 30, 400, 400, "length"),
    ("b", 0, 0, 50, 100, 150, "stop"),
    ("b", 1, None, None, None, None, None),
]
COLUMNS = [
    "problem",
    "sample",
    "correct",
    "prompt_tokens",
    "reasoning_tokens",
    "output_tokens",
    "finish_reason",
]


def written(folder, suffix=".csv", rows=ROWS, columns=COLUMNS):
    """Write a log with these rows; return its block."""
    table, path = pd.DataFrame(rows, columns=columns, dtype=object), folder / f"log{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".parquet":
        table.convert_dtypes().to_parquet(path, index=False)
    else:
        records = table.astype(object).where(table.notna(), None).to_dict("records")
        path.write_text("".join(json.dumps(row) + "\n" for row in records))
    return BLOCK | {"file": str(path)}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_log_in_any_form_is_the_same_run(tmp_path, suffix):
    faults = Faults()
    run, answers = run_verdicts.read(written(tmp_path, suffix), tmp_path / f"log{suffix}", faults)
    assert not len(faults)
    assert answers.astype(object).where(answers.notna(), None).to_numpy().tolist() == [
        ["mine.quiz", "a", 1, 1, 30, 100],
        ["mine.quiz", "a", 2, 0, 30, 400],
        ["mine.quiz", "b", 1, 0, 50, 150],
        ["mine.quiz", "b", 2, None, None, None],
    ]
    assert (run["problems"], run["epochs"], run["verdicts"], run["right"], run["calls_with_tokens"]) == (
        2,
        2,
        3,
        1,
        3,
    )
    assert run["accuracy"] == 0.25 and run["output_tokens"] == 200 and run["prompt_tokens"] == 40
    assert run["standard_error"] == pytest.approx(0.5 / np.sqrt(2) / np.sqrt(2))
    # A limit cut an answer at 400 tokens: the run says nothing of larger caps.
    assert run["max_tokens"] == 400
    assert (run["label"], run["lineage"]) == ("mine", "mine")


def test_a_study_is_made_of_a_log(tmp_path):
    block = written(tmp_path) | {"label": "My model", "release_date": "2026-01-01"}
    made = {
        name: tmp_path / name for name in ("runs.csv", "answers.parquet", "out.parquet", "points.parquet")
    }
    read_verdicts.main(
        [
            "--logs",
            json.dumps([block]),
            "--runs",
            str(made["runs.csv"]),
            "--recorded",
            str(made["answers.parquet"]),
        ]
    )
    runs = recorded_points.check_runs(pd.read_csv(made["runs.csv"]), "runs.csv")
    recorded_points.check_answers(pd.read_parquet(made["answers.parquet"]), runs, "answers.parquet")
    words = [
        "--runs",
        made["runs.csv"],
        "--recorded",
        made["answers.parquet"],
        "--device",
        FOLDER / "kinetics.yaml",
    ]
    words += [
        "--architectures",
        ROOT / "data" / "architectures",
        "--benchmarks",
        "quiz",
        "--caps",
        120,
        1000,
        "none",
    ]
    words += [
        "--draws",
        10,
        "--seed",
        1,
        "--answers",
        made["out.parquet"],
        "--points",
        made["points.parquet"],
    ]
    summarise_recorded.main([str(word) for word in words])
    points = pd.read_parquet(made["points.parquet"])
    points = points[points["benchmark"] == "quiz"]
    # Cut at 120 tokens only the first answer is right; 1000 lies above the run's own limit.
    assert points["cap"].astype("Float64").fillna(0).tolist() == [120, 0]
    assert points["accuracy"].tolist() == [0.25, 0.25]
    assert points["reasoning_tokens"].tolist() == [(110 + 120) / 2, (250 + 150) / 2]
    assert set(points["label"]) == {"My model"}


def test_without_samples_every_problem_is_asked_once(tmp_path):
    block = written(
        tmp_path,
        rows=[(7, 1, 3, 9), (8, 0, 3, 5)],
        columns=["problem", "correct", "prompt_tokens", "output_tokens"],
    )
    run, answers = run_verdicts.read(block, tmp_path / "log.csv", Faults())
    assert answers["problem_id"].tolist() == ["7", "8"] and run["epochs"] == 1 and run["max_tokens"] is None


def changed(row, column, value):
    rows = [list(each) for each in ROWS]
    rows[row][COLUMNS.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "block", "message"),
    [
        (changed(0, "correct", 2), {}, "`correct` is neither 0 nor 1 (line 2: 2"),
        (changed(0, "correct", "yes"), {}, "`correct` is neither 0 nor 1 (line 2: yes"),
        (changed(0, "output_tokens", -5), {}, "`output_tokens` is not a whole number from 0 (line 2: -5"),
        (changed(0, "prompt_tokens", 1.5), {}, "`prompt_tokens` is not a whole number from 0"),
        (changed(0, "output_tokens", 0), {}, "`output_tokens` is 0 (line 2). Leave the cell empty for a call that failed"),
        (changed(0, "reasoning_tokens", 101), {}, "more `reasoning_tokens` than `output_tokens`"),
        (changed(0, "finish_reason", "bored"), {}, "`finish_reason` is unknown (line 2: bored)"),
        (changed(0, "problem", None), {}, "`problem` is empty"),
        ([*ROWS, ROWS[0]], {}, "two answers to one problem in one sample (problem a, sample 0)"),
        (ROWS[:3], {}, "not 2 answers to every problem (b has 1)"),
        (ROWS, {"max_tokens": 300}, "more `output_tokens` than max_tokens: 300 (line 3: 400"),
        ([(*row[:3], None, None, None, None) for row in ROWS], {}, "no answer has both `prompt_tokens` and `output_tokens`"),
        ([], {}, "no answer"),
    ],
)  # fmt: skip
def test_a_faulty_log_is_one_message_and_writes_nothing(tmp_path, rows, block, message):
    log = written(tmp_path, rows=rows) | block
    out = {"--runs": tmp_path / "runs.csv", "--recorded": tmp_path / "answers.parquet"}
    with pytest.raises(UserError) as error:
        read_verdicts.main(
            ["--logs", json.dumps([log]), *(str(word) for pair in out.items() for word in pair)]
        )
    assert message in str(error.value) and "one fault" in str(error.value)
    assert not any(path.exists() for path in out.values())


def test_the_same_fault_in_many_records_is_told_once(tmp_path):
    log = written(tmp_path, rows=[(str(n), 0, 5, 1, 1, 2, "stop") for n in range(30)])
    faults = Faults()
    run_verdicts.read(log, tmp_path / "log.csv", faults)
    with pytest.raises(UserError, match=r"30 times, first: line 2: 5"):
        faults.raise_if_any("logs")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", b"problem,correct\na,1\n", "`prompt_tokens` is missing"),
        ("log.csv", b"problem,correct,prompt_tokens,output_tokens\na,1,3\n", "too many or too few cells"),
        ("log.csv", b"\xff\xfe\x00", "cannot be read as CSV"),
        ("log.jsonl", b"[1]\n", "a line that is not a JSON object"),
        ("log.parquet", b"PAR1", "cannot be read as parquet"),
    ],
)
def test_a_file_that_is_no_such_log_is_one_message(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    faults = Faults()
    run_verdicts.read(BLOCK | {"file": name}, tmp_path / name, faults)
    with pytest.raises(UserError) as error:
        faults.raise_if_any("logs")
    assert message in str(error.value)
