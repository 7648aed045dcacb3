"""The judge: what it is asked, how replies are read, what is taken over, and how its error is reported."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import generation_flops
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table
from frontiers.data.problems import Problem
from frontiers.grading import judge as judging
from frontiers.grading import judge_cost, judge_error
from frontiers.pocket import judge as pocket_judge
from frontiers.pocket import training as pocket_training
from frontiers.pocket import world as pocket
from frontiers.pocket.tokenizer import build_tokenizer
from support.workflow_copy import ROOT

CONFIG = json.loads((ROOT / "data/pocket/models/small/config.json").read_text())
ARCHITECTURE = read_architecture(CONFIG, "config.json")
PROBLEMS = [Problem(f"p{n}", f"What is {n}?", str(n), "number", "MIT", "t") for n in range(6)]


def tables(rows):
    """Return generations and grades of (problem, sample, answer, status, correct)."""
    keys = pd.DataFrame([row[:2] for row in rows], columns=["problem_id", "sample"]).assign(
        cap=pd.array([None] * len(rows), dtype="Int64")
    )
    texts = {"reasoning": ["Let me see."] * len(rows), "answer": [row[2] for row in rows]}
    verdicts = {"status": [row[3] for row in rows], "correct": [row[4] for row in rows]}
    extra = {"extracted": None, "looping": False, "refused": False, "boxed_answers": 0}
    return keys.assign(**texts), keys.assign(**verdicts, **extra)


ROWS = [
    ("p0", 0, "It is nought.", "no_answer", False),
    ("p1", 0, "It is one.", "no_answer", False),
    ("p1", 1, "It is one.", "no_answer", False),
    ("p2", 0, "It is two, or three.", "no_answer", False),
    ("p3", 0, "", "truncated", False),
    ("p4", 0, "4", "rule", True),
    ("p5", 0, "6", "rule", False),
    ("p5", 1, "6", "rule", False),
]


def replies(asked, said):
    """Return the table `generations` of a judge that says `said(prompt)`."""
    once = asked.drop_duplicates("ask")
    return pd.DataFrame(
        {
            "problem_id": once["ask"], "prompt_tokens": 50, "reasoning_tokens": 3, "end_tokens": 0, "answer_tokens": 0,
            "finish_reason": "stop", "reasoning": [said(p) for p in once["prompt"]], "answer": "",
        }
    )  # fmt: skip


def test_asked_is_what_rules_could_not_read_and_a_draw_of_what_they_could():
    generations, grades = tables(ROWS)
    asked = judging.asks(generations, grades, PROBLEMS, "1")
    decide, check = (asked[asked["purpose"] == purpose] for purpose in ("decide", "check"))
    assert decide[["problem_id", "sample"]].values.tolist() == [["p0", 0], ["p1", 0], ["p1", 1], ["p2", 0]]
    assert decide["rule_correct"].isna().all()
    assert decide["ask"].nunique() == 3  # equal texts are one ask
    assert set(check["problem_id"]) == {"p4", "p5"}
    assert check["ask"].is_unique
    assert "What is 1?" in decide["prompt"].iloc[1]
    assert "It is one." in decide["prompt"].iloc[1]
    pd.testing.assert_frame_equal(asked, judging.asks(generations, grades, PROBLEMS, "1"))


def test_the_judge_sees_the_letters_that_the_model_saw():
    problem = Problem("p0", "Which?\n\nA) one\nB) two\n\nThink.", "A", "choice", "MIT", "t")
    generations, grades = tables(
        [("p0", 0, "Neither.", "no_answer", False), ("p0", 1, "Both.", "no_answer", False)]
    )
    asked = judging.asks(generations.assign(letters=["BA", None]), grades, [problem], "1")
    assert "Which?\n\nB) one\nA) two\n\nThink." in asked["prompt"][0]
    assert "Reference answer: B" in asked["prompt"][0]
    assert "A) one" in asked["prompt"][1] and "Reference answer: A" in asked["prompt"][1]


def test_no_more_are_checked_than_enough(monkeypatch):
    monkeypatch.setattr(judging, "CHECKS", 10)
    rows = [(f"p{n % 6}", n, f"answer {n}", "rule", True) for n in range(50)]
    asked, other = (judging.asks(*tables(rows), PROBLEMS, seed) for seed in "12")
    assert len(asked) == len(other) == 10
    assert set(asked["ask"]) != set(other["ask"])


def test_verdicts_are_taken_over_where_rules_had_none_and_nowhere_else():
    generations, grades = tables(ROWS)
    asked = judging.asks(generations, grades, PROBLEMS, "1")

    def said(prompt):
        return "yes" if "one" in prompt or "4" in prompt else "hm" if "three" in prompt else "no"

    judge = judge_cost.judged(asked, replies(asked, said), ARCHITECTURE)
    check_table(judge, "judge", "judge")
    made = judging.apply(grades, judge)
    check_table(made, "grades", "grades")
    assert made["status"].tolist() == ["judge"] * 3 + ["no_answer", "truncated", "rule", "rule", "rule"]
    assert made["correct"].tolist() == [False, True, True, False, False, True, False, False]
    flops = sum(phase.total for phase in generation_flops(ARCHITECTURE, 50, 3, 0, 0).values())
    assert (judge["flops"] == flops).all()
    errors = judge_error.errors(judge.assign(model="m", benchmark="b", strategy="cot"))
    check_table(errors, "judge_error", "errors")
    row = errors.set_index("model").loc["all"]
    assert (row["checks"], row["no_verdict"], row["unread"], row["decided"], row["decided_right"]) == (
        2,
        0,
        4,
        3,
        2,
    )
    assert row["error_rate"] == 0
    assert 0 < row["high"] < 1
    assert row["asks"] == 5
    assert row["flops"] == 5 * flops


def test_errors_of_both_kinds_are_told_apart():
    rows = [("p4", n, f"{n}", "rule", n % 2 == 0) for n in range(40)]
    asked = judging.asks(*tables(rows), PROBLEMS, "1")
    judge = judge_cost.judged(asked, replies(asked, lambda prompt: "yes"), ARCHITECTURE)
    row = judge_error.errors(judge.assign(model="m", benchmark="b", strategy="cot")).iloc[0]
    assert (row["false_right"], row["false_wrong"], row["error_rate"]) == (20, 0, 0.5)
    assert row["low"] < 0.36
    assert row["high"] > 0.64


def test_a_judge_that_says_nothing_has_no_error_rate_and_changes_nothing():
    generations, grades = tables(ROWS)
    asked = judging.asks(generations, grades, PROBLEMS, "1")
    judge = judge_cost.judged(asked, replies(asked, lambda prompt: ""), ARCHITECTURE)
    pd.testing.assert_frame_equal(judging.apply(grades, judge), grades)
    errors = judge_error.errors(judge.assign(model="m", benchmark="b", strategy="cot"))
    check_table(errors, "judge_error", "errors")
    assert errors["error_rate"].isna().all()
    assert (errors["no_verdict"] == 2).all()


def test_a_missing_reply_is_an_error():
    generations, grades = tables(ROWS)
    asked = judging.asks(generations, grades, PROBLEMS, "1")
    with pytest.raises(UserError, match="1 asks have no reply"):
        judge_cost.judged(asked, replies(asked, str).iloc[:-1], ARCHITECTURE)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("yes", True),
        ("No.", False),
        ("**YES**", True),
        ("42 = 42. yes", True),
        ("<think>no, wait</think>Yes", True),
        ("yes and no", None),
        ("yesterday", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_a_reply_is_yes_or_no_or_nothing(reply, verdict):
    assert judging.verdict_of(reply) is verdict


@given(st.text(), st.text(), st.text())
def test_the_prompt_holds_each_part_once_whatever_it_holds(question, end, gold):
    prompt = judging.prompt_of(question, end + "{gold}", gold)
    assert prompt.count(question) >= 1
    assert "\n\nReference answer: " + gold + "\n\nIs the final" in prompt
    assert len(prompt) <= len(judging.PROMPT) + len(question) + len(gold) + judging.END


# The pocket judge


def test_the_pocket_judge_learns_what_it_will_be_asked():
    tokenizer = build_tokenizer("judge")
    draws = pocket_judge.draw("t", (1, 2), (1,))
    said = {True: 0, False: 0}
    for _ in range(300):
        prompt, reply = next(draws)
        assert 0 not in tokenizer(prompt)["input_ids"]  # no word it does not know
        stated, gold = reply.split(".")[0].split(" = ")
        assert judging.verdict_of(reply) is (stated == gold)
        assert f"Reference answer: {gold}\n" in prompt
        said[stated == gold] += 1
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True
        )
        ids = rendered if isinstance(rendered, list) else rendered["input_ids"]
        assert ids == tokenizer(prompt)["input_ids"]
    assert 100 < said[True] < 200
    words = {pocket_judge.words_of(n) for n in range(100)}
    assert len(words) == 100
    assert set(pocket.vocabulary()) < set(pocket_judge.vocabulary())


def test_only_the_reply_is_learnt():
    ids, labels = next(pocket_training.judge_texts(pocket_training.Phase(1, 1, (1,)), "t"))
    learnt = np.array(labels) != pocket_training.IGNORED
    assert learnt.sum() == 6  # number, =, number, full stop, yes or no, end of sequence
    assert learnt[-6:].all()
    assert len(ids) == len(labels)
