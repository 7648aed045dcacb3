"""Which models a study leaves out when jobs fail, and what is said of them."""

import json

import pytest

from frontiers.config import left_out

FEW = {"kind": "measured", "models": ["a", "b", "c"], "on_failure": "leave_out"}
MANY = {"kind": "measured", "models": list("abcdef")}


def test_a_study_of_many_models_leaves_failed_ones_out_unless_it_says_otherwise():
    assert left_out.on_failure(MANY) == left_out.on_failure(FEW) == "leave_out"
    assert left_out.on_failure(MANY | {"on_failure": "stop"}) == "stop"
    assert left_out.on_failure(MANY | {"models": list("abcde")}) == "stop"
    assert left_out.on_failure({"kind": "recorded"}) == "stop"


@pytest.mark.parametrize(
    ("jobs", "studies", "wanted"),
    [
        ([("s", "a", "why")], {"s": FEW}, {"s": {"a": "why"}}),
        ([("s", "a", "why"), ("s", "a", "later")], {"s": FEW}, {"s": {"a": "why"}}),
        # A download is of no study: of all that have the model.
        ([(None, "a", "why")], {"s": FEW, "t": MANY}, {"s": {"a": "why"}, "t": {"a": "why"}}),
        ([(None, "a", "why")], {"s": FEW, "t": MANY | {"on_failure": "stop"}}, None),
        ([("s", None, "an aggregate")], {"s": FEW}, None),
        ([("s", "a", "why"), ("s", None, "an aggregate")], {"s": FEW}, None),
        ([(None, "reward", "of no study")], {"s": FEW}, None),
        ([("s", name, "why") for name in "abc"], {"s": FEW}, None),
        ([], {"s": FEW}, None),
    ],
)
def test_only_failures_of_models_are_left_out_and_one_must_stay(jobs, studies, wanted):
    assert left_out.failed(jobs, studies) == wanted


def test_a_run_without_them_has_the_others_in_their_order():
    given = {"s": {"b": "why"}}
    found = left_out.without({"s": FEW, "t": MANY}, json.dumps(given))
    assert found["s"]["models"] == ["a", "c"] and found["s"]["left_out"] == {"b": "why"}
    assert found["t"] == MANY and left_out.without({"s": FEW}, "") == {"s": FEW}
    more = left_out.joined(given, {"s": {"a": "too"}, "t": {"x": "y"}})
    assert more == {"s": {"b": "why", "a": "too"}, "t": {"x": "y"}}


def test_the_reason_is_the_last_error_of_the_log(tmp_path):
    log = tmp_path / "log"
    for text, wanted in [
        ("line\nerror: the first\nerror: no \x1b[31mmemory\n12 of 14\n", "generate: no "),
        ("Traceback\nValueError: 7\n", "generate: ValueError: 7"),
        ("", "generate: it ended without a word"),
        ("error: " + "x" * 999, "generate: " + "x" * 300),
    ]:
        log.write_text(text)
        found = left_out.reason([log], "generate")
        assert found.startswith(wanted) and "\x1b" not in found and len(found) < 320
    assert left_out.reason([tmp_path / "none"], "x").startswith("x: it ended without a word")
