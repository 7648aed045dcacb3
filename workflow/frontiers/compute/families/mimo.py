"""MiMo V2 Flash: most layers slide, with more key-value heads and sinks, and values narrower than keys."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    ahead,
    attention,
    dense,
    experts,
    layer_types,
    rotary,
    stack,
    switches,
)
from frontiers.compute.layer_parts import Attention, FeedForward, Reach


def _kinds(fields: Fields) -> list[str]:
    """Return which layers slide: as listed, else all but the first and each sixth."""
    default = [int(i > 0 and (i + 1) % 6 > 0) for i in range(fields.layers())]
    pattern = switches(fields, "hybrid_layer_pattern", fields.get("hybrid_layer_pattern", default))
    if fields.get("layer_types") is not None:
        return layer_types(fields, SLIDING)
    return ["sliding" if slides else "full" for slides in pattern]


def _parts(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer: the first dense unless listed; a correction per expert shifts the choice."""
    default = [int(i > 0) for i in range(fields.layers())]
    pattern = switches(fields, "moe_layer_freq", fields.get("moe_layer_freq", default))
    kinds = ["sparse" if flag else "dense" for flag in pattern]
    if fields.get("mlp_layer_types") is not None:
        kinds = layer_types(fields, {"dense": "dense", "sparse": "sparse"}, "mlp_layer_types")
    if fields.get("n_shared_experts"):
        raise fields.error("`n_shared_experts` is not counted; the class has none")
    number, inner = fields.size("n_routed_experts"), fields.size("moe_intermediate_size")
    mixture, plain = experts(fields, number, inner, router_bias=1), dense(fields)
    return [mixture if kind == "sparse" else plain for kind in kinds]


def _mixers(fields: Fields) -> dict[str, Attention]:
    """Return the attention of both kinds: a sliding layer has twice the key-value heads, or what `swa_` fields say."""
    share, bias = rotary(fields, 0.334), fields.flag("attention_bias")
    form = {"head_width": 192, "qkv_bias": bias, "rotary": share}
    full = attention(
        fields,
        value_width=fields.size("v_head_dim", default=128),
        sinks=fields.flag("add_full_attention_sink_bias"),
        **form,
    )
    own = {
        "num_attention_heads": fields.size("swa_num_attention_heads", default=full.heads),
        "num_key_value_heads": fields.size("swa_num_key_value_heads", default=2 * full.kv_heads),
        "head_dim": fields.size("swa_head_dim", default=full.head_width),
    }
    near = attention(
        Fields(fields.config | own, fields.name, fields.where),
        value_width=fields.size("swa_v_head_dim", default=full.value_width),
        sinks=fields.flag("add_swa_attention_sink_bias", True),
        reach=Reach(fields.size("sliding_window", "sliding_window_size")),
        **form,
    )
    return {"full": full, "sliding": near}


def _mimo_v2(fields: Fields) -> Body:
    """Its checkpoint also holds layers of multi-token prediction."""
    fields.skip("attention_chunk_size", "sliding_window_size", "attention_value_scale", "layernorm_epsilon")
    mixers = _mixers(fields)
    return Body(
        stack(fields, [mixers[kind] for kind in _kinds(fields)], _parts(fields)), left_out=ahead(fields)
    )


FAMILIES = {"MiMoV2FlashForCausalLM": Family("mimo_v2_flash", _mimo_v2)}
