"""Nested caps against a stand-in for the engine that writes by a rule; the real engine is in test_engine.py."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers import generation, pocket, pocket_training
from frontiers.cli import UserError
from frontiers.generation import Completion, Request, Settings, Thinking
from frontiers.journal import Journal
from frontiers.problems import Problem

TOKENIZER = pocket_training.build_tokenizer()
IDS = {token: i for i, token in enumerate(pocket.vocabulary())}
THINKING = Thinking.from_block(
    {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}, TOKENIZER
)
PROMPT_STYLE = Thinking.from_block({"style": "prompt", "forced_end": "\\boxed{"}, TOKENIZER)
PROBLEMS = [
    Problem(
        f"p{i}", f"Ana has {i + 2} pens. How many pens does Ana have?", str(i + 2), "number", "MIT", "test"
    )
    for i in range(4)
]


class Writer:
    """Writes a trace whose length and words follow from the seed, then an answer of four tokens."""

    def __init__(self, longest=40):
        self.longest = longest
        self.asked: list[Request] = []

    def __call__(self, requests):
        for request in requests:
            self.asked.append(request)
            yield self.write(request)

    def write(self, request):
        rng = random.Random(request.seed)
        if request.stop == THINKING.end:
            words = [rng.randrange(20, 40) for _ in range(rng.randrange(self.longest))]
        else:
            words = [IDS["\\boxed{"], IDS[str(request.seed % 60)], IDS["}"]]
        kept = words[: request.max_tokens]
        reason = "length" if len(words) >= request.max_tokens else "stop"
        return Completion(request.id, tuple(kept), reason, 0.5, 1.5)


def settings_of(caps, **changes):
    fields = {"samples": 1, "answer_tokens": 16, "context": 128, "seed": 7, "model": "m", "benchmark": "b"}
    return Settings(caps=tuple(caps), stop=(IDS["<eos>"],), **{**fields, **changes})


def run(caps, writer=None, thinking=THINKING, **changes):
    return generation.generate(
        PROBLEMS, TOKENIZER, thinking, {}, settings_of(caps, **changes), writer or Writer()
    )


@given(st.lists(st.integers(0, 45), min_size=1, max_size=5, unique=True), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_cap_is_exceeded_and_traces_are_nested(caps, uncapped):
    caps = [*sorted(caps), None] if uncapped else sorted(caps)
    table = run(caps, samples=2)
    assert len(table) == len(PROBLEMS) * 2 * len(caps)
    capped = table[table["cap"].notna()]
    assert (capped["reasoning_tokens"] <= capped["cap"]).all()
    for _, rows in table.groupby(["problem_id", "sample"]):
        texts = list(rows["reasoning"])
        assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
        whole = rows[rows["ended"]]
        assert whole["answer"].nunique() <= 1
        assert whole["reasoning_tokens"].nunique() <= 1


def test_one_trace_serves_every_cap_and_a_whole_one_is_answered_once():
    writer = Writer()
    table = run([0, 8, 16, None], writer)
    traces = [r for r in writer.asked if r.stop == THINKING.end]
    assert len(traces) == len(PROBLEMS)
    answers = table.drop_duplicates(["problem_id", "reasoning_tokens"])
    assert len(writer.asked) == len(PROBLEMS) + len(answers)
    assert len({r.id for r in writer.asked}) == len(writer.asked)


def test_a_cut_trace_gets_the_forced_end_and_a_whole_one_its_own():
    writer = Writer()
    table = run([0, None], writer).set_index(["problem_id", "cap"])
    assert (table["end_tokens"] == 1).all()
    assert not table.loc[(slice(None), 0), "ended"].any()
    assert table.loc[("p0", 0), "reasoning_tokens"] == 0
    assert (table["answer_tokens"] == 4).all()  # three written, and the end of sequence


def test_a_trace_that_fills_the_context_is_truncated_and_not_answered():
    table = run([4, None], Writer(longest=1000), context=64)
    whole = table[table["cap"].isna() & (table["finish_reason"] == "length")]
    assert len(whole)
    assert whole["truncated"].all()
    assert (whole["answer_tokens"] == 0).all()
    assert not table.loc[table["cap"] == 4, "truncated"].any()


def test_an_answer_that_fills_its_budget_is_truncated():
    assert run([0], answer_tokens=2)["truncated"].all()


def test_a_prompt_without_room_for_an_answer_is_named():
    with pytest.raises(UserError, match=r"problem `p0` of b: its prompt of 12 tokens leaves no room"):
        run([0], context=20)


def test_in_the_prompt_style_a_completion_that_ends_is_its_own_answer():
    table = run([1, None], thinking=PROMPT_STYLE).set_index("cap")
    assert (table.loc[1, "end_tokens"] == len(PROMPT_STYLE.forced_end)).all()
    whole = table[table["ended"]]
    assert (whole["answer"] == "").all()
    assert (whole["answer_tokens"] == 0).all()
    assert whole["reasoning"].str.contains("boxed").all()


def test_seeds_depend_on_the_problem_and_not_on_its_place():
    forward = run([None]).set_index("problem_id")
    backward = generation.generate(
        PROBLEMS[::-1], TOKENIZER, THINKING, {}, settings_of([None]), Writer()
    ).set_index("problem_id")
    assert forward["seed"].is_unique
    assert forward["seed"].equals(backward["seed"].loc[forward.index])


def test_a_prompt_whose_template_leaves_the_thinking_closed_is_opened():
    tokenizer = pocket_training.build_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    ids = generation.render_prompt(tokenizer, "Ana has 7 pens.", THINKING, {})
    assert ids[-1:] == THINKING.start
    assert generation.render_prompt(TOKENIZER, "Ana has 7 pens.", THINKING, {}).count(THINKING.start[0]) == 1


def test_an_end_marker_of_several_tokens_is_stopped_at_by_its_text():
    spelled = Thinking("markers", (1,), (5, 6), (5, 6), "the end")
    request = generation.trace_request((1,), 3, 10, spelled, settings_of([None]))
    assert request.stop == ()
    assert request.stop_text == "the end"


def test_what_is_journalled_is_not_decoded_again(tmp_path):
    def decode(path, writer, caps):
        journal = Journal(path)
        table = run(caps, generation.journalled(journal, writer, lambda line: None))
        journal.close()
        return table

    path = tmp_path / "j.jsonl"
    first, second, third = Writer(), Writer(), Writer()
    table = decode(path, first, [8, None])
    assert decode(path, second, [8, None]).equals(table)
    assert second.asked == []
    more = decode(path, third, [4, 8, None])
    assert all(r.stop != THINKING.end for r in third.asked)
    assert len(third.asked) <= len(PROBLEMS)
    assert more[(more["cap"] != 4).fillna(True)].reset_index(drop=True).equals(table)


@pytest.mark.parametrize("stop_after", range(8))
def test_a_job_that_dies_goes_on_where_it_stopped(tmp_path, stop_after):
    class Dies(Writer):
        def __call__(self, requests):
            for done, completion in enumerate(super().__call__(requests)):
                if done == stop_after:
                    raise KeyboardInterrupt
                yield completion

    path = tmp_path / "j.jsonl"
    undisturbed = run([0, 8, None])
    with pytest.raises(KeyboardInterrupt):
        journal = Journal(path)
        run([0, 8, None], generation.journalled(journal, Dies(), lambda line: None))
    writer = Writer()
    again = Journal(path)
    known = set(again.entries)
    assert run([0, 8, None], generation.journalled(again, writer, lambda line: None)).equals(undisturbed)
    assert not known & {r.id for r in writer.asked}


def test_seconds_to_a_token_are_between_first_and_last():
    completion = Completion("x", tuple(range(11)), "stop", 1.0, 6.0)
    assert completion.seconds_until(0) == 0
    assert completion.seconds_until(1) == 1
    assert completion.seconds_until(6) == pytest.approx(3.5)
    assert completion.seconds_until(11) == 6
    assert Completion("x", (1,), "stop", None, None).seconds_until(1) is None
