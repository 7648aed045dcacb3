import pytest
import yaml

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.compute.layer_parts import Attention, FeedForward
from frontiers.compute.state_space import Mamba2
from frontiers.data.architecture_facts import FOLDER
from support.real_modules import check_full_size, check_hybrid, check_parameters

PLAIN = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 40,
    "mamba_d_ssm": 48,
    "mamba_n_heads": 4,
    "mamba_d_head": 12,
    "mamba_d_state": 8,
    "mamba_n_groups": 2,
    "mamba_chunk_size": 8,
    "max_position_embeddings": 64,
}
BIASES = {"attention_bias": True, "mlp_bias": True}
SMALL = {
    "plain": PLAIN,
    "norm": PLAIN | {"mamba_rms_norm": True, "mamba_norm_before_gate": False, "tie_word_embeddings": True},
    "biases": PLAIN | BIASES | {"projectors_bias": True, "mamba_conv_bias": False},
    "expanded": PLAIN | {"mamba_d_ssm": None, "mamba_d_head": "auto", "mamba_proj_bias": True},
}


def facts(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["config"]


def read(name, **fields):
    config = {"architectures": ["FalconH1ForCausalLM"]} | SMALL[name] | fields
    return read_architecture(config, "here/config.json")


@pytest.mark.parametrize("name", SMALL)
def test_small_models_equal_their_module_but_for_the_scan(name):
    check_parameters("FalconH1ForCausalLM", SMALL[name])
    check_hybrid("FalconH1ForCausalLM", SMALL[name])


def test_every_layer_attends_and_scans():
    kinds = [tuple(type(part) for part in layer.parts) for layer in read("plain").layers]
    assert kinds == [(Mamba2, Attention, FeedForward)] * 3
    assert read("plain").kind == "hybrid"


@pytest.mark.parametrize("name", ["0.5b", "1.5b-deep", "7b", "34b"])
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    check_full_size(facts(f"falcon-h1-{name}-instruct"), tokens=64)


@pytest.mark.parametrize(
    ("name", "billions"), [("0.5b", 0.52), ("1.5b-deep", 1.55), ("7b", 7.59), ("34b", 33.64)]
)
def test_published_totals(name, billions):
    """The names say 0.5, 1.5, 7 and 34 billion."""
    architecture = read_architecture(facts(f"falcon-h1-{name}-instruct"))
    assert round(architecture.parameters() / 1e9, 2) == billions


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"mamba_n_heads": None}, "mamba_n_heads"),
        ({"mamba_d_state": None}, "mamba_d_state"),
        ({"mamba_d_head": 16}, "mamba_d_head"),
        ({"mamba_d_ssm": 50}, "do not fill 50 channels"),
        ({"mamba_n_groups": 3}, "mamba_n_groups"),
        ({"num_key_value_heads": 3}, "key-value heads"),
        ({"attn_layer_indices": [1]}, "attn_layer_indices"),
        ({"mamba_rms_norm": 1}, "mamba_rms_norm"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(fields, message):
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read("plain", **fields)
    assert "FalconH1ForCausalLM" in str(error.value) and "here/config.json" in str(error.value)
