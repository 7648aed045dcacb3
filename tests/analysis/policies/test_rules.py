"""Policies by hand: where they stop, what they answer and what they spend."""

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis.policies import curves, rules
from frontiers.analysis.policies.curves import UNREAD, Curve
from frontiers.analysis.strategies import expected_choice

PROMPT, ANSWER = 100.0, 2.0
CAPS = np.array([0.0, 8.0, 16.0, 32.0, np.inf])


def curve(classes, right=None, length=None, caps=CAPS):
    """Return a curve of FLOP 1 per token of the trace; `classes` (problems, samples, caps), `length` (problems, samples)."""
    classes = np.asarray(classes)
    length = np.full(classes.shape[:2], 40.0) if length is None else np.asarray(length, float)
    tokens = np.minimum(length[..., None], caps)
    right = classes == 0 if right is None else np.asarray(right)
    ended = (caps > 0) & (length[..., None] <= caps)
    flops, answer = PROMPT + tokens + ANSWER, np.full(classes.shape, ANSWER)
    return Curve(caps, right.astype(float), flops, answer, classes, ended, np.full(len(classes), PROMPT))


def test_agreement_stops_at_the_second_equal_answer_and_pays_for_both():
    right, flops = rules.agreement(curve([[[5, 1, 0, 0, 3]]]), 1, 2)
    assert (right.tolist(), flops.tolist()) == ([1.0], [PROMPT + 32 + 3 * ANSWER])


def test_three_answers_are_asked_for_before_three_can_agree():
    right, flops = rules.agreement(curve([[[0, 0, 0, 0, 3]]]), 1, 3)
    assert (right.tolist(), flops.tolist()) == ([1.0], [PROMPT + 32 + 3 * ANSWER])


def test_a_trace_that_ends_is_answered_once_and_stops_the_policy():
    right, flops = rules.agreement(curve([[[5, 1, 0, 0, 0]]], length=[[12]]), 1, 2)
    assert (right.tolist(), flops.tolist()) == ([1.0], [PROMPT + 12 + 2 * ANSWER])


def test_answers_that_cannot_be_read_do_not_agree():
    place, _, _ = rules.stopped(curve([[[UNREAD, UNREAD, UNREAD, UNREAD, 0]]]), 1, 2)
    assert place.tolist() == [[4]]


def test_falling_back_pays_for_the_trace_and_for_a_prompt_read_anew():
    given_up = rules.fallback(curve([[[0, 1, 1, 1, 1]]]), 2)
    assert [v.tolist() for v in given_up] == [[1.0], [PROMPT + 16 + PROMPT + ANSWER]]
    kept = rules.fallback(curve([[[1, 0, 0, 0, 0]]], length=[[10]]), 2)
    assert [v.tolist() for v in kept] == [[1.0], [PROMPT + 10 + ANSWER]]


def test_the_first_to_finish_answers_and_the_others_pay_up_to_its_cap():
    two = curve([[[9, 9, 1, 1, 1], [9, 9, 0, 0, 0]]], length=[[40, 10]])
    right, flops = rules.first_finish(two, 2)
    assert (right.tolist(), flops.tolist()) == ([1.0], [PROMPT + 16 + 10 + ANSWER])
    both = curve([[[9, 9, 1, 1, 1], [9, 9, 0, 0, 0]]], length=[[10, 10]])
    right, flops = rules.first_finish(both, 2)
    assert (right.tolist(), flops.tolist()) == ([0.5], [PROMPT + 2 * (10 + ANSWER)])


def test_voting_stops_when_an_answer_has_its_votes():
    samples = [[[9] * 4 + [c] for c in (1, 0, 0, 1, 1)]]
    right, flops = rules.consistency(curve(samples), 4, 2)
    assert (right.tolist(), flops.tolist()) == ([1.0], [PROMPT + 3 * (40 + ANSWER)])
    right, flops = rules.consistency(curve(samples), 4, 4)
    assert (right.tolist(), flops.tolist()) == ([0.0], [PROMPT + 5 * (40 + ANSWER)])


def test_a_vote_of_all_is_the_majority_of_the_strategies():
    rng = np.random.default_rng(3)
    classes = rng.integers(-1, 4, size=(40, 6))
    found = rules.voted(classes, (classes == 0).astype(float), np.ones((40, 6), bool))
    for row, value in zip(classes, found, strict=True):
        names = [None if c == UNREAD else int(c) for c in row]
        assert value == pytest.approx(expected_choice.majority(names, 0, 6))


def test_a_cascade_asks_the_large_model_only_where_the_small_one_disagrees():
    small = curve([[[9, 1, 1, 1, 1]], [[9, 1, 2, 1, 1]]])
    large = curve([[[9, 9, 9, 9, 0]], [[9, 9, 9, 9, 0]]])
    names, right, flops = rules.cascade(small, large)(np.ones(2, bool))
    row = names.index("cap 16, then uncapped")
    asked = PROMPT + 16 + 2 * ANSWER
    assert right[row].tolist() == [0.0, 1.0]
    assert flops[row].tolist() == [asked, asked + PROMPT + 40 + ANSWER]


def test_a_learned_cap_is_learned_on_the_problems_that_choose():
    """Where answers agree more reasoning is wasted, elsewhere it pays; what the others' answers are does not matter."""
    rows = [[[9, 0, 0, 0, 0]], [[9, 1, 2, 3, 0]]] * 20
    choosing = np.arange(40) < 20
    known = curve(rows)
    names, right, flops = rules.learned(known, choosing)
    best = names.index("from cap 8, price 0.5")
    assert right[best].min() == 1.0
    assert flops[best, 0] == PROMPT + 16 + 2 * ANSWER and flops[best, 1] == PROMPT + 40 + 3 * ANSWER
    other = known._replace(right=np.where(choosing[:, None, None], known.right, 1 - known.right))
    assert np.array_equal(rules.learned(other, choosing).flops, flops)


def tables(problems=4, caps=(0, 8, None), tokens=(0, 8, 20)):
    """Return answers and grades of one model."""
    rows = [
        {"problem_id": f"p{i}", "sample": 0, "cap": cap, "reasoning_tokens": spent, "extracted": f" {i} A"}
        for i in range(problems)
        for cap, spent in zip(caps, tokens, strict=True)
    ]
    frame = pd.DataFrame(rows).astype({"cap": "Int64"})
    frame = frame.assign(
        model="m", strategy="cot", benchmark="b", status="rule", correct=1.0, flops_answer=2.0
    )
    frame = frame.assign(flops=10.0 + frame["reasoning_tokens"] + 2, flops_prefill=10.0)
    return frame.drop(columns="extracted"), frame[[*curves.CURVE, "problem_id", "sample", "cap", "extracted"]]


def test_a_trace_has_ended_where_a_larger_cap_adds_nothing():
    answers, grades = tables(caps=(0, 8, 16, None), tokens=(0, 8, 12, 12))
    (((names, found)),) = curves.curves(answers, grades)
    assert names == {"model": "m", "strategy": "cot", "benchmark": "b"}
    assert found.ended[0, 0].tolist() == [False, False, True, True]
    assert len(set(found.classes.ravel())) == 4
    answers, grades = tables(caps=(8, 16), tokens=(8, 16))
    (((_, found)),) = curves.curves(answers, grades)
    assert found.ended[0, 0].tolist() == [False, False]


def test_texts_are_compared_without_spaces_and_case():
    assert curves.classes_of(pd.Series(["1 A", "1a", None, " ", "2"])).tolist() == [0, 0, -1, -1, 1]


@pytest.mark.parametrize("change", ["combined", "unknown compute", "hole", "never reasons", "one cap"])
def test_what_no_policy_can_be_judged_on_is_left_out(change):
    answers, grades = tables(caps=(0, 8, 16, None), tokens=(0, 8, 16, 20))
    assert len(list(curves.curves(answers, grades))) == 1
    match change:
        case "combined":
            answers["status"] = "combined"
        case "unknown compute":
            answers["flops"] = np.nan
        case "hole":
            answers = answers.iloc[1:]
        case "never reasons":
            answers["reasoning_tokens"] = 0
        case "one cap":
            answers = answers[answers["cap"].isna() | (answers["cap"] == 0)]
    assert list(curves.curves(answers, grades)) == []
