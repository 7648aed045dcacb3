import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops, kv_bytes_read
from support.family_cases import case, read_case
from support.real_modules import (
    counted,
    facts,
    total,
)


def test_the_whole_wrapper_spends_on_text_what_its_language_model_spends():
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 32, "patch_size": 8}
    outer = {"mm_tokens_per_image": 4, "image_token_index": 60}
    config = transformers.Gemma3Config(text_config=case("gemma", "2")[1], vision_config=vision, **outer)
    config._attn_implementation = "eager"
    module = transformers.Gemma3ForConditionalGeneration(config).eval()
    ours = read_architecture(config.to_dict() | {"architectures": ["Gemma3ForConditionalGeneration"]})
    assert ours.parameters() == sum(p.numel() for p in module.model.language_model.parameters())
    assert ours.left_out == ("vision tower",)
    counts, _ = counted(module, {"input_ids": torch.randint(0, 60, (1, 5)), "use_cache": False})
    assert total(counts) == forward_flops(ours, 5, 0, 5, "square").total


@pytest.mark.parametrize(("name", "published"), [("gemma-3n-e2b-it", 1.91), ("gemma-3n-e4b-it", 3.98)])
def test_effective_parameters_of_gemma_3n(name, published):
    """Google's figure leaves out both embeddings, and counts keys and values of layers that share those of others.

    https://huggingface.co/datasets/google/gemma3n-slicing-configs
    """
    architecture = read_architecture(facts(name))
    sharing = [p for layer in architecture.layers for p in layer.parts if getattr(p, "shared_kv", False)]
    unused = sum(2 * p.width * p.kv_heads * p.head_width for p in sharing)
    effective = architecture.parameters(embedding=False) + unused
    assert round(effective / 1e9, 2) == published
    assert architecture.left_out[0] == f"key and value matrices of {len(sharing)} layers"


def test_defaults_of_gemma_3_are_those_of_its_4b_model():
    mixer = read_architecture(facts("gemma-3-4b-it")).layers[0].parts[0]
    assert (mixer.heads, mixer.kv_heads, mixer.head_width) == (8, 4, 256)
    assert read_architecture(facts("gemma-3-4b-it")).vocabulary == 262_208


def test_layers_that_share_keys_and_values_read_them_and_keep_none():
    architecture = read_architecture(facts("gemma-3n-e4b-it"))
    one = 2 * 2 * 256
    assert architecture.kv_bytes_per_token(2) == 20 * one * 2
    assert architecture.kv_bytes(10_000, 2) == (16 * 512 + 4 * 10_000) * one * 2
    assert kv_bytes_read(architecture, 1, 10_000, 2) == (28 * 512 + 7 * 10_001) * one * 2


def test_per_layer_embeddings_are_looked_up():
    architecture = read_case("gemma", "3n")
    assert architecture.lookups == 63 * 10 * 6
    without = architecture.parameters(embedding=False)
    assert architecture.parameters() - without == 61 * 32 + 63 * 10 * 6
