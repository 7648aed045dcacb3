"""Qwen 2, 2.5 and 3, dense and with experts, Qwen3-VL, and MiMo, which is built like Qwen 2."""

from collections.abc import Callable
from typing import Any

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    Reach,
    ahead,
    attention,
    dense,
    experts,
    layer_types,
    leaving_out,
    reaching,
    stack,
)
from frontiers.compute.layer_parts import FeedForward


def _window(fields: Fields) -> int | None:
    """Return the window if `use_sliding_window` switches it on."""
    window = fields.get("sliding_window")
    return fields.size("sliding_window") if fields.flag("use_sliding_window") and window is not None else None


def _from(layer: int, bound: int) -> bool:
    return layer >= bound


def _even_below(layer: int, bound: int) -> bool:
    return layer < bound and layer % 2 == 0


def _windows(fields: Fields, slides: Callable[[int, int], bool] = _from) -> list[int | None]:
    """Return the window of each layer: as listed, else by `slides(layer, max_window_layers)`."""
    window, count = _window(fields), fields.layers()
    bound = fields.get("max_window_layers")
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
        if window is None and "sliding" in kinds:
            raise fields.error("`layer_types` has sliding layers, but no sliding_window is on")
        return [window if kind == "sliding" else None for kind in kinds]
    if window is not None:
        bound = fields.size("max_window_layers", least=0)
    return [window if window is not None and slides(i, bound) else None for i in range(count)]


def _qwen2(fields: Fields) -> Body:
    mixers = reaching(attention(fields, qkv_bias=True), _windows(fields))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers)))


def _qwen3(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_width=128, qkv_bias=bias, output_bias=bias, qk_norm="head")
    mixers = reaching(mixer, _windows(fields))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers)))


def sparse(fields: Fields, **form: Any) -> list[FeedForward]:
    """Return the feed-forward part of each layer: experts, or dense if listed or off the sparse step."""
    fields.skip("intermediate_size", "num_experts_per_tok", "moe_intermediate_size")  # one kind may be absent
    number, count = fields.size("num_experts", "num_local_experts", least=0), fields.layers()
    step, plain = fields.size("decoder_sparse_step", default=1), fields.get("mlp_only_layers", [])
    if not isinstance(plain, list):
        raise fields.error(f"`mlp_only_layers` must be a list of layers, not {plain!r}")
    sparse = [number > 0 and i not in plain and (i + 1) % step == 0 for i in range(count)]
    return [
        experts(fields, number, fields.size("moe_intermediate_size"), **form) if s else dense(fields)
        for s in sparse
    ]


def _qwen2_moe(fields: Fields) -> Body:
    """One expert always runs, scaled by a gate."""
    mixer = attention(fields, qkv_bias=fields.flag("qkv_bias", True))
    mixers = reaching(mixer, _windows(fields, _even_below))
    shared = fields.size("shared_expert_intermediate_size")
    return Body(stack(fields, mixers, sparse(fields, shared=shared, shared_gate=True)))


def _qwen3_moe(fields: Fields) -> Body:
    """Every layer slides when the window is on. The 480B coder states what its class always does."""
    written = {"use_qk_norm": True, "qkv_bias": False, "shared_expert_intermediate_size": 0}
    for key, form in written.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    bias = fields.flag("attention_bias")
    mixer = attention(fields, qkv_bias=bias, output_bias=bias, qk_norm="head", reach=Reach(_window(fields)))
    fields.skip("max_window_layers")
    parts = sparse(fields)
    return Body(stack(fields, [mixer] * len(parts), parts))


def _mimo(fields: Fields) -> Body:
    """Qwen 2, whose biases do not depend on `attention_bias`, with layers for multi-token prediction."""
    fields.skip("attention_bias")
    return _qwen2(fields)._replace(left_out=ahead(fields))


FAMILIES = {
    "Qwen2ForCausalLM": Family("qwen2", _qwen2),
    "Qwen2MoeForCausalLM": Family("qwen2_moe", _qwen2_moe),
    "Qwen3ForCausalLM": Family("qwen3", _qwen3),
    "Qwen3MoeForCausalLM": Family("qwen3_moe", _qwen3_moe),
    "Qwen3VLForConditionalGeneration": Family(
        "qwen3_vl", leaving_out(_qwen3, "vision tower"), text="text_config", tied_outside=True
    ),
    "Qwen3VLMoeForConditionalGeneration": Family(
        "qwen3_vl_moe", leaving_out(_qwen3_moe, "vision tower"), text="text_config", tied_outside=True
    ),
    "MiMoForCausalLM": Family("mimo", _mimo),
}
