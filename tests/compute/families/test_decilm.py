from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.layer_parts import Attention, Auxiliary, FeedForward
from support.family_cases import case
from support.real_modules import (
    counted,
    facts,
    full_size,
    shared_only,
    stored,
    total,
)


def attend(group=None, **other):
    return {"n_heads_in_group": group, "no_op": False, "replace_with_linear": False} | other


def feed(mult=None, **other):
    return {"ffn_mult": mult, "no_op": False, "replace_with_linear": False, "sparsify": None} | other


ABSENT, LINEAR = {"no_op": True}, {"replace_with_linear": True}
BLOCKS = [
    (attend(2), feed(9.0)),
    (attend(4), feed(26.0)),
    (attend(**ABSENT), feed(0.5)),
    (attend(1), feed(**ABSENT)),
    (attend(**LINEAR), feed(**LINEAR)),
    (attend(**ABSENT), feed(**ABSENT)),
    (attend(2), feed(intermediate_size=40)),
]
DECILM = case("nemotron", "plain")[1] | {
    "architectures": ["DeciLMForCausalLM"],
    "num_hidden_layers": len(BLOCKS),
    "num_key_value_heads": None,
    "intermediate_size": None,
    "block_configs": [{"attention": a, "ffn": f} for a, f in BLOCKS],
}


def blocks(config, widths):
    """Return a literal module of searched blocks, from the layers of `transformers`' Llama."""
    torch = pytest.importorskip("torch")
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    width, heads = config["hidden_size"], config["num_attention_heads"]
    plain = {k: v for k, v in config.items() if k not in ("architectures", "block_configs", "model_type")}

    def form(kv_heads=1, inner=1):
        shape = plain | {"num_key_value_heads": kv_heads, "intermediate_size": inner}
        return llama.LlamaConfig(**shape, attn_implementation="eager")

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList()
            for index, block in enumerate(config["block_configs"]):
                layer, mixer, part = torch.nn.ModuleDict(), block["attention"], block["ffn"]
                if mixer.get("replace_with_linear"):
                    layer["linear"] = torch.nn.Linear(width, width, bias=config["attention_bias"])
                elif not mixer.get("no_op"):
                    layer["attention"] = llama.LlamaAttention(form(heads // mixer["n_heads_in_group"]), index)
                if not mixer.get("no_op"):
                    layer["norm"] = llama.LlamaRMSNorm(width)
                if part.get("replace_with_linear"):
                    layer["mlp"] = torch.nn.Linear(width, width, bias=False)
                elif not part.get("no_op"):
                    inner = part.get("intermediate_size") or widths[part["ffn_mult"]]
                    layer["mlp"] = llama.LlamaMLP(form(inner=inner))
                if not part.get("no_op"):
                    layer["norm_mlp"] = llama.LlamaRMSNorm(width)
                self.layers.append(layer)
            self.embed = torch.nn.Embedding(config["vocab_size"], width)
            self.rotary = llama.LlamaRotaryEmbedding(form())
            self.norm = llama.LlamaRMSNorm(width)
            self.lm_head = torch.nn.Linear(width, config["vocab_size"], bias=False)

        def forward(self, ids, past=0, cache=None):
            stream = self.embed(ids)
            positions = torch.arange(past, past + ids.shape[1], device=ids.device)[None]
            turns = self.rotary(stream, positions)
            for layer in self.layers:
                if "attention" in layer:
                    inner = layer["norm"](stream)
                    stream = stream + layer["attention"](inner, turns, None, past_key_values=cache)[0]
                elif "linear" in layer:
                    stream = stream + layer["linear"](layer["norm"](stream))
                if "mlp" in layer:
                    stream = stream + layer["mlp"](layer["norm_mlp"](stream))
            return self.lm_head(self.norm(stream))

    return Module().eval()


@pytest.mark.parametrize("bias", [False, True])
def test_searched_blocks_equal_a_literal_module(bias):
    torch = pytest.importorskip("torch")
    cache_utils = pytest.importorskip("transformers.cache_utils")
    config = DECILM | {"attention_bias": bias, "mlp_bias": bias}
    module, ours = blocks(config, {9.0: 256, 26.0: 768, 0.5: 256}), read_architecture(config)
    assert ours.parameters() == stored(module)
    counts, _ = counted(module, {"ids": torch.randint(0, 61, (1, 20))})
    assert forward_flops(ours, 20, 0, 20, "square").total == total(counts)
    cache, spent = cache_utils.DynamicCache(), []
    for past in range(12):
        call = {"ids": torch.randint(0, 61, (1, 1)), "past": past, "cache": cache}
        spent.append(total(counted(module, call)[0]))
    assert forward_flops(ours, 1, np.arange(12)).total.tolist() == spent


def test_searched_blocks_at_full_size_equal_a_literal_module():
    torch = pytest.importorskip("torch")
    config = facts("llama-3_3-nemotron-super-49b-v1")
    widths = {5.25: 28672, 3.28125: 17920, 2.625: 14336, 1.3125: 7168, 1.0: 5632, 0.5: 2816}
    with torch.device("meta"):
        module = blocks(config, widths)
        counts, _ = counted(module, {"ids": torch.zeros(1, 128, dtype=torch.long)})
    ours = read_architecture(config)
    assert ours.parameters() == stored(module)
    assert forward_flops(ours, 128, 0, 128, "square").total == total(counts)


def test_what_searched_blocks_hold():
    kinds = [tuple(type(part) for part in layer.parts) for layer in read_architecture(DECILM).layers]
    both = (Attention, FeedForward)
    linear = (Auxiliary, Auxiliary)
    assert kinds == [both, both, (FeedForward,), (Attention,), linear, (), both]
    assert [layer.norms for layer in read_architecture(DECILM).layers] == [64, 64, 32, 32, 64, 0, 64]


def test_published_totals_of_nemotron_3_super_leave_out_the_routers():
    """120.6 B, of which 12.7 B run, 12.1 B without the input embedding (NVIDIA-NeMo/Nemotron, super3)."""
    large = read_architecture(facts("nvidia-nemotron-3-super-120b-a12b-bf16"))
    routers = 40 * 4096 * 512
    assert large.parameters() - routers == pytest.approx(120.6e9, abs=0.05e9)
    assert large.parameters(active=True) - routers == pytest.approx(12.7e9, abs=0.05e9)
    assert large.parameters(active=True, embedding=False) - routers == pytest.approx(12.1e9, abs=0.05e9)


@shared_only
def test_facts_are_those_of_the_configuration():
    assert read_architecture(facts("nemotron-h-56b-base-8k")) == read_architecture(
        full_size("nvidia--Nemotron-H-56B-Base-8K")
    )


@shared_only
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("nemotron-h-4b-base-8k", "nvidia--Nemotron-H-4B"),
        ("nemotron-h-47b-base-8k", "nvidia--Nemotron-H-47B"),
        ("nvidia-nemotron-nano-9b-v2", "nvidia--NVIDIA-Nemotron-Nano-9B-v2"),
        ("nvidia-nemotron-nano-12b-v2", "nvidia--NVIDIA-Nemotron-Nano-12B-v2"),
    ],
)
def test_facts_are_those_of_the_form_that_trained_them(name, form):
    theirs, ours = SimpleNamespace(**full_size(f"other_forms/{form}")), facts(name)
    assert ours["hybrid_override_pattern"] == theirs.hybrid_layer_pattern
    pairs = {
        "hidden_size": theirs.hidden_size,
        "num_hidden_layers": theirs.num_layers_from_pattern,
        "intermediate_size": theirs.ffn_hidden_size,
        "num_attention_heads": theirs.num_attention_heads,
        "num_key_value_heads": theirs.num_query_groups,
        "mamba_num_heads": theirs.mamba_num_heads,
        "mamba_head_dim": theirs.mamba_head_dim,
        "ssm_state_size": theirs.mamba_state_dim,
        "n_groups": theirs.mamba_num_groups,
    }
    assert {key: ours[key] for key in pairs} == pairs
    read, known = read_architecture(full_size(f"other_forms/{form}")), read_architecture(facts(name))
    assert read == replace(known, name="NemotronHModelProvider")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (None, "block_configs"),
        ({"ffn": feed(1.0)}, "attention"),
        ({"attention": attend(2)}, "ffn"),
        ({"attention": attend(3), "ffn": feed(1.0)}, "n_heads_in_group"),
        ({"attention": attend(), "ffn": feed(1.0)}, "n_heads_in_group"),
        ({"attention": attend(2, window_length=8), "ffn": feed(1.0)}, "window_length"),
        ({"attention": attend(2, num_sink_tokens=1), "ffn": feed(1.0)}, "num_sink_tokens"),
        ({"attention": attend(2), "ffn": feed(1.0, sparsify=[2, 4])}, "sparsify"),
        ({"attention": attend(2), "ffn": feed()}, "intermediate_size"),
        ({"attention": attend(2), "ffn": feed("1")}, "ffn_mult"),
    ],
)
def test_blocks_that_cannot_be_counted_are_errors(block, message):
    config = DECILM | {"num_hidden_layers": 1, "block_configs": [block]}
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read_architecture(config, "here/config.json")
    assert "DeciLMForCausalLM" in str(error.value) and "block_configs` 0" in str(error.value)


def test_blocks_are_as_many_as_layers():
    with pytest.raises(UnknownArchitecture, match="list of 3 blocks"):
        read_architecture(DECILM | {"num_hidden_layers": 3})
