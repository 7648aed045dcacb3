"""Llama 2 to 4 and models built like them."""

from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    Reach,
    attention,
    dense,
    experts,
    layer_types,
    leaving_out,
    stack,
    uniform,
)
from frontiers.compute.layer_parts import FeedForward

CHUNKED = {"full_attention": "full", "chunked_attention": "chunked"}


def _llama(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    return Body(uniform(fields, mixer, dense(fields, bias=fields.flag("mlp_bias"))))


def _rotated(fields: Fields) -> list[bool]:
    """Return which layers have rotary embedding: as listed, else all except each `no_rope_layer_interval`-th."""
    count, listed = fields.layers(), fields.get("no_rope_layers") or None
    interval = fields.size("no_rope_layer_interval", default=4)
    if listed is None:
        return [(i + 1) % interval > 0 for i in range(count)]
    if not isinstance(listed, list) or len(listed) < count or not all(flag in (0, 1) for flag in listed):
        raise fields.error(f"`no_rope_layers` must be a 0 or a 1 for each of {count} layers, not {listed!r}")
    return [bool(flag) for flag in listed[:count]]


def _sparse(fields: Fields) -> list[bool]:
    """Return which layers have experts: those listed, else each `interleave_moe_layer_step`-th."""
    count, listed = fields.layers(), fields.get("moe_layers")
    if listed is None:
        step = fields.size("interleave_moe_layer_step", default=1)
        return [(i + 1) % step == 0 for i in range(count)]
    fields.skip("interleave_moe_layer_step")
    if not isinstance(listed, list) or not all(i in range(count) for i in listed):
        raise fields.error(f"`moe_layers` must list layers from 0 to {count - 1}, not {listed!r}")
    return [i in listed for i in range(count)]


def _llama4(fields: Fields) -> Body:
    """Layers with rotary embedding attend within chunks and normalise queries and keys without weights.

    Every layer with experts also has a shared one of the same width; dense layers
    have another width.
    """
    bias, norm = fields.flag("attention_bias"), fields.flag("use_qk_norm", True)
    mixer = attention(fields, head_width=fields.size("head_dim"), qkv_bias=bias, output_bias=bias)
    rotated, sparse = _rotated(fields), _sparse(fields)
    chunked = rotated
    if fields.get("layer_types") is not None:
        chunked = [kind == "chunked" for kind in layer_types(fields, CHUNKED)]
    fields.skip("attn_temperature_tuning", "attn_scale", "attention_chunk_size")
    mixers = [
        replace(
            mixer,
            reach=Reach(chunk=fields.size("attention_chunk_size") if near else None),
            qk_norm="weightless" if norm and rotates else None,
            rotary=float(rotates),
        )
        for near, rotates in zip(chunked, rotated, strict=True)
    ]
    fields.skip("intermediate_size", "intermediate_size_mlp", "num_local_experts", "num_experts_per_tok")
    return Body(stack(fields, mixers, [_experts4(fields) if has else _dense4(fields) for has in sparse]))


def _experts4(fields: Fields) -> FeedForward:
    inner = fields.size("intermediate_size")
    return experts(fields, fields.size("num_local_experts"), inner, shared=inner)


def _dense4(fields: Fields) -> FeedForward:
    return FeedForward(fields.size("hidden_size"), intermediate=fields.size("intermediate_size_mlp"))


FAMILIES = {
    "LlamaForCausalLM": Family("llama", _llama),
    "Llama4ForCausalLM": Family("llama4_text", _llama4),
    "Llama4ForConditionalGeneration": Family(
        "llama4", leaving_out(_llama4, "vision tower"), text="text_config"
    ),
}
