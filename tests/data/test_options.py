"""The lettered options of a multiple-choice problem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.data.benchmark_source import with_options
from frontiers.data.options import LETTERS, options_of, relettered
from frontiers.data.problems import Problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Which?\n\nA) one\nB) two", ("Which?", ["one", "two"])),
        ("Which?\n(A) one\n  more\n(B) two\n\nThink.", ("Which?", ["one\n  more", "two\n\nThink."])),
        ("Which?\n**A.** one\n**B.** two", ("Which?", ["one", "two"])),
        ("Which?\n- A: one\n- B: two", ("Which?", ["one", "two"])),
        (
            "A) x\nB) y\nAnswer: A\n\nWhich?\nA) one\nB) two",
            ("A) x\nB) y\nAnswer: A\n\nWhich?", ["one", "two"]),
        ),
        (
            "Which?\nA) one\nB) two\nC) three\nA. Einstein said so.",
            ("Which?", ["one", "two", "three\nA. Einstein said so."]),
        ),
        ("A dog. B movies.", ("A dog. B movies.", [])),
        ("Which?\nA) one", ("Which?\nA) one", [])),
    ],
)
def test_options_are_found(text, expected):
    assert options_of(text) == expected


OPTION = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=9)


@given(st.lists(OPTION, min_size=2, max_size=10, unique=True), st.text(max_size=9), st.randoms())
def test_what_the_benchmark_writes_is_read_back_and_relettered(options, seed, draw):
    right, *wrong = options
    text, gold = with_options("Which?", right, wrong, seed)
    stem, found = options_of(text)
    assert stem == "Which?"
    assert sorted(found) == sorted(options)
    assert found[LETTERS.index(gold)] == right
    letters = "".join(draw.sample(LETTERS[: len(options)], len(options)))
    shown = relettered(Problem("p", text, gold, "choice", "MIT", "t"), letters)
    assert f"{shown.answer}) {right}" in shown.question.splitlines()
    assert letters[LETTERS.index(shown.answer)] == gold
