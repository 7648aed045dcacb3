"""Markers: which tokens end a trace, and what that says about it."""

from types import SimpleNamespace

import pytest
import yaml

from frontiers.core.cli import UserError
from frontiers.generation.prompts import Thinking
from support.prompts import render_prompt
from support.workflow_copy import ROOT
from support.writer import EOS, PROMPT_STYLE, THINKING

SPELLED = Thinking("markers", (1,), (5, 6), (5, 6), "the end")


def test_a_trace_stops_at_its_end_marker_or_where_the_sequence_ends():
    assert THINKING.stops((EOS,)) == (tuple(sorted([THINKING.end[0], EOS])), "")
    assert THINKING.closed_by(THINKING.end[0])
    assert not THINKING.closed_by(EOS)


def test_an_end_marker_of_several_tokens_is_stopped_at_by_its_text():
    assert SPELLED.stops((EOS,)) == ((EOS,), "the end")
    assert SPELLED.closed_by(None)
    assert not SPELLED.closed_by(EOS)


def test_without_markers_the_sequence_ends_the_trace_and_nothing_closes_it():
    assert PROMPT_STYLE.stops((EOS,)) == ((EOS,), "")
    assert not PROMPT_STYLE.closed_by(EOS)


def test_a_trace_is_asked_for_one_marker_beyond_the_cap():
    assert [t.lookahead for t in (THINKING, SPELLED, PROMPT_STYLE)] == [1, 2, 1]


def test_every_forced_end_of_the_registry_ends_the_thinking_and_each_model_has_one():
    models = yaml.safe_load((ROOT / "config.yaml").read_text())["models"]
    writing = {name: model for name, model in models.items() if "reward" not in model}
    for name, model in writing.items():
        thinking = model["thinking"]
        assert thinking["forced_end"], name
        if thinking["style"] == "markers":
            assert thinking["end"] in thinking["forced_end"], name
            assert thinking["start"] not in thinking["forced_end"], name


def test_a_tokenizer_without_a_chat_template_needs_one_from_the_models_block():
    bare = SimpleNamespace(
        chat_template=None, name_or_path="base", apply_chat_template=lambda *_, chat_template, **__: [7, 8]
    )
    with pytest.raises(UserError, match=r"base: .*chat template"):
        render_prompt(bare, "1 + 1?", PROMPT_STYLE, {})
    assert render_prompt(bare, "1 + 1?", PROMPT_STYLE, {"chat_template": "x"}) == (7, 8)


def joining_tokenizer(template):
    """Return a tokenizer of characters that joins `>` with the line break after it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    line = next(c for c, _ in [pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str("\n")[0]])
    vocabulary = {letter: number for number, letter in enumerate([*letters, ">" + line])}
    made = Tokenizer(models.BPE(vocabulary, [(">", line)]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=template)


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        ("<think>\n", "<think>\n"),  # as the template of Nemotron Nano 9B v2 ends
        ("<think>", "<think>"),
        ("", "<think>"),
        ("<think>\n</think>\n", "<think>\n</think>\n<think>"),
    ],
)
def test_a_marker_that_the_tokenizer_joins_with_what_follows_is_not_added_again(ending, wanted):
    tokenizer = joining_tokenizer("{{ messages[0]['content'] + " + repr(ending) + " }}")
    thinking = Thinking.from_block({"style": "markers", "start": "<think>", "end": "</think>"}, tokenizer)
    joined = tokenizer.encode("<think>\n", add_special_tokens=False)
    assert tuple(joined[: len(thinking.start)]) != thinking.start, "the marker alone is other tokens"
    prompt = render_prompt(tokenizer, "Why?", thinking, {})
    assert tokenizer.decode(prompt) == "Why?" + wanted
