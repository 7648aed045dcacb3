"""gpt-oss."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    attention,
    experts,
    layer_types,
    reaching,
    stack,
)


def _gpt_oss(fields: Fields) -> Body:
    """Every other layer slides, starting with the first; heads have sinks, router and experts biases."""
    bias, count = fields.flag("attention_bias", True), fields.layers()
    mixer = attention(fields, head_width=64, qkv_bias=bias, output_bias=bias, sinks=True)
    kinds = ["full" if i % 2 else "sliding" for i in range(count)]
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
    window = fields.size("sliding_window")
    mixers = reaching(mixer, [window if kind == "sliding" else None for kind in kinds])
    number = fields.size("num_local_experts", "num_experts")
    part = experts(fields, number, fields.size("intermediate_size"), expert_bias=True, router_bias=1)
    fields.skip("experts_per_token")  # what the release calls `num_experts_per_tok`
    return Body(stack(fields, mixers, [part] * count))


FAMILIES = {"GptOssForCausalLM": Family("gpt_oss", _gpt_oss)}
