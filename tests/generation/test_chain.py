"""Nested caps against a stand-in for the engine that writes by a rule; the real engine is in test_vllm.py."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.core.cli import UserError
from frontiers.generation.journal import Journal
from frontiers.generation.strategies import chain
from frontiers.pocket.tokenizer import build_tokenizer
from support.prompts import render_prompt
from support.writer import IDS, PROBLEMS, PROMPT_STYLE, THINKING, TOKENIZER, Writer, decode, settings_of

CAPS = st.lists(st.integers(0, 45), min_size=1, max_size=4, unique=True).map(sorted)


def run(caps, writer=None, path=None, thinking=THINKING, problems=PROBLEMS, **changes):
    """Return the table `generations`, decoded with a journal at `path`."""
    writer = writer or Writer()
    with TemporaryDirectory() as folder:
        episodes = chain.episodes(problems, TOKENIZER, thinking, {}, settings_of(caps, **changes))
        rows, _ = decode(episodes, path or Path(folder, "j.jsonl"), writer)
    return chain.tabulate([row for rows_of_one in rows for row in rows_of_one], TOKENIZER)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "j.jsonl"


def under(table, caps):
    """Return the rows of some caps without their seconds, which are spread over the whole trace."""
    return table[table["cap"].isin(caps)].drop(columns="seconds").reset_index(drop=True)


@given(CAPS, st.booleans())
@settings(max_examples=30, deadline=None)
def test_no_cap_is_exceeded_and_traces_are_nested(caps, uncapped):
    caps = [*caps, None] if uncapped else caps
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


@given(CAPS)
@settings(max_examples=30, deadline=None)
def test_the_rows_of_a_cap_do_not_depend_on_the_larger_ones(caps):
    assert under(run(caps, samples=2), caps).equals(under(run([*caps, None], samples=2), caps))


def test_one_trace_serves_every_cap_and_a_whole_one_is_answered_once():
    writer = Writer()
    table = run([0, 8, 16, None], writer)
    assert len(writer.traces) == len(PROBLEMS)
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


def test_a_model_that_ends_the_sequence_inside_its_trace_is_not_made_to_answer():
    table = run([4, None], Writer(longest=12, quits=True))
    whole = table[table["ended"]]
    assert len(whole) >= len(PROBLEMS)
    assert (whole["answer_tokens"] == 0).all()
    assert (whole["end_tokens"] == 0).all()
    assert not whole["truncated"].any()
    cut = table[~table["ended"]]
    assert (cut["answer_tokens"] == 4).all()


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
    backward = run([None], problems=PROBLEMS[::-1]).set_index("problem_id")
    assert forward["seed"].is_unique
    assert forward["seed"].equals(backward["seed"].loc[forward.index])


def test_a_loop_is_told_from_a_trace_that_is_merely_long():
    class Loops(Writer):
        def write(self, request):
            done = super().write(request)
            if not self.traces or request.max_tokens < 100 or request.id != self.traces[0].id:
                return done
            words = (list(range(20, 29)) * 100)[: request.max_tokens]
            return type(done)(request.id, tuple(words), len(words), "length", None, 0.5, 1.5)

    table = run([16, 80, None], Loops(longest=100), context=256).set_index(["problem_id", "cap"])
    assert not table.loc[("p0", 16), "looping"]
    assert table.loc[("p0", 80), "looping"]
    assert table.loc["p0", "looping"].iloc[-1]
    assert not table.drop("p0")["looping"].any()


def test_a_prompt_whose_template_leaves_the_thinking_closed_is_opened():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    ids = render_prompt(tokenizer, "Ana has 7 pens.", THINKING, {})
    assert ids[-1:] == THINKING.start
    assert render_prompt(TOKENIZER, "Ana has 7 pens.", THINKING, {}).count(THINKING.start[0]) == 1


def test_a_larger_cap_decodes_what_lies_beyond_and_no_more(path):
    table, writer = run([4, 20], path=path), Writer()
    more = run([4, 20, 30], writer, path)
    unfinished = table[(table["cap"] == 20) & ~table["ended"]]
    assert 0 < len(unfinished) < len(PROBLEMS)
    assert len(writer.traces) == len(unfinished)
    assert all(request.max_tokens == 10 for request in writer.traces)  # from 21 to 31
    assert len(writer.asked) - len(writer.traces) <= len(unfinished)
    assert under(more, [4, 20]).equals(under(table, [4, 20]))
    for _, rows in more.groupby("problem_id"):
        assert rows["reasoning"].iloc[-1].startswith(rows["reasoning"].iloc[-2])
    assert more.equals(run([4, 20, 30], Writer(dies_at=0), path))


def test_a_smaller_cap_decodes_answers_only(path):
    writer = Writer()
    table = run([8, None], path=path)
    more = run([4, 8, None], writer, path)
    assert writer.traces == []
    assert 0 < len(writer.asked) <= len(PROBLEMS)
    kept = more[(more["cap"] != 4).fillna(True)].reset_index(drop=True)
    assert kept.equals(table)


def test_an_added_problem_or_sample_decodes_itself_only(path):
    table = run([8, None], path=path, problems=PROBLEMS[:3])
    writer = Writer()
    more = run([8, None], writer, path)
    assert len(writer.traces) == 1
    assert more[more["problem_id"] != PROBLEMS[3].id].reset_index(drop=True).equals(table)
    writer = Writer()
    twice = run([8, None], writer, path, samples=2)
    assert len(writer.traces) == len(PROBLEMS)
    assert twice[twice["sample"] == 0].reset_index(drop=True).equals(more)


def test_a_longer_context_goes_on_with_the_traces_it_had_cut(path):
    table = run([None], Writer(longest=100), path, context=48)
    assert table["truncated"].any()
    writer = Writer(longest=100)
    longer = run([None], writer, path, context=256)
    assert len(writer.traces) == int(table["truncated"].sum())
    assert all(request.max_tokens > 200 for request in writer.traces)
    again = run([None], Writer(dies_at=0), path, context=48)
    assert again.equals(table)
    assert (longer["reasoning_tokens"] >= table["reasoning_tokens"]).all()


def test_a_larger_budget_goes_on_with_the_answers_it_had_cut(path):
    run([0], path=path, answer_tokens=2)
    writer = Writer()
    table = run([0], writer, path, answer_tokens=16)
    assert [request.max_tokens for request in writer.asked] == [14] * len(PROBLEMS)
    assert not table["truncated"].any()


def test_the_same_commands_write_the_same(tmp_path):
    tables = []
    for name in ("a", "b"):
        for caps in ([4], [4, 20], [4, 20, None]):
            table = run(caps, path=tmp_path / name, piece=5)
        tables.append(table)
    assert tables[0].equals(tables[1])


def test_what_is_journalled_is_not_decoded_again(path):
    table = run([8, None], path=path)
    writer = Writer()
    assert run([8, None], writer, path).equals(table)
    assert writer.asked == []


@pytest.mark.parametrize("piece", [None, 6])
@pytest.mark.parametrize("dies_at", range(1, 14, 3))
def test_a_job_that_dies_goes_on_where_it_stopped(path, dies_at, piece):
    undisturbed = run([0, 8, None], piece=piece)
    with pytest.raises(KeyboardInterrupt):
        run([0, 8, None], Writer(dies_at=dies_at), path, piece=piece)
    writer, known = Writer(), set(Journal(path).entries)
    assert len(known) == dies_at
    assert run([0, 8, None], writer, path, piece=piece).equals(undisturbed)
    assert not known & {r.id for r in writer.asked}


def test_a_compacted_journal_holds_every_trace_in_one_piece_and_serves_as_before(path):
    table, whole = run([0, 8, None], path=path, piece=6), len(run([0, 8, None]))
    journal = Journal(path)
    pieces = [entry for entry in journal.entries.values() if "after" in entry]
    assert pieces
    before = len(journal.entries)
    journal.compact()
    compact = Journal(path)
    assert len(compact.entries) == before - len(pieces)
    assert not any("after" in entry for entry in compact.entries.values())
    assert len(table) == whole
    assert run([0, 8, None], Writer(dies_at=0), path, piece=6).equals(table)
    grown = run([0, 8, None], Writer(dies_at=0), path, piece=None)
    assert grown.equals(table)


def test_a_cut_answer_keeps_its_tokens_apart_from_the_forced_end():
    table = run([0])
    assert table["answer"].str.startswith("\\boxed{").all()
    assert IDS["</think>"] == THINKING.forced_end[0]
    assert isinstance(table["cap"].dtype, pd.Int64Dtype)
