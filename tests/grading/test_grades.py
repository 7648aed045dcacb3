import numpy as np
import pandas as pd
import pytest

from frontiers.analysis import points
from frontiers.core import table_batches
from frontiers.core.cli import UserError
from frontiers.data.problems import Problem
from frontiers.grading import grader as grading
from frontiers.grading import grades
from frontiers.grading import grades as ambiguity
from support.point_tables import answers_of, tables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot answer this question.", True),
        ("As an AI, I have no opinion.", True),
        ("I do not know.", True),
        ("We are unable to determine the length.", True),
        ("I cannot solve this by hand, so I guess \\boxed{3}.", False),
        ("<think>I cannot solve this.</think>It is 3.", False),
        ("One cannot divide by zero, so it is 3.", False),
        ("The answer is 3.", False),
        ("I can't help. " + "No. " * 1_000, False),
        ("", False),
    ],
)
def test_a_refusal_is_said_by_the_model_and_leaves_no_box(text, expected):
    assert ambiguity.refused(text) is expected


@pytest.mark.parametrize(
    ("text", "answer_type", "expected"),
    [
        ("no box", "number", 0),
        ("\\boxed{3} and again \\boxed{ 3 }", "number", 1),
        ("\\boxed{3}. No: \\boxed{4}", "number", 2),
        ("\\boxed{\\dfrac12}, that is \\boxed{\\frac{1}{2}}", "expression", 1),
        ("\\boxed{1} and \\boxed{2}", "expression", 1),
        ("\\boxed{1} and \\boxed{2}", "number", 2),
        ("\\boxed{1}. Check. \\boxed{1} and \\boxed{2}", "expression", 2),
        ("\\boxed{\\boxed{9}}", "number", 1),
        ("<think>\\boxed{3}</think>\\boxed{4}", "number", 1),
        ("\\boxed{}", "number", 0),
    ],
)
def test_different_boxes_are_counted(text, answer_type, expected):
    assert ambiguity.different_boxes(text, answer_type) == expected


def generations(rows):
    frame = pd.DataFrame(
        [{"sample": 0, "end_tokens": 1, "truncated": False, "looping": False, **row} for row in rows]
    )
    return frame.assign(cap=pd.array(range(len(frame)), dtype="Int64"), reasoning="")


def test_ambiguity_stands_beside_the_grade_and_does_not_change_it():
    problem = Problem("a", "?", "4", "number", "MIT", "made")
    rows = [
        {"answer": "\\boxed{3} no \\boxed{4}"},
        {"answer": "I cannot answer this.", "looping": True},
        {"answer": "\\boxed{4}", "truncated": True},
        {"answer": "\\boxed{4}"},
    ]
    with grading.Grader() as grader:
        found = grades.grade_generations(
            generations([{"problem_id": "a", **r} for r in rows]), [problem], grader
        )
    assert found["correct"].tolist() == [True, False, False, True]
    assert found["status"].tolist() == ["rule", "no_answer", "truncated", "rule"]
    assert found["boxed_answers"].tolist() == [2, 0, 1, 1]
    assert found["refused"].tolist() == [False, True, False, False]
    assert found["looping"].tolist() == [False, True, False, False]


def test_accuracy_is_given_with_truncated_answers_as_wrong_and_as_missing():
    made = tables(30, 0.5, problems=40)
    flags = np.random.default_rng(1).random(len(made[0])) < 0.3
    made[0]["truncated"] = flags | made[0]["cap"].eq(0).fillna(False).to_numpy(bool)
    made[1]["correct"] &= ~made[0]["truncated"]
    facts = {"m": {"architecture": "dense", "total_params": 5, "active_params": 5}}
    answers = answers_of(made)
    table = points.summarise(answers, ["b"], facts, 50, 1).query("benchmark == 'b'")
    for _, row in table.iterrows():
        cap = answers["cap"].isna() if pd.isna(row["cap"]) else answers["cap"].eq(row["cap"])
        left = answers[cap & ~answers["truncated"]]
        assert row["accuracy"] == pytest.approx(answers.loc[cap, "correct"].mean())
        assert row["accuracy_answered"] == pytest.approx(left["correct"].mean(), nan_ok=True)
    assert table["accuracy_answered"].isna().tolist() == table["cap"].eq(0).fillna(False).tolist()


GRADE = {
    "correct": True,
    "extracted": "4",
    "status": "rule",
    "looping": False,
    "refused": False,
    "boxed_answers": 0,
}


def rows_of_grades(numbers):
    frame = pd.DataFrame({"problem_id": [f"p{n}" for n in numbers], "sample": 0}).assign(**GRADE)
    return frame.assign(cap=pd.array([None if n % 2 else n for n in numbers], dtype="Int64"))


def test_a_table_passes_in_parts_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(table_batches, "MOST_ROWS", 7)
    whole = rows_of_grades(range(40))
    path = tmp_path / "new" / "t.parquet"
    assert table_batches.write_parts((whole.iloc[i : i + 9] for i in range(0, 40, 9)), path, "grades") == 40
    parts = list(table_batches.read_parts(path, "grades"))
    assert [len(part) for part in parts] == [7] * 5 + [5]
    read = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(read, whole[list(read)], check_dtype=False)
    monkeypatch.setattr(table_batches, "BYTES", 1)
    assert {len(part) for part in table_batches.read_parts(path, "grades")} == {1}


def test_a_key_that_stands_in_two_parts_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(table_batches, "MOST_ROWS", 7)
    table_batches.write_parts(
        [rows_of_grades(range(20)), rows_of_grades([3])], tmp_path / "t.parquet", "grades"
    )
    with pytest.raises(UserError, match="same key, the second is row 20"):
        next(table_batches.read_parts(tmp_path / "t.parquet", "grades"))


def test_nothing_is_left_of_a_table_that_could_not_be_made(tmp_path):
    def parts():
        yield rows_of_grades(range(5))
        yield rows_of_grades(range(5, 9)).assign(status="guessed")

    (tmp_path / "t.parquet").write_bytes(b"old")
    with pytest.raises(UserError, match="guessed"):
        table_batches.write_parts(parts(), tmp_path / "t.parquet", "grades")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(UserError, match="cannot be read as a table"):
        next(table_batches.read_parts(tmp_path / "t.parquet", "grades"))
