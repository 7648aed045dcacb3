import json

import pytest

from frontiers.compute.flops import UnknownArchitecture, forward_flops, read_architecture
from frontiers.compute.layer_parts import Reach
from support.real_modules import (
    CONFIGS,
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    facts,
    full_size,
    shared_only,
)

NAME = "GptOssForCausalLM"
BASE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 24,
    "num_local_experts": 6,
    "num_experts_per_tok": 2,
    "sliding_window": 5,
    "max_position_embeddings": 256,
}
SMALL = {
    "by turns": BASE,
    "listed": BASE | {"layer_types": ["full_attention", "sliding_attention", "full_attention"]},
    "no attention biases, tied": BASE | {"attention_bias": False, "tie_word_embeddings": True},
    "one expert of one": BASE | {"num_local_experts": 1, "num_experts_per_tok": 1},
}
VERL = CONFIGS.parents[1] / "reference" / "verl_flops_expected.json"


def read(**fields):
    return read_architecture({"architectures": [NAME]} | BASE | fields)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_and_flops_equal_those_of_the_module(name):
    check_parameters(NAME, SMALL[name])
    check_square(NAME, SMALL[name])
    check_decoding(NAME, SMALL[name])


def test_sinks_and_biases_have_weights_and_no_flops():
    layer = read().layers[0]
    attention, experts = layer.parts
    assert attention.vectors == 4 + (4 + 2 * 2) * 12 + 32  # sinks, biases of query, key, value, of the output
    assert experts.vectors == 6 and experts.expert_vectors == 2 * 24 + 32  # router; gate, up, down
    bare = read(attention_bias=False)
    assert bare.token_flops == read().token_flops
    assert bare.parameters() < read().parameters()


def test_layers_slide_by_turns_where_none_are_listed():
    windows = [layer.parts[0].reach.window for layer in read().layers]
    assert windows == [5, None, 5]
    listed = read(layer_types=["full_attention"] * 2 + ["sliding_attention"])
    assert [layer.parts[0].reach for layer in listed.layers] == [Reach(), Reach(), Reach(5)]


@shared_only
def test_full_size_equals_the_module_and_the_published_figures():
    """The published totals hold the biases of query, key and value and no others, no norms and no sinks."""
    config = full_size("openai--gpt-oss-20b")
    check_full_size(config)
    ours = read_architecture(config)
    assert ours.parameters() == 20_914_757_184
    biases = 24 * (64 + 2 * 8) * 64
    matrices = sum(
        count * (part.matrices + part.experts * part.expert_matrices) for part, count in ours.parts
    )
    running = sum(
        count * (part.matrices + part.active_experts * part.expert_matrices) for part, count in ours.parts
    )
    table = ours.vocabulary * ours.width
    assert matrices + 2 * table + biases == 20_907_909_120
    assert running + 2 * table + biases == 4_186_398_720
    assert running + table + biases == 3_607_265_280
    assert ours.kv_bytes_per_token(2) == 24 * 2 * 8 * 64 * 2


@pytest.mark.parametrize(
    ("name", "total", "without_embedding"),
    [("gpt-oss-20b", 20.91, 3.61), ("gpt-oss-120b", 116.83, 5.13)],  # arXiv 2508.10925, table 1
)
def test_checkpoints_have_their_published_sizes(name, total, without_embedding):
    config = facts(name)
    check_full_size(config)
    ours = read_architecture(config)
    assert round(ours.parameters() / 1e9, 2) == total
    assert round(ours.parameters(active=True, embedding=False) / 1e9, 2) == without_embedding


@shared_only
def test_four_bit_weights_cost_the_same_flops():
    config = full_size("openai--gpt-oss-20b")
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    assert read_architecture(plain) == read_architecture(config)


@pytest.mark.skipif(not VERL.exists(), reason="needs the figures of verl in shared/")
def test_training_steps_in_verl():
    """Three forward passes, half the square or half the window, the input embedding as if multiplied."""
    case = next(case for case in json.loads(VERL.read_text()) if case["key"] == "gpt_oss")
    ours = read_architecture({"architectures": [NAME]} | case["config"])
    for lengths, figure in zip(case["batch_seqlens"], case["expected_train_flops"], strict=True):
        forward = 0
        for tokens in lengths:
            flops = forward_flops(ours, tokens, 0, tokens, "square")
            forward += flops.total - flops.attention_scores // 2
            forward += 2 * tokens * ours.width * ours.vocabulary
        assert 3 * forward == figure


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sliding_window": None}, "sliding_window"),
        ({"num_local_experts": None}, "num_local_experts"),
        ({"num_experts_per_tok": 7}, "num_experts_per_tok 7 exceeds"),
        ({"layer_types": ["chunked_attention"] * 3}, "chunked_attention"),
        ({"layer_types": ["full_attention"]}, "list of 3"),
        ({"num_key_value_heads": 3}, "key-value heads"),
        ({"attention_chunk_size": 8}, "attention_chunk_size"),
    ],
)
def test_what_cannot_be_counted_is_an_error(fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read(**fields)
