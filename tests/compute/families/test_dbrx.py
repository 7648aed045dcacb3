import pytest
import yaml

from frontiers.compute.flops import UnknownArchitecture, read_architecture
from frontiers.data.architecture_facts import FOLDER
from support import real_modules
from support.real_modules import build, check_decoding, check_parameters, check_square, stored

SMALL = {
    "vocab_size": 61,
    "d_model": 32,
    "n_heads": 4,
    "n_layers": 3,
    "max_seq_len": 64,
    "attn_config": {"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 500000},
    "ffn_config": {"ffn_hidden_size": 24, "moe_num_experts": 6, "moe_top_k": 2},
}


def facts():
    return yaml.safe_load((FOLDER / "dbrx-instruct.yaml").read_text())["config"]


@pytest.fixture
def frozen(monkeypatch):
    """Its experts hand slices of their weights to a module, which the counter follows only without gradients."""

    def build_frozen(*arguments, **options):
        module, saved = build(*arguments, **options)
        return module.requires_grad_(False), saved

    monkeypatch.setattr(real_modules, "build", build_frozen)


@pytest.mark.usefixtures("frozen")
def test_a_small_model_equals_its_module():
    check_parameters("DbrxForCausalLM", SMALL)
    check_square("DbrxForCausalLM", SMALL)
    check_decoding("DbrxForCausalLM", SMALL)


def test_totals():
    """132 B, of which 36 B run (Databricks, Introducing DBRX); its experts cannot run on the meta device."""
    architecture = read_architecture(facts())
    module, _ = build("DbrxForCausalLM", facts(), "meta")
    assert architecture.parameters() == stored(module) == 131_596_523_520
    assert architecture.parameters(active=True) == 36_469_708_800


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"d_model": None}, "d_model"),
        ({"n_layers": 0}, "n_layers"),
        ({"n_heads": 5}, "do not divide evenly"),
        ({"attn_config": None}, "attn_config"),
        ({"attn_config": {"kv_n_heads": 3}}, "do not divide evenly"),
        ({"attn_config": {"kv_n_heads": 2, "attn_window": 8}}, "attn_window"),
        ({"ffn_config": SMALL["ffn_config"] | {"moe_top_k": 7}}, "moe_top_k"),
        ({"ffn_config": {"moe_num_experts": 6, "moe_top_k": 2}}, "ffn_hidden_size"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(fields, message):
    config = {"architectures": ["DbrxForCausalLM"]} | SMALL | fields
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read_architecture(config, "here/config.json")
    assert "DbrxForCausalLM" in str(error.value) and "here/config.json" in str(error.value)
