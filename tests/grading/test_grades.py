"""The table `grades`: refusals and boxes are recorded with the grade and never change it."""

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis import points
from frontiers.data.problems import Problem
from frontiers.grading.grades import different_boxes, grade_generations, refused
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
        ("We cannot determine x alone. But x + y = 7, so the sum is 7.", False),
        ("We are unable to solve this in closed form.\n\nHence $x \\approx 3$.", False),
        ("I cannot solve this exactly, so I guess 3.", False),
        ("The answer is 5.\n\nI'm not able to help with the second part.", False),
        ("#### 18\nI cannot answer more.", False),
        ("I cannot determine the length, since 3 sides of 4 are not given.", True),
        ("With 3 pens and 4 boxes I am unable to determine the price.", True),
        ("The answer is that I do not know.", True),
        ("Janet makes 18 dollars a day. I'm sorry if this is long.", False),
        ("As an AI, I computed the sum as 18.", False),
        ("", False),
    ],
)
def test_a_refusal_is_said_by_the_model_and_leaves_no_box(text, expected):
    assert refused(text) is expected


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
    assert different_boxes(text, answer_type) == expected


def generations(rows):
    frame = pd.DataFrame(
        [{"sample": 0, "end_tokens": 1, "truncated": False, "looping": False, **row} for row in rows]
    )
    return frame.assign(cap=pd.array(range(len(frame)), dtype="Int64"), reasoning="")


def test_ambiguity_is_recorded_with_the_grade_and_does_not_change_it(grader):
    problem = Problem("a", "?", "4", "number", "MIT", "made")
    rows = [
        {"answer": "\\boxed{3} no \\boxed{4}"},
        {"answer": "I cannot answer this.", "looping": True},
        {"answer": "\\boxed{4}", "truncated": True},
        {"answer": "\\boxed{4}"},
    ]
    found = grade_generations(generations([{"problem_id": "a", **r} for r in rows]), [problem], grader)
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
