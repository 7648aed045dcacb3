"""Splitting a completion into trace and answer, and counting their tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.core.cli import UserError
from frontiers.log_import import token_counts
from frontiers.log_import.entry import Entry, Faults
from frontiers.log_import.padding import without_padding
from frontiers.log_import.parts import split
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
    part = split(entry(completion=text), MARKERS)
    assert (part.reasoning, part.answer, part.closed, part.opening) == expected


def encode(texts):
    return TOKENIZER(list(texts), add_special_tokens=False)["input_ids"]


def counts(thinking=MARKERS, tokenizer=True, **fields):
    one, faults = entry(**{"prompt_tokens": 7, "finish_reason": "stop", **fields}), Faults()
    counter = token_counts.Counter(encode if tokenizer else None, "no reason")
    (found,) = token_counts.count([one], [split(one, thinking)], thinking, counter, faults)
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
        # a hidden trace: all of the total is counted
        ({"completion": "5", "output_tokens": 1000, "reasoning_tokens": 800}, (800, 0, 200)),
        (
            {"completion": "5", "output_tokens": 1000, "reasoning_tokens": 800, "thinking": PROMPT},
            (800, 0, 200),
        ),
        (
            {"completion": "5", "reasoning_tokens": 800, "answer_tokens": 200, "tokenizer": False},
            (800, 0, 200),
        ),
        (
            {"completion": "", "output_tokens": 1000, "reasoning_tokens": 800, "finish_reason": "length"},
            (800, 0, 200),
        ),
        ({"completion": "5", "reasoning_tokens": 800}, None),  # is 5 the trace or the answer?
        ({"completion": "Ana Ben", "reasoning_tokens": 3}, (3, 0, 0)),
        ({"completion": "Ana Ben", "output_tokens": 9, "reasoning_tokens": 9}, (9, 0, 0)),
        ({"completion": "Ana Ben", "output_tokens": 9, "reasoning_tokens": 8}, (8, 0, 0)),
        # more of them than were written: the server counts them apart
        ({"completion": "5", "output_tokens": 200, "reasoning_tokens": 800}, None),
        ({"completion": "5", "output_tokens": 0, "reasoning_tokens": 60, "thinking": PROMPT}, None),
        # no reasoning tokens, with a trace
        ({"completion": "5", "reasoning": "Ana Ben", "output_tokens": 9, "reasoning_tokens": 0}, (6, 1, 2)),
        ({"completion": "Ana Ben</think>5", "output_tokens": 9, "reasoning_tokens": 0}, (6, 1, 2)),
        ({"completion": "Ana Ben", "output_tokens": 9, "reasoning_tokens": 0, "thinking": PROMPT}, (8, 0, 0)),
        ({"completion": "5", "reasoning": "", "output_tokens": 9, "reasoning_tokens": 0}, (0, 1, 8)),
        # all three
        (
            {
                "completion": "5",
                "reasoning": "a",
                "output_tokens": 9,
                "reasoning_tokens": 6,
                "answer_tokens": 3,
            },
            (6, 0, 3),
        ),
        (
            {
                "completion": "5",
                "reasoning": "a",
                "output_tokens": 9,
                "reasoning_tokens": 5,
                "answer_tokens": 3,
            },
            (5, 1, 3),
        ),
        (
            {
                "completion": "5",
                "reasoning": "a",
                "output_tokens": 99,
                "reasoning_tokens": 5,
                "answer_tokens": 3,
            },
            None,
        ),
        (
            {
                "completion": "5",
                "reasoning": "a",
                "output_tokens": 7,
                "reasoning_tokens": 5,
                "answer_tokens": 3,
            },
            None,
        ),
        # a total that cannot be divided
        ({"completion": "Ana</think>5", "output_tokens": 9, "tokenizer": False}, (9, 0, 0)),
        ({"completion": "5", "reasoning": "a", "output_tokens": 9, "tokenizer": False}, (9, 0, 0)),
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
    parts = [split(one, MARKERS)]
    (counted,) = token_counts.count([one], parts, MARKERS, counter, faults)
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


NUMBER = st.none() | st.integers(0, 40)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["", "5", "Ana Ben", "Ana</think>5", "<think>Ana", "<think></think>"]),
    st.sampled_from([None, "", "Ana"]),
    st.sampled_from(["stop", "length"]),
    st.fixed_dictionaries(
        {name: NUMBER for name in ("output_tokens", "reasoning_tokens", "answer_tokens", "end_tokens")}
    ),
    st.sampled_from([MARKERS, PROMPT]),
    st.booleans(),
)
def test_no_token_of_a_total_is_lost(text, reasoning, finish, numbers, thinking, tokenizer):
    """Trace, end and answer are the log's total, but for the end of a sequence that has no answer."""
    found = counts(thinking, tokenizer, completion=text, reasoning=reasoning, finish_reason=finish, **numbers)
    if found and numbers["output_tokens"] is not None:
        missing = numbers["output_tokens"] - sum(found)
        assert missing == 0 or (missing == 1 and finish == "stop" and found[2] == 0)


@pytest.mark.parametrize(
    ("text", "total", "expected"),
    [
        ("It is 5." + "<|eot_id|>" * 48, 52, ("It is 5.", None, 48)),
        ("It is 5.\n" + "</s>" * 47, None, ("It is 5.\n", None, 47)),
        ("It is 5.<|im_end|>\n", 4, ("It is 5.", 4, 1)),
        ("It is 5.<pad> <pad>\n<eos>", 9, ("It is 5.", None, 3)),
        ("It is 5.<|dummy_85|><|dummy_85|>", 9, ("It is 5.", None, 2)),
        ("It is 5.<｜▁pad▁｜><｜▁pad▁｜>", 9, ("It is 5.", None, 2)),
        ("Ana</think>", 9, ("Ana</think>", 9, 0)),
        ("It is <|eot_id|> 5.", 9, ("It is <|eot_id|> 5.", 9, 0)),
        ("", 0, ("", 0, 0)),
    ],
)
def test_padding_is_taken_off(text, total, expected):
    found, removed = without_padding(entry(completion=text, output_tokens=total), MARKERS)
    assert (found.completion, found.output_tokens, removed) == expected


def test_tokens_of_an_answer_that_hold_padding_are_not_used():
    one = entry(completion="Ana</think>5</s></s></s>", reasoning_tokens=1, answer_tokens=5)
    assert without_padding(one, MARKERS)[0].answer_tokens is None
    assert without_padding(entry(completion="5</s>", answer_tokens=2), MARKERS)[0].answer_tokens == 2


def test_the_end_marker_is_no_padding():
    channel = {"style": "markers", "start": "<|begin|>", "end": "<|end|>"}
    assert without_padding(entry(completion="Ana<|end|>"), channel)[1] == 0
