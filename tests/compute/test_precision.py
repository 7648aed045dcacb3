"""Bytes per weight from `quantization_config`, as the documented formats have them."""

import pytest

from frontiers.compute.precision import element_bytes, read_precision
from frontiers.core.cli import UserError
from support.real_modules import full_size, shared_only

LAYERS = {"num_hidden_layers": 4, "dtype": "bfloat16"}
NORMS = [f"model.layers.{i}.{name}" for i in range(4) for name in ("input_layernorm", "mlp.gate")]
W4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 32}
W8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel"}


def read(_inside=False, _dtype="bfloat16", **quantisation):
    settings = LAYERS | {"dtype": _dtype, "quantization_config": quantisation}
    return read_precision({"text_config": settings} if _inside else settings, "here/config.json")


def compressed(weights, inputs=None, **more):
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": group},
        "ignore": ["lm_head"],
        **more,
    }


def test_without_quantisation_all_is_in_the_dtype():
    plain = read_precision({"torch_dtype": "float32"})
    assert (plain.attention, plain.feed_forward, plain.experts, plain.rest) == (4, 4, 4, 4)
    assert (plain.cache, plain.state, plain.compute, plain.method) == (4, 4, "float32", None)
    assert read_precision({}).dtype == "bfloat16"
    wrapped = {"torch_dtype": "float32", "text_config": {"dtype": "float16"}}
    assert read_precision(wrapped).dtype == "float16"
    assert read_precision({"torch_dtype": "float32", "text_config": {}}).dtype == "float32"


@pytest.mark.parametrize(
    ("quantisation", "bits", "compute"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 128**2, "fp8"),
        ({"quant_method": "fp8", "activation_scheme": "static"}, 8, "fp8"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}, 4 + 20 / 128, "bfloat16"),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8, "bfloat16"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, 4 + 20 / 128, "bfloat16"),
        ({"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": False}, 4.25, "bfloat16"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8, "int8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5, "bfloat16"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
            4 + 8 / 64 + 32 / (64 * 256),
            "bfloat16",
        ),
        (compressed(W4), 4.5, "bfloat16"),
        (compressed(W4 | {"symmetric": False}), 4.625, "bfloat16"),
        (compressed(W8, {"num_bits": 8, "type": "float"}), 8, "fp8"),
        (compressed(W8 | {"type": "int"}, {"num_bits": 8, "type": "int"}), 8, "int8"),
        (compressed(W8 | {"strategy": "block", "block_structure": [128, 128]}), 8 + 16 / 128**2, "bfloat16"),
        (compressed({"num_bits": 4, "type": "float", "group_size": 16}), 4.5, "bfloat16"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, 4.5, "fp4"),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8"}}, 8, "fp8"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_bits_with_their_share_of_scales(quantisation, bits, compute, inside):
    precision = read(_inside=inside, **quantisation)
    for kind in ("attention", "feed_forward", "state_space", "experts"):
        assert getattr(precision, kind) == bits / 8
    assert (precision.rest, precision.cache, precision.state) == (2, 2, 2)
    assert precision.compute == compute


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        (["lm_head", *NORMS], set()),
        (["lm_head", "model.layers.4*", "visual", "re:.*mlp.gate$", "gate"], set()),
        (["self_attn"], {"attention"}),
        (["model.layers.*.self_attn"], {"attention"}),
        ([f"model.layers.{i}.self_attn*" for i in range(4)], {"attention"}),
        ([f"model.layers.{i}.self_attn.{p}" for i in range(4) for p in "qkv"], None),
        ([f"model.layers.{i}.self_attn.{p}_proj" for i in range(4) for p in "qkvo"], {"attention"}),
        (["model.layers.0.self_attn"], None),
        (
            ["re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
            {"attention", "feed_forward"},
        ),
        (["re:.*shared_experts.*"], None),
        (["language_model.model.layers.*.mlp.experts"], {"experts"}),
        ([f"backbone.layers.{i}.mixer.{p}_proj" for i in range(4) for p in ("in", "out")], {"state_space"}),
        (["model.layers.*.something_new"], None),
    ],
)
def test_modules_that_are_left_as_they_were(listed, kept):
    quantisation = {"quant_method": "fp8", "modules_to_not_convert": listed}
    if kept is None:
        with pytest.raises(UserError, match=r"here/config\.json"):
            read(**quantisation)
        return
    precision = read(**quantisation)
    kinds = ("attention", "feed_forward", "state_space", "experts")
    assert {kind for kind in kinds if getattr(precision, kind) == 2} == kept


@pytest.mark.parametrize("key", ["llm_int8_skip_modules", "ignored_layers", "ignore", "exclude_modules"])
def test_every_spelling_of_the_list_is_read(key):
    assert read(quant_method="fp8", **{key: ["self_attn"]}).attention == 2


def test_gptq_leaves_out_what_its_dynamic_rules_exclude():
    quantisation = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    assert read(**quantisation, dynamic={"-:.*self_attn.*": {}}).attention == 2
    for more in ({"dynamic": {".*down_proj": {"bits": 8}}}, {"lm_head": True}, {"group_size": None}):
        with pytest.raises(UserError):
            read(**quantisation | more)


@pytest.mark.parametrize(
    ("cache", "bytes_each"),
    [
        ({"kv_cache_scheme": {"num_bits": 8, "type": "float"}}, 1),
        ({"kv_cache_quant_algo": "FP8"}, 1),
        ({}, 2),
    ],
)
def test_the_cache_is_quantised_only_where_the_configuration_says_so(cache, bytes_each):
    settings = compressed(W8, **cache)
    assert read(**settings).cache == bytes_each
    assert read(**settings).state == 2
    assert element_bytes(LAYERS | {"quantization_config": settings}) == bytes_each


@pytest.mark.parametrize(
    ("quantisation", "message"),
    [
        ({"quant_method": "aqlm"}, "unknown quantisation `aqlm`; known are awq, .*precision.py"),
        ({"load_in_4bit": True}, "`unnamed`"),
        ({"quant_method": "bitsandbytes"}, "load_in_4bit"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "MIXED_PRECISION"),
        (compressed(W4) | {"config_groups": {"a": {"weights": W4}, "b": {"weights": W8}}}, "2 schemes"),
        ({"quant_method": "fp8", "kv_cache_quant_algo": "NVFP4"}, "NVFP4"),
    ],
)
def test_what_cannot_be_told_is_an_error(quantisation, message):
    with pytest.raises(UserError, match=message):
        read(**quantisation)


def test_unknown_dtype_is_an_error():
    with pytest.raises(UserError, match="int4"):
        read_precision({"dtype": "int4"})


def test_bytes_of_the_cache_do_not_need_the_method():
    assert element_bytes({"dtype": "float16", "quantization_config": {"quant_method": "aqlm"}}) == 2


@shared_only
def test_real_configurations():
    mixed = read_precision(full_size("openai--gpt-oss-20b"))
    assert (mixed.experts, mixed.attention, mixed.rest, mixed.compute) == (4.25 / 8, 2, 2, "bfloat16")
    blocks = read_precision(full_size("deepseek-ai--DeepSeek-R1"))
    assert blocks.experts == blocks.attention == 1 + 4 / 128**2
    assert (blocks.rest, blocks.cache, blocks.compute) == (2, 2, "fp8")
