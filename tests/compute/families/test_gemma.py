import pytest

from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.families.gemma import FAMILIES
from frontiers.compute.flops import forward_flops, kv_bytes_read, read_architecture
from frontiers.compute.layer_parts import WHOLE, Reach
from frontiers.data.architecture_facts import FOLDER, read_facts
from support.real_modules import (
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    counted,
    full_size,
    shared_only,
    total,
)

SMALL = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 7,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}
SLIDING = SMALL | {"sliding_window": 5}
STREAMS = SLIDING | {
    "num_hidden_layers": 10,
    "num_kv_shared_layers": 4,
    "intermediate_size": [40 + i for i in range(10)],
    "hidden_size_per_layer_input": 6,
    "vocab_size_per_layer_input": 63,
    "altup_num_inputs": 3,
    "laurel_rank": 5,
}
TYPES = ["full_attention", "sliding_attention", "full_attention"]
SPARSE = {"hidden_size": 64, "num_hidden_layers": 6, "intermediate_size": 48, "sliding_window": 5}
FORMS = {
    "1": ("GemmaForCausalLM", SMALL),
    "1-untied": ("GemmaForCausalLM", SMALL | {"tie_word_embeddings": False, "attention_bias": True}),
    "2": ("Gemma2ForCausalLM", SLIDING),
    "2-types": ("Gemma2ForCausalLM", SLIDING | {"num_hidden_layers": 3, "layer_types": TYPES}),
    "3": ("Gemma3ForCausalLM", SLIDING),
    "3-pattern": ("Gemma3ForCausalLM", SLIDING | {"sliding_window_pattern": 3, "attention_bias": True}),
    "3-types": ("Gemma3ForCausalLM", SLIDING | {"num_hidden_layers": 3, "layer_types": TYPES}),
    "3-sparse": ("Gemma3ForConditionalGeneration", {"text_config": SPARSE}),
    "3-whole": ("Gemma3ForConditionalGeneration", {"text_config": {"model_type": "gemma3_text", **SLIDING}}),
    "3n": ("Gemma3nForCausalLM", STREAMS),
    "3n-alone": ("Gemma3nForCausalLM", STREAMS | {"num_kv_shared_layers": 0, "altup_num_inputs": 1}),
    "3n-bias": ("Gemma3nForCausalLM", STREAMS | {"attention_bias": True, "intermediate_size": 48}),
    "3n-active": ("Gemma3nForCausalLM", STREAMS | {"activation_sparsity_pattern": [0.95] * 4 + [0.0] * 6}),
    "3n-whole": ("Gemma3nForConditionalGeneration", {"text_config": STREAMS}),
}


def facts(name):
    return read_facts(FOLDER / f"{name}.yaml")["config"]


SIZES = sorted(p.stem for p in FOLDER.glob("*.yaml") if facts(p.stem)["architectures"][0] in FAMILIES)


def small(name, **fields):
    architecture, config = FORMS[name]
    return read_architecture({"architectures": [architecture], **config, **fields})


@pytest.mark.parametrize("name", FORMS)
def test_gemma_equals_the_class(name):
    check_parameters(*FORMS[name])
    check_square(*FORMS[name])
    check_decoding(*FORMS[name])


def test_the_whole_wrapper_spends_on_text_what_its_language_model_spends():
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 32, "patch_size": 8}
    outer = {"mm_tokens_per_image": 4, "image_token_index": 60}
    config = transformers.Gemma3Config(text_config=SLIDING, vision_config=vision, **outer)
    config._attn_implementation = "eager"
    module = transformers.Gemma3ForConditionalGeneration(config).eval()
    ours = read_architecture(config.to_dict() | {"architectures": ["Gemma3ForConditionalGeneration"]})
    assert ours.parameters() == sum(p.numel() for p in module.model.language_model.parameters())
    assert ours.left_out == ("vision tower",)
    counts, _ = counted(module, {"input_ids": torch.randint(0, 60, (1, 5)), "use_cache": False})
    assert total(counts) == forward_flops(ours, 5, 0, 5, "square").total


@pytest.mark.parametrize("name", SIZES)
def test_full_size_parameters_and_flops_equal_those_of_the_module(name):
    check_full_size(facts(name))


@shared_only
@pytest.mark.parametrize(
    "name", ["gemma-2-2b", "gemma-2-9b", "gemma-2-27b", "gemma-3-1b-it", "gemma-3-4b-it", "gemma-3-12b-it"]
)
def test_real_configurations_equal_the_module(name):
    check_full_size(full_size(f"google--{name}"))


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("gemma-2-2b-it", 2_614_341_888),
        ("gemma-2-9b-it", 9_241_705_984),
        ("gemma-2-27b-it", 27_227_128_320),
        ("gemma-3-1b-it", 999_885_952),
        ("gemma-3-4b-it", 3_880_263_168),
        ("gemma-3-12b-it", 11_766_034_176),
        ("gemma-3-27b-it", 27_009_346_304),
    ],
)
def test_published_sizes(name, figure):
    assert read_architecture(facts(name)).parameters() == figure


def test_the_published_figure_of_gemma_2_9b_leaves_out_the_norms():
    architecture = read_architecture(facts("gemma-2-9b-it"))
    assert architecture.parameters() - architecture.norms == 9_241_100_288


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


def test_a_training_step_of_gemma_3_12b_in_verl():
    """Three forward passes, half the square of attention, the input embedding as if it were multiplied."""
    architecture = read_architecture(facts("gemma-3-12b-it"))
    forward = 0
    for tokens in (512, 1024, 2048):
        ours = forward_flops(architecture, tokens, 0, tokens, "square")
        forward += ours.total - ours.attention_scores // 2
        forward += 2 * tokens * architecture.width * architecture.vocabulary
    assert 3 * forward == 279_084_659_638_272


@pytest.mark.parametrize(
    ("name", "full", "window"),
    [("2", {1, 3, 5}, 5), ("3", {5}, 5), ("3-pattern", {2, 5}, 5), ("3n", {4, 9}, 5)],
)
def test_layers_that_reach_all(name, full, window):
    reaches = [layer.parts[0].reach for layer in small(name).layers]
    assert reaches == [WHOLE if i in full else Reach(window) for i in range(len(reaches))]


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
    architecture = small("3n")
    assert architecture.lookups == 63 * 10 * 6
    without = architecture.parameters(embedding=False)
    assert architecture.parameters() - without == 61 * 32 + 63 * 10 * 6


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("1", {"num_key_value_heads": 3}, "key-value heads"),
        ("1", {"intermediate_size": None}, "intermediate_size"),
        ("1", {"sliding_window": 8}, "sliding_window"),
        ("1", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ("2", {"sliding_window": None}, "sliding_window"),
        ("2", {"layer_types": ["sliding_attention"] * 6}, "layer_types"),
        ("2", {"layer_types": ["chunked_attention"] * 7}, "chunked_attention"),
        ("2", {"sliding_window_pattern": 6}, "sliding_window_pattern"),
        ("3", {"sliding_window_pattern": 0}, "sliding_window_pattern"),
        ("3", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ("3", {"num_experts": 4}, "num_experts"),
        ("3n", {"laurel_rank": None}, "laurel_rank"),
        ("3n", {"altup_num_inputs": 0}, "altup_num_inputs"),
        ("3n", {"intermediate_size": [48] * 9}, "intermediate_size"),
        ("3n", {"intermediate_size": [48.0] * 10}, "intermediate_size"),
        ("3n", {"num_kv_shared_layers": 12}, "full and sliding"),
        ("3n", {"num_kv_shared_layers": 6}, "leaves full layers"),
        ("3n", {"enable_moe_block": True}, "enable_moe_block"),
        ("3-whole", {"text_config": None}, "text_config"),
        ("3-whole", {"text_config": {"hidden_size": 32}}, "`text_config`"),
        ("3-whole", {"hidden_size_of_projector": 7}, "hidden_size_of_projector"),
    ],
)
def test_fields_that_cannot_be_counted_are_errors(name, fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        small(name, **fields)
