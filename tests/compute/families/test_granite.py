import pytest
import yaml

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.data.architecture_facts import FOLDER
from support.real_modules import check_decoding, check_full_size, check_hybrid, check_parameters, check_square

DENSE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
EXPERTS = {"num_local_experts": 6, "num_experts_per_tok": 2}
HYBRID = DENSE | {
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    "shared_intermediate_size": 40,
    "mamba_n_heads": 4,
    "mamba_d_state": 8,
    "mamba_n_groups": 2,
    "mamba_chunk_size": 8,
}
PLAIN = {
    "dense": ("GraniteForCausalLM", DENSE),
    "dense-bias": ("GraniteForCausalLM", DENSE | {"attention_bias": True, "mlp_bias": True}),
    "moe": ("GraniteMoeForCausalLM", DENSE | EXPERTS),
    "moe-bias": ("GraniteMoeForCausalLM", DENSE | EXPERTS | {"attention_bias": True}),
}
ATTENTION = HYBRID | {"layer_types": ["full_attention"] * 3, "num_local_experts": 0}
SCANS = {
    "none": HYBRID | {"num_local_experts": 0},
    "experts": HYBRID | EXPERTS | {"mamba_proj_bias": True, "attention_bias": True},
    "turned": HYBRID | EXPERTS | {"position_embedding_type": "rope", "mamba_conv_bias": False},
}


def facts(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["config"]


@pytest.mark.parametrize("name", PLAIN)
def test_small_models_equal_their_module(name):
    check_parameters(*PLAIN[name])
    check_square(*PLAIN[name])
    check_decoding(*PLAIN[name])


@pytest.mark.parametrize("name", SCANS)
def test_small_hybrids_equal_their_module_but_for_the_scan(name):
    check_parameters("GraniteMoeHybridForCausalLM", SCANS[name])
    check_hybrid("GraniteMoeHybridForCausalLM", SCANS[name])


def test_a_hybrid_of_attention_alone_equals_its_module():
    check_parameters("GraniteMoeHybridForCausalLM", ATTENTION)
    check_square("GraniteMoeHybridForCausalLM", ATTENTION)


def test_positions_are_turned_where_the_configuration_says_so():
    def turned(**fields):
        config = {"architectures": ["GraniteMoeHybridForCausalLM"]} | ATTENTION | fields
        return read_architecture(config).layers[0].parts[0].rotated

    assert turned() == turned(position_embedding_type="nope") == 0
    assert turned(position_embedding_type="rope") == (4 + 2) * 8


@pytest.mark.parametrize(
    "name", ["granite-4.0-micro", "granite-4.0-h-micro", "granite-4.0-h-tiny", "granite-4.0-h-small"]
)
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    check_full_size(facts(name), tokens=64)


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        ("granite-4.0-micro", 3_402_836_480, 3_402_836_480),
        ("granite-4.0-h-micro", 3_191_396_096, 3_191_396_096),
        ("granite-4.0-h-tiny", 6_939_037_248, 1_465_470_528),
        ("granite-4.0-h-small", 32_207_337_984, 8_803_121_664),
    ],
)
def test_published_totals(name, total, active):
    """3 B, 3 B, 7 B of which 1 B run, and 32 B of which 9 B run; the last total is the Hub's (debaditc/kvfit)."""
    architecture = read_architecture(facts(name))
    assert (architecture.parameters(), architecture.parameters(active=True)) == (total, active)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layer_types": ["full_attention"] * 2}, "layer_types"),
        ({"layer_types": ["mamba", "mlp", "mamba"]}, "'mlp'"),
        ({"mamba_n_heads": None}, "mamba_n_heads"),
        ({"mamba_n_heads": 5}, "do not fill 64 channels"),
        ({"mamba_n_groups": 3}, "mamba_n_groups"),
        ({"shared_intermediate_size": None}, "shared_intermediate_size"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(fields, message):
    config = {"architectures": ["GraniteMoeHybridForCausalLM"]} | SCANS["none"] | fields
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read_architecture(config, "here/config.json")
    assert "GraniteMoeHybridForCausalLM" in str(error.value) and "here/config.json" in str(error.value)
