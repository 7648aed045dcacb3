import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import describe_model
from frontiers.compute import model_card, model_card_markdown
from frontiers.compute.architecture import Architecture, Layer
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.layer_parts import Attention, FeedForward, LatentAttention, Reach
from frontiers.compute.precision import read_precision
from frontiers.compute.uncounted import left_out_share
from frontiers.core import sealed
from frontiers.core.cli import UserError
from support.real_modules import facts
from support.small_configs import SMALL, small


def described(architecture, longest=4096, **config):
    precision = read_precision({"dtype": "bfloat16"} | config)
    return model_card.describe(architecture, 2, precision, longest) | {"config_sha256": "0" * 64}


def model(*mixers, width=32, vocabulary=61):
    """A model of one layer per attention given, each with a feed-forward part."""
    layers = tuple(Layer((mixer, FeedForward(width, intermediate=48)), 2 * width) for mixer in mixers)
    return Architecture("Some", "some", width, vocabulary, False, layers)


def attention(window=None, chunk=None, **form):
    return Attention(32, heads=4, kv_heads=2, head_width=8, reach=Reach(window, chunk), **form)


def latent():
    form = {"heads": 4, "query_rank": None, "kv_rank": 16, "nope_width": 8, "rope_width": 4, "value_width": 8}
    return LatentAttention(32, **form)


@pytest.mark.parametrize("name", SMALL)
def test_every_family_keeps_the_schema(name):
    architecture, made = small(name), described(small(name))
    model_card.check_card(made, name)
    for row in made["flops_per_token"]:
        flops = forward_flops(architecture, 1, row["context"] - 1)
        assert {c: row[c] for c in model_card.BREAKDOWN_FIELDS} == vars(flops)
        assert row["total"] == flops.total == sum(row[c] for c in model_card.BREAKDOWN_FIELDS)
        assert row["left_out_share"] == left_out_share(architecture, 1, row["context"] - 1)
    for row in made["prefill"]:
        assert row["flops"] == forward_flops(architecture, row["context"]).total
    for row in made["kv_bytes"]:
        assert row["bytes"] == architecture.kv_bytes(row["context"], 2)
    assert made["weight_bytes"] == 2 * architecture.parameters()
    assert made["flops_per_token_absorbed"] is None and made["scores_overtake_absorbed"] is None


def test_context_lengths_are_powers_of_two_and_the_longest():
    assert model_card.contexts(1) == [1]
    assert model_card.contexts(8) == [1, 2, 4, 8]
    assert model_card.contexts(10) == [1, 2, 4, 8, 10]
    assert model_card.contexts(model_card.UNSTATED)[-1] == model_card.UNSTATED
    assert described(small("llama"), None)["max_context"] is None


def test_the_longest_context_is_read_from_the_language_model():
    assert model_card.read_max_context({"max_position_embeddings": 7}) == 7
    assert model_card.read_max_context({"text_config": {"max_position_embeddings": 8}}) == 8
    assert model_card.read_max_context({"text_config": {}}) is None
    for odd in ("many", 0, True, 2.5):
        with pytest.raises(UserError, match=r"here\.json.*max_position_embeddings"):
            model_card.read_max_context({"max_position_embeddings": odd}, "here.json")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.none() | st.integers(1, 400), min_size=1, max_size=4),
    st.integers(1, 200),
)
def test_scores_overtake_where_the_count_says(windows, vocabulary):
    architecture = model(*map(attention, windows), vocabulary=vocabulary)
    flops = forward_flops(architecture, 1, np.arange(6000))
    leads = np.flatnonzero(2 * flops.attention_scores > flops.total)
    assert model_card.scores_overtake(architecture) == (leads[0] + 1 if len(leads) else None)


def test_chunks_overtake_as_they_fill_and_state_spaces_never():
    assert model_card.scores_overtake(model(attention(chunk=50))) is None
    whole = model_card.scores_overtake(model(attention()))
    assert model_card.scores_overtake(model(attention(chunk=whole))) == whole
    hybrid = small("granite-dense")
    assert model_card.scores_overtake(replace(hybrid, layers=hybrid.layers[:1])) is None


def test_latent_attention_has_both_forms():
    made = described(model(latent(), latent()))
    model_card.check_card(made, "latent")
    plain, absorbed = made["flops_per_token"][-1], made["flops_per_token_absorbed"][-1]
    assert absorbed["attention_projections"] == plain["attention_projections"]
    assert absorbed["attention_scores"] / plain["attention_scores"] == (2 * 16 + 4) / (8 + 4 + 8)
    assert made["scores_overtake_absorbed"] < made["scores_overtake"]
    text = model_card_markdown.markdown(made, "latent")
    assert "the form that engines decode in" in text and text.count("| context (tokens) |") == 2


def test_what_the_checkpoint_holds_and_nothing_runs_is_named():
    architecture = replace(model(attention()), left_out=("1 multi-token prediction layer",))
    made = described(architecture)
    assert made["left_out"] == ["1 multi-token prediction layer"]
    assert "does not use: 1 multi-token prediction layer." in model_card_markdown.markdown(made, "m")


def test_compressed_entries_and_selected_blocks_are_facts_of_the_card():
    ours = read_architecture(facts("deepseek-v4-flash"))
    made = described(ours)
    model_card.check_card(made, "v4")
    none = {"window": None, "chunk": None, "top": None, "rate": None, "block": None}
    assert made["attention"] == [
        {"layers": 43, **none, "window": 128},
        {"layers": 21, **none, "rate": 4, "top": 512},
        {"layers": 20, **none, "rate": 128},
    ]
    text = model_card_markdown.markdown(made, "v4")
    assert "21 to 512 selected entries of 4 tokens each, 20 to all entries of 128 tokens each" in text
    blocks = described(read_architecture(facts("minimax-m3")))
    assert blocks["attention"][1] == {"layers": 57, **none, "top": 2048, "block": 128}
    assert (
        "57 to the 2,048 positions that an indexer selects, in blocks of 128"
        in model_card_markdown.markdown(blocks, "m3")
    )
    context = model_card.scores_overtake(ours)
    for tokens, leads in ((context - 1, False), (context, True)):
        flops = forward_flops(ours, 1, tokens - 1)
        assert (2 * flops.attention_scores > flops.total) is leads


def test_windows_are_facts_of_the_card():
    made = described(model(attention(), attention(64), attention(64), attention(chunk=128)))
    assert made["attention"] == [
        {"layers": 1, "window": None, "chunk": None, "top": None, "rate": None, "block": None},
        {"layers": 2, "window": 64, "chunk": None, "top": None, "rate": None, "block": None},
        {"layers": 1, "window": None, "chunk": 128, "top": None, "rate": None, "block": None},
    ]
    text = model_card_markdown.markdown(made, "m")
    assert "1 over the whole context, 2 within a window of 64 tokens, 1 within chunks of 128 tokens" in text
    assert "of keys and values until a window is full" in text


def test_a_card_for_people():
    text = model_card_markdown.markdown(
        described(small("qwen3-moe"), 32_768, quantization_config=AWQ), "m-1.5b"
    )
    assert text.startswith("# m-1.5b\n\n`Qwen3MoeForCausalLM`, mixture of experts: 3 layers of width 32,")
    assert f"| all | {small('qwen3-moe').parameters():,} |" in text
    head, _, first, *_ = text.partition("## FLOP of one")[2].splitlines()[2:]
    assert head == (
        "| context (tokens) | attention projections | attention scores | feed-forward | router | logits "
        "| total | left out |"
    )
    assert first.startswith("| 1 | ") and first.count("|") == head.count("|")
    assert "\n| 32,768 | " in text and "\n| 8,192 | " in text and "\n| 16,384 | " not in text
    assert "in awq and bfloat16." in text and "Longest context: 32,768 tokens" in text
    assert "- softmax: 6 per score of attention" in text
    assert text.count("## ") == 4 and "None" not in text


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 8}


def test_sentences_on_where_scores_lead():
    assert model_card_markdown.crossing(None, 512).startswith("Attention scores never")
    assert model_card_markdown.crossing(600, 512).endswith(
        "from 600 tokens of context on, beyond the longest of 512."
    )
    assert model_card_markdown.crossing(300, 512).endswith("from 300 tokens of context on.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (model_card_markdown.quantity(0), "0"),
        (model_card_markdown.quantity(999), "999"),
        (model_card_markdown.quantity(999_700, "FLOP"), "1 MFLOP"),
        (model_card_markdown.quantity(15_130_000_000), "15.1 G"),
        (model_card_markdown.size(1000), "1000 bytes"),
        (model_card_markdown.size(147_456), "144 KiB"),
        (model_card_markdown.percent(0.001172), "0.12 %"),
    ],
)
def test_numbers_for_people(text, expected):
    assert text == expected


def test_describe_model_writes_both_forms(tmp_path):
    architecture, config = SMALL["granite-moe"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"architectures": [architecture], "dtype": "float32"} | config))
    out = tmp_path / "models" / "m-1.5.json", tmp_path / "models" / "m-1.5.md"
    describe_model.main(["--config-json", str(path), "--output", str(out[0]), "--card", str(out[1])])
    made = model_card.read_card(out[0])
    assert made["max_context"] == 256 and made["flops_per_token"][-1]["context"] == 256
    assert made["weight_bytes"] == 4 * read_architecture(json.loads(path.read_text())).parameters()
    text = out[1].read_text()
    assert text.startswith("# m-1.5\n") and "hybrid of state space and attention" in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda made: made.pop("prefill"), "prefill"),
        (lambda made: made.update(kind="sparse"), "kind"),
        (lambda made: made.update(extra=1), "extra"),
        (lambda made: made["flops_per_token"][0].update(total=1.5), r"flops_per_token\[0\]\.total"),
    ],
)
def test_a_card_of_another_form_is_refused(tmp_path, spoil, message):
    made = described(small("llama"))
    spoil(made)
    with pytest.raises(UserError, match=message):
        model_card.write_card(made, tmp_path / "m.json")
    sealed.write(tmp_path / "m.json", made)
    with pytest.raises(UserError, match=message):
        model_card.read_card(tmp_path / "m.json")
    with pytest.raises(UserError, match=r"none\.json: cannot be read .*delete it and rerun snakemake"):
        model_card.read_card(tmp_path / "none.json")
