"""Granite: dense, with experts, and hybrids of Mamba-2 and attention."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    attention,
    dense,
    experts,
    layer_types,
    stack,
    uniform,
)
from frontiers.compute.layer_parts import FeedForward
from frontiers.compute.state_space import Mamba2

MAMBA = ("n_heads", "d_head", "d_state", "d_conv", "n_groups", "expand", "conv_bias", "proj_bias")


def mamba2(fields: Fields, inner: int, output_bias: bool, gated_norm: bool = True) -> Mamba2:
    """Return the Mamba-2 part of `inner` channels that the `mamba_` fields describe."""
    heads, groups = fields.size("mamba_n_heads"), fields.size("mamba_n_groups", default=1)
    head_width = fields.get("mamba_d_head", "auto")
    if inner % heads or head_width not in ("auto", inner // heads):
        raise fields.error(f"{heads} Mamba heads of mamba_d_head {head_width} do not fill {inner} channels")
    if heads % groups:
        raise fields.error(f"{heads} Mamba heads cannot share {groups} mamba_n_groups evenly")
    return Mamba2(
        fields.size("hidden_size"),
        inner=inner,
        state=fields.size("mamba_d_state"),
        groups=groups,
        heads=heads,
        kernel=fields.size("mamba_d_conv", default=4),
        conv_bias=fields.flag("mamba_conv_bias", True),
        input_bias=fields.flag("mamba_proj_bias"),
        output_bias=output_bias,
        gated_norm=gated_norm,
    )


def _granite(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    return Body(uniform(fields, mixer, dense(fields, bias=fields.flag("mlp_bias"))))


def _granite_moe(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    number = fields.size("num_local_experts")
    return Body(uniform(fields, mixer, experts(fields, number, fields.size("intermediate_size"))))


def _granite_hybrid(fields: Fields) -> Body:
    """Mamba-2 and attention layers; a shared feed-forward always runs, with or without experts."""
    bias, width = fields.flag("attention_bias"), fields.size("hidden_size")
    names = {"mamba": "mamba", "linear_attention": "mamba", "attention": "full", "full_attention": "full"}
    kinds = layer_types(fields, names)
    rotary = fields.get("position_embedding_type") == "rope"
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, rotary=float(rotary))
    mixers = {"full": mixer}
    if "mamba" in kinds:
        inner = fields.size("mamba_expand", default=2) * width
        mixers["mamba"] = mamba2(fields, inner, output_bias=fields.flag("mamba_proj_bias"))
    fields.skip(*(f"mamba_{name}" for name in MAMBA))  # without Mamba layers they shape nothing
    shared, number = fields.size("shared_intermediate_size"), fields.size("num_local_experts", least=0)
    fields.skip("num_experts_per_tok", "intermediate_size")  # without experts they shape nothing
    part = FeedForward(width, intermediate=shared)
    if number:
        part = experts(fields, number, fields.size("intermediate_size"), shared)
    return Body(stack(fields, [mixers[kind] for kind in kinds], [part] * len(kinds)))


FAMILIES = {
    "GraniteForCausalLM": Family("granite", _granite),
    "GraniteMoeForCausalLM": Family("granitemoe", _granite_moe),
    "GraniteMoeHybridForCausalLM": Family("granitemoehybrid", _granite_hybrid),
}
