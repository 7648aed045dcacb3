"""Ling and Ring have no class in transformers: compared with a class of the same form, and with a sum."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from support.family_cases import FAMILIES

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
