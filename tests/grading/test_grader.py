"""Verdicts: the cases of cases.json, the forms that math-verify misses, and any text."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontiers.data.problems import ANSWER_TYPES
from frontiers.grading.equivalence import settle
from frontiers.grading.extraction import extract
from frontiers.grading.grader import Verdict, verify

MISSES = json.loads((Path(__file__).parent / "math_verify_misses.json").read_text())
CASES = json.loads((Path(__file__).parent / "cases.json").read_text())


@pytest.fixture(scope="module")
def case_verdicts(grader) -> dict[str, Verdict]:
    pairs = [(extract(c["completion"], c["answer_type"]) or "", c["gold"], c["answer_type"]) for c in CASES]
    return dict(zip((c["name"] for c in CASES), grader.grade(pairs), strict=True))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, case_verdicts):
    verdict = case_verdicts[case["name"]]
    assert verdict.correct is (case["expected"] is True), case["why"]
    assert verdict.status == ("no_answer" if case["expected"] is None else "rule"), case["why"]


def test_case_names_are_unique():
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.fixture(scope="module")
def miss_verdicts(grader) -> list[Verdict]:
    return grader.grade([(m["answer"], m["gold"], m["answer_type"]) for m in MISSES])


@pytest.mark.parametrize("number", range(len(MISSES)), ids=[f"{m['answer']} for {m['gold']}" for m in MISSES])
def test_what_math_verify_misses(number, miss_verdicts):
    """Each line holds math-verify's verdicts on the bare texts and on the same between dollar signs."""
    from math_verify import parse, verify

    miss, verdict = MISSES[number], miss_verdicts[number]
    answer, gold, expected = miss["answer"], miss["gold"], miss["expected"]
    assert verify(parse(gold), parse(answer)) is miss["as_text"]
    assert verify(parse(f"${gold}$"), parse(f"${answer}$")) is miss["as_formula"]
    assert {miss["as_text"], miss["as_formula"]} != {expected is True}, (
        "math-verify gets it right: drop the line"
    )
    assert verdict == (expected is True, "no_answer" if expected is None else "rule"), miss["why"]


def test_verify_gives_true_false_and_none():
    assert verify("1/2", r"\frac{1}{2}", "expression") is True
    assert verify("x+1", "x-1", "expression") is False
    assert verify("x+", "x-1", "expression") is None
    assert verify("", "1", "number") is None
    assert verify(r"the answer is \boxed{4}", "4", "number") is True
    with pytest.raises(ValueError, match="unknown answer type 'essay'; use one of number"):
        verify("1", "1", "essay")


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.sampled_from(ANSWER_TYPES))
def test_any_text_is_taken(text, answer_type):
    found = extract(text, answer_type)
    if found is not None:
        found.encode("utf-8")
    settle(text, "12", answer_type)
