"""Splitting a completion into trace and answer, and counting their tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.core.cli import UserError
from frontiers.log_import import token_counts
from frontiers.log_import.entry import Entry, Faults
from support.writer import MARKERS, TOKENIZER

PROMPT = {"style": "prompt", "forced_end": "\\boxed{"}


def entry(**fields):
    return Entry(**{"file": "f", "place": "line 1", "completion": "", **fields})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", ("a", "b", True, "<think>")),
        ("a</think>b", ("a", "b", True, "")),
        ("\n<think>a", ("a", "", False, "<think>")),
        ("a", ("a", "", False, "")),
        ("</think>", ("", "", True, "")),
        ("a</think>b</think>c", ("a", "b</think>c", True, "")),
        ("", ("", "", False, "")),
    ],
)
def test_a_completion_is_split_into_trace_and_answer(text, expected):
    part = token_counts.split(entry(completion=text), MARKERS)
    assert (part.reasoning, part.answer, part.closed, part.opening) == expected


def encode(texts):
    return TOKENIZER(list(texts), add_special_tokens=False)["input_ids"]


def counts(thinking=MARKERS, tokenizer=True, **fields):
    one, faults = entry(**{"prompt_tokens": 7, "finish_reason": "stop", **fields}), Faults()
    counter = token_counts.Counter(encode if tokenizer else None, "no reason")
    (found,) = token_counts.count([one], [token_counts.split(one, thinking)], thinking, counter, {}, faults)
    return found and (found.reasoning, found.end, found.answer)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"completion": "Ana Ben</think>5"}, (2, 1, 2)),
        ({"completion": "Ana Ben</think>5", "finish_reason": "length"}, (2, 1, 1)),
        ({"completion": "<think>Ana Ben</think>5"}, (3, 1, 2)),  # the model wrote the start marker itself
        ({"completion": "Ana Ben</think>5", "output_tokens": 9}, (6, 1, 2)),
        ({"completion": "Ana Ben</think>5", "output_tokens": 9, "reasoning_tokens": 4}, (4, 1, 4)),
        ({"completion": "Ana Ben"}, (2, 0, 0)),
        ({"completion": "Ana Ben", "output_tokens": 9}, (8, 0, 0)),
        ({"completion": "Ana Ben", "output_tokens": 9, "finish_reason": "length"}, (9, 0, 0)),
        ({"completion": "5", "reasoning": "Ana"}, (1, 1, 2)),
        ({"completion": "5", "reasoning": ""}, (0, 1, 2)),
        ({"completion": "", "reasoning": "Ana"}, (1, 0, 0)),
        ({"completion": "5", "reasoning": "", "reasoning_tokens": 30, "output_tokens": 40}, (30, 1, 9)),
        ({"completion": "", "finish_reason": "length"}, (0, 0, 0)),
        ({"completion": "Ana Ben</think>5", "cap": 1}, (1, 1, 2)),
        ({"completion": "Ana Ben</think>5", "cap": 1, "reasoning_tokens": 2}, None),
        ({"completion": "Ana Ben</think>5", "output_tokens": 2}, None),
        ({"completion": "5", "reasoning": "a", "tokenizer": False}, None),
        (
            {
                "completion": "5",
                "reasoning": "a",
                "reasoning_tokens": 3,
                "answer_tokens": 2,
                "tokenizer": False,
            },
            (3, 1, 2),
        ),
        (
            {
                "completion": "5",
                "reasoning": "a",
                "reasoning_tokens": 3,
                "output_tokens": 6,
                "tokenizer": False,
            },
            (3, 1, 2),
        ),
        ({"completion": "Ana Ben", "thinking": PROMPT}, (2, 0, 0)),
    ],
)
def test_tokens_of_trace_marker_and_answer(fields, expected):
    assert counts(**fields) == expected


@pytest.mark.parametrize(
    ("cap", "found"),
    [(8, None), (235, None), (236, 236), (239, 239), (240, 240), (241, 240), (None, 240)],
)
def test_a_trace_far_longer_than_its_cap_is_a_fault(cap, found):
    """Tokenised again, a trace may have a few tokens more than were decoded."""
    faults = Faults()
    trace = "Ana Ben " * 120
    one = entry(completion=f"{trace}</think>5", cap=cap, prompt_tokens=7, finish_reason="stop")
    counter = token_counts.Counter(encode, "no reason")
    parts = [token_counts.split(one, MARKERS)]
    (counted,) = token_counts.count([one], parts, MARKERS, counter, {}, faults)
    assert (counted and counted.reasoning) == found
    if counted is None:
        with pytest.raises(
            UserError, match=f"longer than its cap of {cap} tokens .*a trace of 240 tokens"
        ) as error:
            faults.raise_if_any("m on b")
        assert "Correct `cap` of the log, or leave it out" in str(error.value)
    else:
        assert counted.excess == (240 - cap if cap and cap < 240 else 0)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["stop", "length"]))
def test_counted_parts_add_up_to_what_was_written(text, finish):
    reasoning, end, answer = counts(completion=text, finish_reason=finish)
    ids = TOKENIZER(text.partition("</think>")[::2], add_special_tokens=False)["input_ids"]
    written = sum(map(len, ids)) + ("</think>" in text)
    stop = finish == "stop" and "</think>" in text
    assert reasoning + end + answer == written + stop
