import pytest

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.compute.layer_parts import Reach
from support.real_modules import (
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    facts,
    full_size,
    shared_only,
)

PHI, MOE = "Phi3ForCausalLM", "PhiMoEForCausalLM"
BASE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "original_max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
EXPERTS = {"num_local_experts": 6, "num_experts_per_tok": 2}
SMALL = {
    "phi": (PHI, BASE),
    "phi-ungrouped": (PHI, BASE | {"num_key_value_heads": None, "sliding_window": None}),
    "phi-window": (PHI, BASE | {"sliding_window": 7}),
    "phi-mini": (
        PHI,
        BASE | {"partial_rotary_factor": 0.75, "tie_word_embeddings": True, "full_attn_mod": 1},
    ),
    "moe": (MOE, BASE | EXPERTS | {"attention_bias": True, "lm_head_bias": True}),
    "moe-plain": (MOE, BASE | EXPERTS | {"sliding_window": 6}),
}


def read(name, **fields):
    architecture, config = SMALL[name]
    return read_architecture({"architectures": [architecture]} | config | fields)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_and_flops_equal_those_of_the_module(name):
    check_parameters(*SMALL[name])
    check_square(*SMALL[name])
    check_decoding(*SMALL[name])


def test_windows_that_are_off_are_off():
    assert read("phi").layers[0].parts[0].reach == Reach()
    assert read("phi-ungrouped").layers[0].parts[0].reach == Reach()
    assert read("phi-window").layers[0].parts[0].reach == Reach(7)


def test_three_quarters_of_each_head_are_turned():
    assert read("phi-mini").layers[0].parts[0].rotated == (4 + 2) * 6
    assert read("phi").layers[0].parts[0].rotated == (4 + 2) * 8


def test_both_names_of_the_mixture_are_known():
    config = {"architectures": ["PhimoeForCausalLM"]} | SMALL["moe"][1]
    assert read_architecture(config).parameters() == read("moe").parameters()


@shared_only
def test_full_size_equals_the_module_and_the_published_figure():
    config = full_size("microsoft--phi-4")
    check_full_size(config)
    ours = read_architecture(config)
    assert ours.parameters() == 14_659_507_200
    assert ours.parameters() - ours.norms == 14_659_092_480


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("phi-3-mini-4k-instruct", 3_821_079_552),
        ("phi-3-medium-128k-instruct", 13_960_238_080),
        ("phi-4", 14_659_507_200),
        ("phi-4-reasoning-plus", 14_659_507_200),
        ("phi-4-mini-instruct", 3_836_021_760),
        ("phi-4-mini-reasoning", 3_836_021_760),
    ],
)
def test_checkpoints_of_the_line(name, total):
    config = facts(name)
    check_full_size(config)
    assert read_architecture(config).parameters() == total


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("phi", {"hidden_size": None}, "hidden_size"),
        ("phi", {"num_attention_heads": 6}, "head_dim"),
        ("phi", {"sliding_window": -1}, "sliding_window"),
        ("phi", {"attention_bias": True}, "attention_bias"),
        ("phi", {"full_attn_mod": 2}, "full_attn_mod"),
        ("phi", {"layer_types": ["full_attention"] * 3}, "layer_types"),
        ("moe", {"num_experts_per_tok": 7}, "exceeds"),
        ("moe", {"num_local_experts": None}, "num_local_experts"),
    ],
)
def test_what_cannot_be_counted_is_an_error(name, fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read(name, **fields)
