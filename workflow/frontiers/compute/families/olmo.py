"""OLMo, OLMo 2 and 3, OLMoE, and OLMo Hybrid with gated delta nets."""

from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    attention,
    dense,
    experts,
    layer_types,
    optional_window,
    reaching,
    stack,
    uniform,
)
from frontiers.compute.families.qwen_next import LINEAR, gated_delta
from frontiers.compute.layer_parts import Attention


def _attention(fields: Fields, qk_norm: str | None = "all") -> Attention:
    bias = fields.flag("attention_bias")
    return attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, qk_norm=qk_norm)


def _olmo(fields: Fields) -> Body:
    """Its norms have no weights."""
    return Body(uniform(fields, _attention(fields, qk_norm=None), dense(fields), norms=0), outer_norms=0)


def _olmo2(fields: Fields) -> Body:
    """Norms follow both parts of a layer; queries and keys are normalised over all heads."""
    return Body(uniform(fields, _attention(fields), dense(fields)))


def _olmo3(fields: Fields) -> Body:
    """If no types are listed, three sliding layers are followed by a full one."""
    window, count = optional_window(fields, default=4096), fields.layers()
    kinds = ["full" if (i + 1) % 4 == 0 else "sliding" for i in range(count)]
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
    mixers = reaching(_attention(fields), [window if kind == "sliding" else None for kind in kinds])
    return Body(stack(fields, mixers, [dense(fields)] * count))


def _olmoe(fields: Fields) -> Body:
    part = experts(fields, fields.size("num_experts"), fields.size("intermediate_size"))
    return Body(uniform(fields, _attention(fields), part))


def _olmo_hybrid(fields: Fields) -> Body:
    """Gated delta nets; every fourth layer attends, without positions if those of `rope_parameters` are null."""
    count, width, heads = fields.layers(), fields.size("hidden_size"), fields.size("num_attention_heads")
    kinds = ["linear" if (i + 1) % 4 else "full" for i in range(count)]
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, LINEAR)
    elif "full" not in kinds:
        kinds[-1] = "full"
    rope = fields.get("rope_parameters", {}) if "rope_parameters" in fields.config else {"rope_theta": 1e4}
    placed = rope.get("rope_theta") is not None
    keys = fields.size("linear_num_key_heads", default=heads)
    state = fields.size("linear_key_head_dim", default=3 * width // (4 * keys))
    delta = gated_delta(
        fields, fields.size("linear_num_value_heads", default=heads), keys, state, 2 * state, kernel=4
    )
    mixers = {"linear": delta, "full": replace(_attention(fields), rotary=float(placed))}
    return Body(stack(fields, [mixers[kind] for kind in kinds], [dense(fields)] * count))


FAMILIES = {
    "OlmoForCausalLM": Family("olmo", _olmo),
    "Olmo2ForCausalLM": Family("olmo2", _olmo2),
    "Olmo3ForCausalLM": Family("olmo3", _olmo3),
    "OlmoHybridForCausalLM": Family("olmo_hybrid", _olmo_hybrid),
    "OlmoeForCausalLM": Family("olmoe", _olmoe),
}
