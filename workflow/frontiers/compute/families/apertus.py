"""Apertus."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, uniform
from frontiers.compute.layer_parts import Auxiliary


def _apertus(fields: Fields) -> Body:
    """Plain feed-forward parts, whose activation xIELU (arXiv 2411.13010) has two learned numbers and two stored ones."""
    if fields.get("hidden_act", "xielu") != "xielu":
        raise fields.error(f"`hidden_act` {fields.get('hidden_act')} is not counted; known is xielu")
    fields.skip("qk_norm", "post_norm", "mlp_bias")
    for key, form in {"qk_norm": True, "post_norm": False, "mlp_bias": False}.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, qk_norm="head")
    activation = Auxiliary(fields.size("hidden_size"), other=4)
    return Body(uniform(fields, mixer, dense(fields, layers=2), activation))


FAMILIES = {"ApertusForCausalLM": Family("apertus", _apertus)}
