"""GLM-4 and GLM-4.5."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    ahead,
    attention,
    behind_dense,
    dense,
    rotary,
    stack,
    uniform,
)


def _glm(fields: Fields, norms: int = 2) -> Body:
    bias = fields.flag("attention_bias", True)
    mixer = attention(fields, head_width=128, qkv_bias=bias, rotary=rotary(fields, 0.5))
    return Body(uniform(fields, mixer, dense(fields), norms=norms))


def _glm4(fields: Fields) -> Body:
    """As GLM, with norms before and after both parts."""
    return _glm(fields, norms=4)


def _glm4_moe(fields: Fields) -> Body:
    """Experts as in DeepSeek V3, including the learned correction of the router's choice."""
    mixer = attention(
        fields,
        qkv_bias=fields.flag("attention_bias"),
        qk_norm="head" if fields.flag("use_qk_norm") else None,
        rotary=rotary(fields, 0.5),
    )
    parts = behind_dense(fields, router_bias=1)
    return Body(stack(fields, [mixer] * len(parts), parts), left_out=ahead(fields))


FAMILIES = {
    "GlmForCausalLM": Family("glm", _glm),
    "Glm4ForCausalLM": Family("glm4", _glm4),
    "Glm4MoeForCausalLM": Family("glm4_moe", _glm4_moe),
}
