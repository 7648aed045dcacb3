"""Jamba: hybrids of Mamba and attention without positions."""

import math

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, experts, stack
from frontiers.compute.state_space import Mamba


def _every(fields: Fields, kind: str) -> list[bool]:
    """Return which layers are of a kind: those whose index modulo its period is its offset."""
    period = fields.size(f"{kind}_layer_period")
    offset = fields.size(f"{kind}_layer_offset", least=0)
    if offset >= period:
        raise fields.error(f"{kind}_layer_offset {offset} is not below {kind}_layer_period {period}")
    return [i % period == offset for i in range(fields.layers())]


def _jamba(fields: Fields) -> Body:
    """With only one expert, every layer is dense."""
    width, bias = fields.size("hidden_size"), fields.flag("mamba_proj_bias")
    automatic = fields.get("mamba_dt_rank", "auto") == "auto"
    mamba = Mamba(
        width,
        inner=fields.size("mamba_expand", default=2) * width,
        state=fields.size("mamba_d_state", default=16),
        kernel=fields.size("mamba_d_conv", default=4),
        rank=math.ceil(width / 16) if automatic else fields.size("mamba_dt_rank"),
        conv_bias=fields.flag("mamba_conv_bias", True),
        input_bias=bias,
        output_bias=bias,
        inner_norms=fields.flag("mamba_inner_layernorms", True),
    )
    mixer, part = attention(fields, rotary=0.0), dense(fields)
    mixers = [mixer if attends else mamba for attends in _every(fields, "attn")]
    number, parts = fields.size("num_experts", "num_local_experts"), [part] * len(mixers)
    if number > 1:
        sparse = experts(fields, number, fields.size("intermediate_size"))
        parts = [sparse if routes else part for routes in _every(fields, "expert")]
    fields.skip("num_experts_per_tok", "expert_layer_period", "expert_layer_offset")  # unused with one expert
    fields.skip("layers_block_type", "layer_types", "layers_num_experts")  # follow from the periods
    return Body(stack(fields, mixers, parts))


FAMILIES = {"JambaForCausalLM": Family("jamba", _jamba)}
