import pytest
import yaml

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.compute.state_space import Mamba
from frontiers.data.architecture_facts import FOLDER
from support.real_modules import check_full_size, check_hybrid, check_parameters

PLAIN = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "attn_layer_period": 3,
    "attn_layer_offset": 1,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "mamba_d_state": 8,
    "mamba_dt_rank": 5,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
SMALL = {
    "plain": PLAIN,
    "biases": PLAIN | {"mamba_proj_bias": True, "mamba_conv_bias": False, "tie_word_embeddings": True},
    "automatic": PLAIN | {"hidden_size": 36, "mamba_dt_rank": "auto", "mamba_expand": 3, "mamba_d_conv": 3},
    "dense": PLAIN | {"num_experts": 1},
}


def facts(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["config"]


def read(name, **fields):
    config = {"architectures": ["JambaForCausalLM"]} | SMALL[name] | fields
    return read_architecture(config, "here/config.json")


@pytest.mark.parametrize("name", SMALL)
def test_small_models_equal_their_module_but_for_the_scan(name):
    check_parameters("JambaForCausalLM", SMALL[name])
    check_hybrid("JambaForCausalLM", SMALL[name])


def test_which_layers_scan_and_which_have_experts():
    layers = read("plain").layers
    assert [isinstance(layer.parts[0], Mamba) for layer in layers] == [True, False, True] * 2
    assert [layer.parts[1].experts for layer in layers] == [0, 4] * 3
    assert [layer.parts[1].experts for layer in read("dense").layers] == [0] * 6


def test_scan_formula():
    mamba = read("plain").layers[0].parts[0]
    width, inner, state, rank, kernel = 32, 64, 8, 5, 4
    products = width * 2 * inner + inner * (rank + 2 * state) + rank * inner + inner * width
    assert mamba.flops == {"state_space": 2 * products + 2 * inner * kernel + 7 * inner * state}
    assert mamba.state_elements == inner * state + inner * (kernel - 1)


@pytest.mark.parametrize("name", ["jamba-v0.1", "ai21-jamba-1.5-large", "ai21-jamba-reasoning-3b"])
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    check_full_size(facts(name), tokens=8)


def test_published_totals():
    """52 B and 398 B, of which 12 B and 94 B run (arXiv 2403.19887, 2408.12570), and 3 B."""
    small, large = (read_architecture(facts(name)) for name in ("jamba-v0.1", "ai21-jamba-1.5-large"))
    assert (small.parameters(), small.parameters(active=True)) == (51_570_323_328, 12_110_311_296)
    assert (large.parameters(), large.parameters(active=True)) == (398_555_145_696, 94_149_338_592)
    assert read_architecture(facts("ai21-jamba-reasoning-3b")).parameters() == 3_029_337_472


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"attn_layer_period": None}, "attn_layer_period"),
        ({"attn_layer_offset": 3}, "attn_layer_offset 3 is not below"),
        ({"expert_layer_offset": -1}, "expert_layer_offset"),
        ({"num_experts": None}, "num_experts"),
        ({"num_experts_per_tok": 5}, "num_experts_per_tok"),
        ({"mamba_dt_rank": "all"}, "mamba_dt_rank"),
        ({"num_key_value_heads": 3}, "key-value heads"),
        ({"sliding_window": 8}, "sliding_window"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(fields, message):
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read("plain", **fields)
    assert "JambaForCausalLM" in str(error.value) and "here/config.json" in str(error.value)
