import pytest

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from support.real_modules import (
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    facts,
    full_size,
    shared_only,
)

GLM, GLM4, MOE = "GlmForCausalLM", "Glm4ForCausalLM", "Glm4MoeForCausalLM"
BASE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
EXPERTS = {
    "moe_intermediate_size": 24,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "num_nextn_predict_layers": 1,
}
SMALL = {
    "glm": (GLM, BASE),
    "glm-plain": (GLM, BASE | {"attention_bias": False, "tie_word_embeddings": True}),
    "glm4": (GLM4, BASE | {"partial_rotary_factor": 0.5}),
    "glm4-plain": (GLM4, BASE | {"attention_bias": False}),
    "moe": (MOE, BASE | EXPERTS | {"attention_bias": True}),
    "moe-norms": (MOE, BASE | EXPERTS | {"use_qk_norm": True, "n_group": 4, "topk_group": 2}),
    "moe-throughout": (MOE, BASE | EXPERTS | {"first_k_dense_replace": 0, "n_shared_experts": 1}),
}


def read(name, **fields):
    architecture, config = SMALL[name]
    return read_architecture({"architectures": [architecture]} | config | fields)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_and_flops_equal_those_of_the_module(name):
    check_parameters(*SMALL[name])
    check_square(*SMALL[name])
    check_decoding(*SMALL[name])


def test_half_of_each_head_is_turned():
    assert read("glm").layers[0].parts[0].rotated == (4 + 2) * 12 // 2
    assert read("glm", partial_rotary_factor=0.25).layers[0].parts[0].rotated == (4 + 2) * 12 // 4
    nested = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0}
    assert read("moe", rope_parameters=nested).layers[0].parts[0].rotated == (4 + 2) * 12


def test_four_norms_where_glm_has_two():
    assert read("glm4").parameters() - read("glm").parameters() == 3 * 2 * 32


def test_layers_that_predict_further_ahead_are_left_out():
    assert read("moe").left_out == ("1 layer of multi-token prediction",)
    assert read("moe", num_nextn_predict_layers=None).left_out == ()


@shared_only
def test_full_size_equals_the_module_and_the_published_figure():
    config = full_size("zai-org--GLM-4.5-Air")
    check_full_size(config)
    ours = read_architecture(config)
    assert ours.parameters() == 106_852_251_264  # published as 106.85 B
    assert ours.parameters(active=True, embedding=False) == 12_803_372_672  # published as 12 B


@pytest.mark.parametrize(
    ("name", "total", "without_embedding"),
    [
        ("glm-4-9b-0414", 9.400, 8.780),  # published as 9 B
        ("glm-4-32b-0414", 32.566, 31.635),  # 32.57 B
        ("glm-4.5", 352.798, 32.856),  # 355 B, 32 B active
        ("glm-4.5-air", 106.852, 12.803),  # 106 B, 12 B
    ],
)
def test_checkpoints_of_the_line(name, total, without_embedding):
    config = facts(name)
    check_full_size(config)
    ours = read_architecture(config)
    assert round(ours.parameters() / 1e9, 3) == total
    assert round(ours.parameters(active=True, embedding=False) / 1e9, 3) == without_embedding


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("glm", {"intermediate_size": None}, "intermediate_size"),
        ("glm", {"partial_rotary_factor": 2}, "partial_rotary_factor"),
        ("glm", {"sliding_window": 8}, "sliding_window"),
        ("glm4", {"num_attention_heads": 5}, "key-value heads"),
        ("moe", {"head_dim": None, "num_attention_heads": 6}, "head_dim"),
        ("moe", {"n_routed_experts": None}, "n_routed_experts"),
        ("moe", {"first_k_dense_replace": -1}, "first_k_dense_replace"),
        ("moe", {"kv_lora_rank": 8}, "kv_lora_rank"),
    ],
)
def test_what_cannot_be_counted_is_an_error(name, fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read(name, **fields)
