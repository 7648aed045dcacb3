"""Qwen 2, 2.5 and 3, dense and with experts."""

from frontiers.config_fields import Fields
from frontiers.families.common import (
    SLIDING,
    Body,
    Family,
    Reach,
    attention,
    dense,
    experts,
    layer_types,
    reaching,
    stack,
)


def _window(fields: Fields) -> int | None:
    """Return the window that a configuration switches on; its size alone switches nothing."""
    window = fields.get("sliding_window")
    return fields.size("sliding_window") if fields.flag("use_sliding_window") and window is not None else None


def _windows(fields: Fields) -> list[int | None]:
    """Return the window of each layer: those from `max_window_layers` on slide, or those that are listed."""
    window, count = _window(fields), fields.size("num_hidden_layers")
    first = fields.get("max_window_layers")
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
        if window is None and "sliding" in kinds:
            raise fields.error("`layer_types` has sliding layers, but no sliding_window is switched on")
        return [window if kind == "sliding" else None for kind in kinds]
    if window is not None:
        first = fields.size("max_window_layers", least=0)
    return [window if window is not None and i >= first else None for i in range(count)]


def _qwen2(fields: Fields) -> Body:
    mixers = reaching(attention(fields, qkv_bias=True), _windows(fields))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers)))


def _qwen3(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_width=128, qkv_bias=bias, output_bias=bias, qk_norm="head")
    mixers = reaching(mixer, _windows(fields))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers)))


def _qwen3_moe(fields: Fields) -> Body:
    """Every layer slides when the window is on; layers are dense if listed or off the sparse step."""
    bias, count = fields.flag("attention_bias"), fields.size("num_hidden_layers")
    mixer = attention(fields, qkv_bias=bias, output_bias=bias, qk_norm="head", reach=Reach(_window(fields)))
    fields.skip("max_window_layers", "intermediate_size", "num_experts_per_tok", "moe_intermediate_size")
    number = fields.size("num_experts", "num_local_experts", least=0)
    step, plain = fields.size("decoder_sparse_step", default=1), fields.get("mlp_only_layers", [])
    sparse = [number > 0 and i not in plain and (i + 1) % step == 0 for i in range(count)]
    parts = [
        experts(fields, number, fields.size("moe_intermediate_size")) if s else dense(fields) for s in sparse
    ]
    return Body(stack(fields, [mixer] * count, parts))


FAMILIES = {
    "Qwen2ForCausalLM": Family("qwen2", _qwen2),
    "Qwen3ForCausalLM": Family("qwen3", _qwen3),
    "Qwen3MoeForCausalLM": Family("qwen3_moe", _qwen3_moe),
}
