"""The script `grade`, on a small table."""

import json

import pandas as pd
import pytest

import grade
from frontiers.core import tables

GENERATION = {
    "seed": 1,
    "prompt_tokens": 10,
    "reasoning_tokens": 4,
    "end_tokens": 1,
    "answer_tokens": 3,
    "ended": True,
    "finish_reason": "stop",
    "truncated": False,
    "looping": False,
    "reasoning": "",
    "seconds": None,
}


def test_script_grades_a_table(tmp_path, capsys):
    problem = {"question": "?", "licence": "MIT", "source": "made"}
    lines = [
        {"id": "a", "answer": "12", "answer_type": "number", **problem},
        {"id": "b", "answer": "x+1", "answer_type": "expression", **problem},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = [
        {"problem_id": "a", "cap": 0, "answer": "\\boxed{ 12 }"},
        {"problem_id": "a", "cap": 8, "answer": "\\boxed{ 13 }"},
        {"problem_id": "a", "cap": 16, "answer": "\\boxed{ 12 }", "truncated": True},
        {"problem_id": "a", "cap": 32, "answer": "", "reasoning": "\\boxed{12}"},
        {"problem_id": "a", "cap": None, "answer": "", "reasoning": "\\boxed{12}", "end_tokens": 0},
        {"problem_id": "b", "cap": 0, "answer": "\\boxed{1+x}"},
        {"problem_id": "b", "cap": None, "answer": "\\boxed{9^9^9^9}"},
    ]
    frame = pd.DataFrame([{**GENERATION, "sample": 0, **row} for row in rows])
    frame["cap"] = frame["cap"].astype("Int64")
    tables.write_table(frame, tmp_path / "g.parquet", "generations")
    files = [
        "--generations",
        str(tmp_path / "g.parquet"),
        "--output",
        str(tmp_path / "out" / "grades.parquet"),
    ]
    grade.main([*files, "--problems", str(tmp_path / "p.jsonl"), "--workers", "2", "--timeout", "1"])
    found = tables.read_table(tmp_path / "out" / "grades.parquet", "grades")
    assert found["status"].tolist() == [
        *["rule", "rule", "truncated", "no_answer", "rule", "rule", "grader_timeout"]
    ]
    assert found["correct"].tolist() == [True, False, False, False, True, True, False]
    assert found["extracted"].fillna("-").tolist() == ["12", "13", "-", "-", "12", "1+x", "9^9^9^9"]
    assert found["cap"].isna().tolist() == [False] * 4 + [True, False, True]
    assert "3 of 7 right" in capsys.readouterr().out

    (tmp_path / "p.jsonl").write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(ValueError, match=r"1 problem ids of the generations are not in the benchmark.*'b'"):
        grade.main([*files, "--problems", str(tmp_path / "p.jsonl")])
