"""Granite hybrids of Mamba-2 and attention."""

from frontiers.config_fields import Fields
from frontiers.families.common import Body, Family, attention, experts, layer_types, stack
from frontiers.parts import FeedForward
from frontiers.state_space import Mamba2


def _granite_hybrid(fields: Fields) -> Body:
    """Mamba-2 and attention layers; beside the experts, which may be none, a shared part always runs."""
    bias, width = fields.flag("attention_bias"), fields.size("hidden_size")
    heads = fields.size("mamba_n_heads")
    inner = fields.size("mamba_expand", default=2) * width
    head_width = fields.get("mamba_d_head", "auto")
    if inner % heads or head_width not in ("auto", inner // heads):
        raise fields.error(f"{heads} Mamba heads of mamba_d_head {head_width} do not fill {inner} channels")
    mamba = Mamba2(
        width,
        inner=inner,
        state=fields.size("mamba_d_state"),
        groups=fields.size("mamba_n_groups", default=1),
        heads=heads,
        kernel=fields.size("mamba_d_conv", default=4),
        conv_bias=fields.flag("mamba_conv_bias", True),
        projection_bias=fields.flag("mamba_proj_bias"),
    )
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    names = {"mamba": "mamba", "linear_attention": "mamba", "attention": "full", "full_attention": "full"}
    mixers = [mamba if kind == "mamba" else mixer for kind in layer_types(fields, names)]
    shared, number = fields.size("shared_intermediate_size"), fields.size("num_local_experts", least=0)
    fields.skip("num_experts_per_tok", "intermediate_size")  # without experts they shape nothing
    part = FeedForward(width, intermediate=shared)
    if number:
        part = experts(fields, number, fields.size("intermediate_size"), shared)
    return Body(stack(fields, mixers, [part] * len(mixers)))


FAMILIES = {"GraniteMoeHybridForCausalLM": Family("granitemoehybrid", _granite_hybrid)}
