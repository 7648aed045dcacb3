"""Llama and what shares its form."""

from frontiers.config_fields import Fields
from frontiers.families.common import Body, Family, attention, dense, uniform


def _llama(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    return Body(uniform(fields, mixer, dense(fields, bias=fields.flag("mlp_bias"))))


FAMILIES = {"LlamaForCausalLM": Family("llama", _llama)}
