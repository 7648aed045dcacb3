"""Phi-3 and Phi-4, and Phi-3.5-MoE. Fused projections are the same matrices side by side."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    Reach,
    attention,
    dense,
    experts,
    optional_window,
    rotary,
    uniform,
)


def _phi3(fields: Fields) -> Body:
    if fields.size("full_attn_mod", default=1) > 1:
        raise fields.error(
            "`full_attn_mod` above 1 is not supported: no known checkpoint has it, so which layers slide is unclear"
        )
    mixer = attention(fields, ungrouped=True, reach=Reach(optional_window(fields)), rotary=rotary(fields))
    return Body(uniform(fields, mixer, dense(fields)))


def _phimoe(fields: Fields) -> Body:
    """Each norm has a weight and a bias per number."""
    bias, window = fields.flag("attention_bias"), optional_window(fields)
    mixer = attention(fields, qkv_bias=bias, output_bias=bias, reach=Reach(window))
    part = experts(fields, fields.size("num_local_experts"), fields.size("intermediate_size"))
    layers = uniform(fields, mixer, part, norms=4)
    return Body(layers, outer_norms=2 * fields.size("hidden_size"), logits_bias=fields.flag("lm_head_bias"))


PHIMOE = Family("phimoe", _phimoe)
FAMILIES = {
    "Phi3ForCausalLM": Family("phi3", _phi3),
    "PhiMoEForCausalLM": PHIMOE,
    "PhimoeForCausalLM": PHIMOE,  # the name that transformers saves
}
