"""Seed-OSS."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, uniform


def _seed_oss(fields: Fields) -> Body:
    mixer = attention(
        fields,
        head_width=128,
        qkv_bias=fields.flag("attention_bias", True),
        output_bias=fields.flag("attention_out_bias"),
    )
    return Body(uniform(fields, mixer, dense(fields, bias=fields.flag("mlp_bias"))))


FAMILIES = {"SeedOssForCausalLM": Family("seed_oss", _seed_oss)}
