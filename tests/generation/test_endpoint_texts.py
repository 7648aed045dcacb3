"""Token ids of a text that a server returned: with a byte-level tokenizer, whatever the text and the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from frontiers.core.cli import UserError
from frontiers.generation.engines import endpoint_texts
from frontiers.generation.requests import Request, fault_of, kept_of

TEXT = "The sum of two and two is four, and naïve Ben has 六 pens.\n\n" * 4


def byte_level():
    """Return a byte-level tokenizer with an end of sequence and a marker that is no special token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [TEXT], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<eos>"])
    )
    made.add_tokens(["</think>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<eos>", clean_up_tokenization_spaces=False
    )


BYTES = byte_level()
EOS, MARK = BYTES.eos_token_id, BYTES.convert_tokens_to_ids("</think>")
letters = st.characters(exclude_categories=("Cs",), exclude_characters="<\N{REPLACEMENT CHARACTER}")
words = st.text(alphabet=letters, max_size=40)


def read(
    text, max_tokens=100, reason="stop", used=None, stop=(EOS, MARK), prompt=(5, 6), stop_text="", step=3
):
    """Return ids and reason of a text that comes in pieces."""
    request = Request(prompt, 1, max_tokens, stop, stop_text)
    got = endpoint_texts.begin(request, BYTES)
    for start in range(0, len(text), step):
        if got.stopped_at is None:
            got.add(text[start : start + step])
    got.used = used
    return request, *endpoint_texts.tokens_of(got, reason, "http://x/v1", BYTES)


@given(words, words, st.integers(1, 12))
def test_a_text_ends_at_its_mark_wherever_the_pieces_break(before, after, step):
    request, ids, reason = read(f"{before}</think>{after}", 500, "length", step=step)
    kept, stopped_at = kept_of(request, ids, reason, BYTES)
    assert (BYTES.decode(kept), stopped_at, reason) == (before, MARK, "stop")


@given(words, st.integers(1, 20), st.sampled_from(["stop", "length"]))
def test_no_budget_is_exceeded_and_the_reply_passes(text, budget, reason):
    request, ids, reason = read(text, budget, reason)
    assert len(ids) <= budget
    kept, stopped_at = kept_of(request, ids, reason, BYTES)
    entry = {
        "id": "x",
        "tokens": kept,
        "decoded": len(ids),
        "finish_reason": reason,
        "stopped_at": stopped_at,
    }
    entry |= {"first_seconds": 0.1, "seconds": 0.2}
    assert text.strip() == "" or not kept or fault_of(entry, request, len(BYTES)) is None
    assert text.startswith(BYTES.decode(kept).rstrip("\N{REPLACEMENT CHARACTER}"))


def test_a_character_that_is_not_whole_is_left_out():
    whole = BYTES.encode("is ß", add_special_tokens=False)
    text = BYTES.decode(whole[:-1])
    assert text.endswith("\N{REPLACEMENT CHARACTER}")
    assert read(text, 50, "length")[1] == tuple(BYTES.encode("is ", add_special_tokens=False))


def test_a_mark_of_several_tokens_is_cut_off_like_an_engines():
    request, ids, reason = read("two and four. The end", 50, "length", stop=(EOS,), stop_text=". The")
    kept, stopped_at = kept_of(request, ids, reason, BYTES)
    assert (BYTES.decode(kept), stopped_at, reason) == ("two and four", None, "stop")


def test_another_tokenizer_is_told_by_the_count_of_the_server():
    count = len(BYTES.encode(TEXT, add_special_tokens=False))
    assert read(TEXT, 2000, used=count + 3)[2] == "stop"
    with pytest.raises(UserError, match=f"counts {count + 60} tokens in a completion of {count}"):
        read(TEXT, 2000, used=count + 60)


def test_a_text_far_over_its_budget_is_endless():
    got = endpoint_texts.begin(Request((5,), 1, 10, (EOS,)), BYTES)
    got.add("x" * 1000)
    assert not got.endless
    got.add("x" * 1000)
    assert got.endless
