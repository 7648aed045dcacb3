import numpy as np
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.layer_parts import WHOLE, Reach
from support.family_cases import FAMILIES, case, read_case
from support.real_modules import (
    check_decoding,
    check_parameters,
    check_square,
    counted,
    facts,
    total,
)


def idle(architecture):
    """Return the FLOPs per token of experts that the class runs on every token and multiplies by nothing."""
    return sum(2 * n * (p.experts - p.active_experts) * p.expert_matrices for p, n in architecture.parts)


def beyond(architecture):
    """Return what the class spends in addition on a token after `past` ones: idle experts and earlier chunks.

    Its cache keeps the last tokens of a chunk's length, whichever chunk they are of, and masks those before.
    """
    chunks = {r.chunk: n for r, n in architecture.by_reach(lambda part: part.score_flops).items() if r.chunk}

    def flops(past):
        masked = [n * (np.minimum(past + 1, chunk) - past % chunk - 1) for chunk, n in chunks.items()]
        return idle(architecture) + sum(masked, start=0 * past)

    return flops


@pytest.mark.parametrize("name", FAMILIES["llama4"]["cases"])
def test_a_small_model_and_its_wrapper_equal_the_class(name):
    architecture, text = case("llama4", name)
    outer = {"tie_word_embeddings": True} if "tie_word_embeddings" in text else {}
    wrapped = {"text_config": {"model_type": "llama4_text", **text}} | outer
    ours = read_case("llama4", name)
    check_parameters("Llama4ForConditionalGeneration", wrapped)
    for pair in ((architecture, text), ("Llama4ForConditionalGeneration", wrapped)):
        check_square(*pair, beyond=idle(ours))
        check_decoding(*pair, beyond=beyond(ours))


def test_the_whole_wrapper_spends_on_text_what_its_language_model_spends():
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    vision |= {
        "vision_output_dim": 16,
        "projector_input_dim": 16,
        "projector_output_dim": 16,
        "image_size": 28,
    }
    config = transformers.Llama4Config(
        text_config=case("llama4", "every-layer")[1], vision_config=vision, image_token_index=60
    )
    config._attn_implementation = "eager"
    module = transformers.Llama4ForConditionalGeneration(config).eval()
    ours = read_architecture(config.to_dict() | {"architectures": ["Llama4ForConditionalGeneration"]})
    assert ours.parameters() == sum(p.numel() for p in module.language_model.parameters())
    assert ours.left_out == ("vision tower",)
    counts, _ = counted(module, {"input_ids": torch.randint(0, 60, (1, 6)), "use_cache": False})
    assert total(counts) == forward_flops(ours, 6, 0, 6, "square").total + 6 * idle(ours)


def test_every_fourth_layer_of_llama_4_reaches_all_and_is_neither_turned_nor_normed():
    for name in ("llama-4-scout-17b-16e-instruct", "llama-4-maverick-17b-128e-instruct"):
        mixers = [layer.parts[0] for layer in read_architecture(facts(name)).layers]
        assert [mixer.reach for mixer in mixers] == ([Reach(chunk=8192)] * 3 + [WHOLE]) * 12
        assert [mixer.rotary for mixer in mixers] == [1.0, 1.0, 1.0, 0.0] * 12
        norms = ["weightless", "weightless", "weightless", None] if "scout" in name else [None] * 4
        assert [mixer.qk_norm for mixer in mixers] == norms * 12
