"""Ling and Ring have no class in transformers: compared with a class of the same form, and with a sum."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from support.family_cases import FAMILIES
from support.real_modules import facts

BASE = FAMILIES["bailing"]["base"]


def read(name, **fields):
    return read_architecture({"architectures": [name]} | BASE | fields)


def test_the_second_version_is_built_like_glm_4_5():
    """Normalised heads, half a rotation, a corrected sigmoid router and shared experts behind dense layers."""
    theirs = {key: value for key, value in BASE.items() if key not in ("num_experts", "num_shared_experts")}
    theirs |= {"n_routed_experts": 6, "n_shared_experts": 2, "use_qk_norm": True}
    glm = read_architecture({"architectures": ["Glm4MoeForCausalLM"]} | theirs)
    ours = read("BailingMoeV2ForCausalLM", moe_router_enable_expert_bias=True)
    assert ours.layers == glm.layers
    assert ours.parameters() == glm.parameters()


@pytest.mark.parametrize("bias", [False, True])
def test_the_first_version_equals_a_sum_over_the_modules_of_vllm(bias):
    """As written in bailing_moe.py of vLLM 0.32."""
    ours = read("BailingMoeForCausalLM", use_bias=bias)
    attention = 32 * 12 * (4 + 2 * 2) + 4 * 12 * 32
    biases = bias * (12 * (4 + 2 * 2) + 32)
    dense, shared = 3 * 32 * 48, 3 * 32 * 2 * 20
    matrices = 3 * attention + dense + 2 * (shared + 6 * 32)
    small = 3 * (biases + 2 * 32) + bias * (2 * 48 + 32 + 2 * (2 * 40 + 32)) + 32
    expert = 3 * 32 * 20
    assert ours.parameters() == matrices + small + 2 * 6 * expert + 2 * 61 * 32
    assert ours.parameters(active=True) == matrices + small + 2 * 2 * expert + 2 * 61 * 32
    flops = 2 * (matrices + 2 * 2 * expert) + 3 * 2 * 2 * 4 * 12 * 100_000
    assert forward_flops(ours, 1, 99_999, 0).total == flops
    assert ours.kv_bytes(100_000, 2) == 3 * 2 * 2 * 2 * 12 * 100_000


def test_a_window_that_is_off_changes_nothing():
    off = {"use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 3}
    assert read("BailingMoeV2ForCausalLM", **off) == read("BailingMoeV2ForCausalLM")


def test_layers_of_multi_token_prediction_are_named():
    ours = read("BailingMoeV2ForCausalLM", num_nextn_predict_layers=1)
    assert ours.left_out == ("1 layer of multi-token prediction",)


@pytest.mark.parametrize("name", ["BailingMoeLinearV2ForCausalLM", "BailingMoeV2_5ForCausalLM"])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_attention_equals_a_sum_over_the_modules_of_vllm(name, bias):
    """As written in bailing_linear_attn.py and bailing_moe_linear.py of vLLM 0.32: two linear layers, then a full one."""
    latent = {
        "q_lora_rank": 10,
        "kv_lora_rank": 8,
        "qk_nope_head_dim": 6,
        "qk_rope_head_dim": 4,
        "v_head_dim": 7,
    }
    fields = {"layer_group_size": 3, "group_norm_size": 2, "use_bias": bias, "use_qk_norm": True}
    wide = name == "BailingMoeV2_5ForCausalLM"
    ours = read(name, moe_router_enable_expert_bias=True, **fields, **(latent if wide else {}))
    plain = read("BailingMoeV2ForCausalLM", use_bias=bias, moe_router_enable_expert_bias=True)
    matrices = 32 * 3 * 48 + 32 * 48 + 48 * 32
    vectors = bias * (3 * 48 + 32) + 2 * 12 + 48
    gqa = 32 * 12 * (4 + 2 * 2) + 4 * 12 * 32 + 2 * 12 + bias * (12 * (4 + 2 * 2) + 32)
    mla = 32 * 10 + 10 * 4 * 10 + 32 * (8 + 4) + 8 * 4 * (6 + 7) + 4 * 7 * 32 + 10 + 8
    full = mla if wide else gqa
    assert ours.parameters() == plain.parameters() - 3 * gqa + 2 * (matrices + vectors) + full
    assert ours.state_bytes(4) == 2 * 4 * 12 * 12 * 4
    assert ours.kv_bytes(1000, 2) == 2 * 1000 * (12 if wide else 2 * 2 * 12)
    state = forward_flops(ours, 7, 0, 0).state_space
    assert state == 2 * 7 * (2 * matrices + 4 * 5 * 12 * 12)


def test_the_recurrence_of_linear_attention_costs_five_operations_per_number():
    """Decay, product of key and value, their sum, and product and sum with the query, counted one by one."""
    per_number = len(
        ["decay", "key times value", "add to the state", "query times state", "add to the output"]
    )
    linear = read("BailingMoeLinearV2ForCausalLM", layer_group_size=3).layers[0].parts[0]
    assert linear.scan_flops == per_number * 4 * 12 * 12


def test_ring_mini_linear_has_its_published_size():
    """16.4 B, of which 1.6 B run (https://github.com/inclusionAI/Ring-V2): Ling-mini with linear attention in 4 of 5."""
    config = facts("ling-mini-2.0") | {
        "architectures": ["BailingMoeLinearV2ForCausalLM"],
        "layer_group_size": 5,
    }
    ours = read_architecture(config | {"model_type": "bailing_moe_linear", "group_norm_size": 8})
    assert round(ours.parameters() / 1e9, 1) == 16.4
    assert round(ours.parameters(active=True) / 1e9, 1) == 1.6
