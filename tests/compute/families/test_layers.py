"""Kinds of layers, windows and rotary embeddings of the small models, family by family."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.layer_parts import Attention, FeedForward, Reach
from frontiers.compute.state_space import Mamba, Mamba2
from support.family_cases import case, read_case


def first_part(family, name, **fields):
    return read_case(family, name, **fields).layers[0].parts[0]


def windows(family, name, **fields):
    return [layer.parts[0].reach.window for layer in read_case(family, name, **fields).layers]


WINDOW = {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 3}
LISTED = {"layer_types": ["full_attention", "sliding_attention"] * 2}


@pytest.mark.parametrize(
    ("family", "name", "fields", "expected"),
    [
        ("qwen_moe", "every-layer", WINDOW, [5, None, 5, None]),
        ("qwen_moe", "every-layer", WINDOW | LISTED, [None, 5, None, 5]),
        ("phi", "phi", {}, [None] * 3),
        ("phi", "phi-ungrouped", {}, [None] * 3),
        ("phi", "phi-window", {}, [7] * 3),
        ("olmo", "olmo3", {}, [6, 6, 6, None, 6]),
        ("gpt_oss", "alternating", {}, [5, None, 5]),
        (
            "gpt_oss",
            "alternating",
            {"layer_types": [*["full_attention"] * 2, "sliding_attention"]},
            [None, None, 5],
        ),
        ("gemma", "2", {}, [5, None] * 3 + [5]),
        ("gemma", "3", {}, [5] * 5 + [None, 5]),
        ("gemma", "3-pattern", {}, [5, 5, None] * 2 + [5]),
        ("gemma", "3n", {}, ([5] * 4 + [None]) * 2),
    ],
)
def test_windows_of_each_layer(family, name, fields, expected):
    assert windows(family, name, **fields) == expected
    architecture = read_case(family, name, **fields)
    assert all(layer.parts[0].reach.chunk is None for layer in architecture.layers)


def test_the_default_window_of_olmo_3():
    fields = {k: v for k, v in case("olmo", "olmo3")[1].items() if k != "sliding_window"}
    ours = read_architecture({"architectures": ["Olmo3ForCausalLM"]} | fields)
    assert ours.layers[0].parts[0].reach == Reach(4096)


@pytest.mark.parametrize(
    ("family", "name", "fields", "per_head"),
    [
        ("glm", "glm", {}, 12 // 2),
        ("glm", "glm", {"partial_rotary_factor": 0.25}, 12 // 4),
        (
            "glm",
            "moe",
            {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0}},
            12,
        ),
        ("phi", "phi-mini", {}, 6),
        ("phi", "phi", {}, 8),
        ("granite", "attention-alone", {}, 0),
        ("granite", "attention-alone", {"position_embedding_type": "nope"}, 0),
        ("granite", "attention-alone", {"position_embedding_type": "rope"}, 8),
    ],
)
def test_numbers_of_each_head_that_are_rotated(family, name, fields, per_head):
    assert first_part(family, name, **fields).rotated == (4 + 2) * per_head


@pytest.mark.parametrize(
    ("family", "name", "fields", "left_out"),
    [
        ("glm", "moe", {}, ("1 layer of multi-token prediction",)),
        ("glm", "moe", {"num_nextn_predict_layers": None}, ()),
        ("deepseek", "v3", {"num_nextn_predict_layers": 2}, ("2 layers of multi-token prediction",)),
        ("deepseek", "v3", {"num_nextn_predict_layers": 0}, ()),
        (
            "nemotron",
            "experts",
            {"num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": "*E"},
            ("1 layer of multi-token prediction",),
        ),
    ],
)
def test_layers_of_multi_token_prediction_are_named_and_not_counted(family, name, fields, left_out):
    ours = read_case(family, name, **fields)
    assert ours.left_out == left_out
    assert ours.parameters() == read_case(family, name).parameters()


def test_every_layer_of_falcon_h1_attends_and_scans():
    ours = read_case("falcon", "plain")
    kinds = [tuple(type(part) for part in layer.parts) for layer in ours.layers]
    assert kinds == [(Mamba2, Attention, FeedForward)] * 3
    assert ours.kind == "hybrid"


def test_which_layers_of_jamba_scan_and_which_have_experts():
    layers = read_case("jamba", "plain").layers
    assert [isinstance(layer.parts[0], Mamba) for layer in layers] == [True, False, True] * 2
    assert [layer.parts[1].experts for layer in layers] == [0, 4] * 3
    assert [layer.parts[1].experts for layer in read_case("jamba", "dense").layers] == [0] * 6


def test_scan_formula_of_jamba():
    mamba = first_part("jamba", "plain")
    width, inner, state, rank, kernel = 32, 64, 8, 5, 4
    products = width * 2 * inner + inner * (rank + 2 * state) + rank * inner + inner * width
    assert mamba.flops == {"state_space": 2 * products + 2 * inner * kernel + 7 * inner * state}
    assert mamba.state_elements == inner * state + inner * (kernel - 1)


def test_glm_4_has_four_norms_where_glm_has_two():
    assert read_case("glm", "glm4").parameters() - read_case("glm", "glm").parameters() == 3 * 2 * 32


def test_both_names_of_the_mixture_of_phi_are_known():
    config = {"architectures": ["PhimoeForCausalLM"]} | case("phi", "moe")[1]
    assert read_architecture(config).parameters() == read_case("phi", "moe").parameters()


def test_the_shared_expert_of_qwen_2_has_a_gate_of_one_number():
    part = read_case("qwen_moe", "every-layer").layers[0].parts[1]
    assert (part.intermediate, part.router) == (40, 32 * (6 + 1))
    assert part.flops["feed_forward"] == 2 * 3 * 32 * (40 + 2 * 24)


def test_experts_of_deepseek_are_in_every_other_layer_where_their_frequency_is_two():
    ours = read_case("deepseek", "v3", num_hidden_layers=6, moe_layer_freq=2, first_k_dense_replace=1)
    assert [bool(layer.parts[1].experts) for layer in ours.layers] == [False, False, True, False, True, False]


def test_experts_of_llama_4_are_where_the_step_puts_them():
    layers = read_case("llama4", "every-other").layers
    assert [layer.parts[1].experts for layer in layers] == [0, 6, 0, 6, 0]
    assert [layer.parts[1].intermediate for layer in layers] == [72, 24, 72, 24, 72]


def test_older_name_of_the_head_width_of_nemotron_h():
    architecture, config = case("nemotron", "hybrid")
    older = {k: v for k, v in config.items() if k != "head_dim"} | {"attention_head_dim": 12}
    assert read_architecture({"architectures": [architecture]} | older) == read_case("nemotron", "hybrid")
