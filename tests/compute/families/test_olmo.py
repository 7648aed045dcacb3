import pytest

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.compute.layer_parts import Reach
from support.real_modules import (
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    full_size,
    shared_only,
)

DENSE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2}
SLIDING = {
    "sliding_window": 7,
    "layer_types": ["full_attention", *["sliding_attention"] * 3, "full_attention"],
}
SMALL = {
    "olmo": ("OlmoForCausalLM", DENSE | {"clip_qkv": 8.0}),
    "olmo-bias": ("OlmoForCausalLM", DENSE | {"attention_bias": True, "tie_word_embeddings": True}),
    "olmo2": ("Olmo2ForCausalLM", DENSE),
    "olmo2-ungrouped": ("Olmo2ForCausalLM", DENSE | {"num_key_value_heads": None, "attention_bias": True}),
    "olmo3": ("Olmo3ForCausalLM", DENSE | {"sliding_window": 6}),
    "olmo3-listed": ("Olmo3ForCausalLM", DENSE | SLIDING),
    "olmoe": ("OlmoeForCausalLM", DENSE | EXPERTS),
    "olmoe-bias": ("OlmoeForCausalLM", DENSE | EXPERTS | {"attention_bias": True, "clip_qkv": 8.0}),
}


def read(name, **fields):
    architecture, config = SMALL[name]
    return read_architecture({"architectures": [architecture]} | config | fields, "here/config.json")


@pytest.mark.parametrize("name", SMALL)
def test_parameters_equal_those_of_the_module(name):
    check_parameters(*SMALL[name])


@pytest.mark.parametrize("name", SMALL)
def test_flops_of_a_square_pass_equal_the_counter(name):
    check_square(*SMALL[name])


@pytest.mark.parametrize("name", ["olmo", "olmo2", "olmo3", "olmo3-listed", "olmoe"])
def test_causal_flops_equal_the_counter_token_by_token(name):
    check_decoding(*SMALL[name])


def test_three_layers_slide_and_one_does_not():
    reaches = [layer.parts[0].reach for layer in read("olmo3").layers]
    assert reaches == [Reach(6)] * 3 + [Reach()] + [Reach(6)]
    default = {k: v for k, v in SMALL["olmo3"][1].items() if k != "sliding_window"}
    ours = read_architecture({"architectures": ["Olmo3ForCausalLM"]} | default)
    assert ours.layers[0].parts[0].reach == Reach(4096)


@shared_only
@pytest.mark.parametrize(
    "name",
    ["OLMo-2-1124-7B", "OLMo-2-1124-13B", "OLMo-2-0325-32B", "OLMoE-1B-7B-0924"],
)
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    config = full_size(f"allenai--{name}")
    check_full_size({"architectures": ["OlmoeForCausalLM"]} | config)


@shared_only
@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("OLMo-2-1124-7B", 7_298_617_344),
        ("OLMo-2-1124-13B", 13_716_198_400),
        ("OLMo-2-0325-32B", 32_234_279_936),
        ("OLMoE-1B-7B-0924", 6_919_161_856),
    ],
)
def test_published_totals(name, total):
    assert read_architecture(full_size(f"allenai--{name}")).parameters() == total


@shared_only
def test_published_active_parameters_of_olmoe():
    """1.3 B active and 6.9 B in total, of 64 experts of which 8 run (arXiv 2409.02060)."""
    architecture = read_architecture(full_size("allenai--OLMoE-1B-7B-0924"))
    assert architecture.parameters(active=True) == 1_282_017_280


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("olmo2", {"hidden_size": None}, "hidden_size"),
        ("olmo2", {"num_attention_heads": 5}, "head_dim"),
        ("olmo2", {"num_key_value_heads": 3}, "key-value heads"),
        ("olmo2", {"sliding_window": 8}, "sliding_window"),
        ("olmo3", {"layer_types": ["full_attention"] * 4}, "layer_types"),
        ("olmo3", {"layer_types": ["linear_attention"] * 5}, "linear_attention"),
        ("olmoe", {"num_experts": None}, "num_experts"),
        ("olmoe", {"num_experts_per_tok": 7}, "num_experts_per_tok"),
        ("olmoe", {"shared_expert_intermediate_size": 8}, "shared_expert_intermediate_size"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(name, fields, message):
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read(name, **fields)
    assert SMALL[name][0] in str(error.value) and "here/config.json" in str(error.value)
