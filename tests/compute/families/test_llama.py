import numpy as np
import pytest

from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.families.llama import FAMILIES
from frontiers.compute.flops import forward_flops, read_architecture
from frontiers.compute.layer_parts import WHOLE, Reach
from frontiers.data.architecture_facts import FOLDER, read_facts
from support.real_modules import (
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    counted,
    total,
)

SMALL = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 24,
    "intermediate_size_mlp": 72,
    "num_local_experts": 6,
    "num_experts_per_tok": 2,
    "attention_chunk_size": 7,
    "max_position_embeddings": 256,
}
MIXED = ["full_attention", "chunked_attention", "chunked_attention", "full_attention", "chunked_attention"]
FORMS = {
    "every-layer": {},
    "every-other": {"interleave_moe_layer_step": 2, "use_qk_norm": False, "attention_bias": True},
    "listed": {"moe_layers": [0, 3], "interleave_moe_layer_step": 2, "no_rope_layers": [1, 0, 1, 1, 0]},
    "interval": {"no_rope_layer_interval": 2, "no_rope_layers": [], "num_experts_per_tok": 1},
    "types": {"layer_types": MIXED, "tie_word_embeddings": True},
    "dense": {
        "moe_layers": [],
        "interleave_moe_layer_step": 0,
        "num_experts_per_tok": 0,
        "layer_types": ["full_attention"] * 5,
        "no_rope_layers": [1] * 5,
    },
}


def facts(name):
    return read_facts(FOLDER / f"{name}.yaml")["config"]


SIZES = sorted(p.stem for p in FOLDER.glob("*.yaml") if facts(p.stem)["architectures"][0] in FAMILIES)


def cases(name):
    """Return the class for text with the fields of a form, and the class that wraps it."""
    text = SMALL | FORMS[name]
    wrapped = {"text_config": {"model_type": "llama4_text", **text}}
    outer = {"tie_word_embeddings": True} if "tie_word_embeddings" in text else {}
    return ("Llama4ForCausalLM", text), ("Llama4ForConditionalGeneration", wrapped | outer)


def small(name, **fields):
    return read_architecture({"architectures": ["Llama4ForCausalLM"], **SMALL, **FORMS[name], **fields})


def idle(architecture):
    """Return the FLOPs per token of experts that the class runs on every token and multiplies by nothing."""
    return sum(2 * n * (p.experts - p.active_experts) * p.expert_matrices for p, n in architecture.parts)


def beyond(architecture):
    """Return what the class spends beside on a token after `past` ones: the experts, and the chunks before.

    Its cache keeps the last tokens of a chunk's length, whichever chunk they are of, and masks those before.
    """
    chunks = {r.chunk: n for r, n in architecture.by_reach(lambda part: part.score_flops).items() if r.chunk}

    def flops(past):
        masked = [n * (np.minimum(past + 1, chunk) - past % chunk - 1) for chunk, n in chunks.items()]
        return idle(architecture) + sum(masked, start=0 * past)

    return flops


@pytest.mark.parametrize("name", FORMS)
def test_llama_4_equals_the_class(name):
    for case in cases(name):
        check_parameters(*case)
        check_square(*case, beyond=idle(small(name)))
        check_decoding(*case, beyond=beyond(small(name)))


def test_the_whole_wrapper_spends_on_text_what_its_language_model_spends():
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    vision |= {
        "vision_output_dim": 16,
        "projector_input_dim": 16,
        "projector_output_dim": 16,
        "image_size": 28,
    }
    config = transformers.Llama4Config(text_config=SMALL, vision_config=vision, image_token_index=60)
    config._attn_implementation = "eager"
    module = transformers.Llama4ForConditionalGeneration(config).eval()
    ours = read_architecture(config.to_dict() | {"architectures": ["Llama4ForConditionalGeneration"]})
    assert ours.parameters() == sum(p.numel() for p in module.language_model.parameters())
    assert ours.left_out == ("vision tower",)
    counts, _ = counted(module, {"input_ids": torch.randint(0, 60, (1, 6)), "use_cache": False})
    assert total(counts) == forward_flops(ours, 6, 0, 6, "square").total + 6 * idle(ours)


@pytest.mark.parametrize("name", SIZES)
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    config = facts(name)
    check_full_size(config, beyond=idle(read_architecture(config)))


@pytest.mark.parametrize(
    ("name", "parameters", "active"),
    [
        ("llama-4-scout-17b-16e-instruct", 107_769_861_120, 17_172_894_720),
        ("llama-4-maverick-17b-128e-instruct", 400_711_848_960, 17_184_691_200),
        ("llama-3.1-405b-instruct", 405_853_388_800, 405_853_388_800),
    ],
)
def test_published_sizes(name, parameters, active):
    """109 and 400 B with the vision tower, of about 1 B, and 17 B active; 405 B."""
    architecture = read_architecture(facts(name))
    assert architecture.parameters() == parameters
    assert architecture.parameters(active=True) == active


def test_llama_405b_as_the_reference_counts_it():
    architecture = read_architecture(facts("llama-3.1-405b-instruct"))
    assert forward_flops(architecture, 128, 0, 128, "square").total == 103_494_753_189_888


def test_every_fourth_layer_of_llama_4_reaches_all_and_is_neither_turned_nor_normed():
    for name in ("llama-4-scout-17b-16e-instruct", "llama-4-maverick-17b-128e-instruct"):
        mixers = [layer.parts[0] for layer in read_architecture(facts(name)).layers]
        assert [mixer.reach for mixer in mixers] == ([Reach(chunk=8192)] * 3 + [WHOLE]) * 12
        assert [mixer.rotary for mixer in mixers] == [1.0, 1.0, 1.0, 0.0] * 12
        norms = ["weightless", "weightless", "weightless", None] if "scout" in name else [None] * 4
        assert [mixer.qk_norm for mixer in mixers] == norms * 12


def test_experts_are_where_the_step_puts_them():
    experts = [layer.parts[1].experts for layer in small("every-other").layers]
    assert experts == [0, 6, 0, 6, 0]
    assert [layer.parts[1].intermediate for layer in small("every-other").layers] == [72, 24, 72, 24, 72]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head_dim": None}, "head_dim"),
        ({"num_key_value_heads": 3}, "key-value heads"),
        ({"attention_chunk_size": None}, "attention_chunk_size"),
        ({"num_local_experts": None}, "num_local_experts"),
        ({"num_experts_per_tok": 7}, "num_experts_per_tok"),
        ({"interleave_moe_layer_step": 0}, "interleave_moe_layer_step"),
        ({"interleave_moe_layer_step": 2, "intermediate_size_mlp": None}, "intermediate_size_mlp"),
        ({"moe_layers": [5]}, "moe_layers"),
        ({"moe_layers": 2}, "moe_layers"),
        ({"no_rope_layers": [1, 0]}, "no_rope_layers"),
        ({"no_rope_layers": [1, 0, 2, 1, 1]}, "no_rope_layers"),
        ({"layer_types": ["chunked_attention"] * 4}, "layer_types"),
        ({"layer_types": ["sliding_attention"] * 5}, "sliding_attention"),
        ({"sliding_window": 8}, "sliding_window"),
        ({"shared_expert_intermediate_size": 8}, "shared_expert_intermediate_size"),
        ({"use_qk_norm": "yes"}, "use_qk_norm"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        small("every-layer", **fields)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "text_config"),
        ({"text_config": SMALL | {"sliding_window": 8}}, "`text_config`.*sliding_window"),
        ({"text_config": SMALL, "num_experts": 3}, "num_experts"),
    ],
)
def test_a_wrapper_that_cannot_be_read_is_an_error(config, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read_architecture({"architectures": ["Llama4ForConditionalGeneration"], **config})
