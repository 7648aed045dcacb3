import pytest

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from support.real_modules import (
    CONFIGS,
    build,
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    facts,
    full_size,
    shared_only,
    stored,
)

MOE, MIMO = "Qwen2MoeForCausalLM", "MiMoForCausalLM"
BASE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}
EXPERTS = {
    "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 40,
    "num_experts": 6,
    "num_experts_per_tok": 2,
}
WINDOW = {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 3}
SMALL = {
    "every layer": BASE | EXPERTS,
    "no biases": BASE | EXPERTS | {"qkv_bias": False, "tie_word_embeddings": True},
    "some dense": BASE | EXPERTS | {"mlp_only_layers": [3], "decoder_sparse_step": 2},
    "window": BASE | EXPERTS | WINDOW,
}
AT_HAND = sorted(path.stem for path in CONFIGS.glob("*Qwen*.json")) if CONFIGS.exists() else []


def read(**fields):
    return read_architecture({"architectures": [MOE]} | BASE | EXPERTS | fields)


@pytest.mark.parametrize("name", SMALL)
def test_mixtures_of_qwen_2_equal_the_module(name):
    check_parameters(MOE, SMALL[name])
    check_square(MOE, SMALL[name])
    check_decoding(MOE, SMALL[name])


def test_the_shared_expert_has_a_gate_of_one_number():
    part = read().layers[0].parts[1]
    assert (part.intermediate, part.router) == (40, 32 * (6 + 1))
    assert part.flops["feed_forward"] == 2 * 3 * 32 * (40 + 2 * 24)


def test_every_other_layer_slides_below_the_bound():
    assert [layer.parts[0].reach.window for layer in read(**WINDOW).layers] == [5, None, 5, None]
    listed = ["full_attention", "sliding_attention"] * 2
    windows = [layer.parts[0].reach.window for layer in read(**WINDOW, layer_types=listed).layers]
    assert windows == [None, 5, None, 5]


@shared_only
@pytest.mark.parametrize("name", AT_HAND)
def test_full_size_equals_the_module(name):
    check_full_size(full_size(name))


@pytest.mark.parametrize(
    ("name", "total", "without_embedding"),
    [
        ("deepseek-r1-distill-qwen-1.5b", 1.777, 1.544),
        ("qwen1.5-32b-chat", 32.512, 31.734),
        ("qwen1.5-72b-chat", 72.288, 71.042),
        ("qwen2-72b-instruct", 72.706, 71.460),
        ("qwen2.5-14b-instruct", 14.770, 13.991),
        ("qwen3-4b-thinking-2507", 4.022, 3.634),
        ("qwen3-30b-a3b-thinking-2507", 30.532, 3.042),
        ("qwen3-235b-a22b", 235.094, 21.568),
    ],
)
def test_checkpoints_of_the_line(name, total, without_embedding):
    config = facts(name)
    check_full_size(config)
    ours = read_architecture(config)
    assert round(ours.parameters() / 1e9, 3) == total
    assert round(ours.parameters(active=True, embedding=False) / 1e9, 3) == without_embedding


@shared_only
def test_mimo_is_qwen_2_and_a_layer_that_text_does_not_pass():
    """`transformers` has no class for it: its own code derives it from that of Qwen 2."""
    torch = pytest.importorskip("torch")
    config = full_size("XiaomiMiMo--MiMo-7B-Base")
    ours = read_architecture(config)
    qwen = {
        key: value
        for key, value in config.items()
        if key not in ("attention_bias", "num_nextn_predict_layers")
    }
    qwen |= {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
    check_full_size(qwen)
    module, _ = build("Qwen2ForCausalLM", qwen, "meta", dtype=torch.bfloat16)
    assert ours.parameters() == stored(module) == 7_622_619_136
    assert ours.layers == read_architecture(qwen).layers
    assert ours.left_out == ("1 layer of multi-token prediction",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shared_expert_intermediate_size": None}, "shared_expert_intermediate_size"),
        ({"moe_intermediate_size": None}, "moe_intermediate_size"),
        ({"num_experts_per_tok": 7}, "exceeds"),
        ({"use_sliding_window": True, "sliding_window": 5}, "max_window_layers"),
        ({"layer_types": ["sliding_attention"] * 4}, "sliding_window"),
        ({"mlp_only_layers": 2}, "mlp_only_layers"),
        ({"num_nextn_predict_layers": 1}, "num_nextn_predict_layers"),
        ({"kv_lora_rank": 8}, "kv_lora_rank"),
    ],
)
def test_what_cannot_be_counted_is_an_error(fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read(**fields)
