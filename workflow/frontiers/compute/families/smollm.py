"""SmolLM3."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    attention,
    dense,
    layer_types,
    optional_window,
    stack,
)
from frontiers.compute.layer_parts import Attention, Reach


def _smollm3(fields: Fields) -> Body:
    """Every fourth layer has no rotary embedding, and is the one that slides if the window is on."""
    bias, count = fields.flag("attention_bias"), fields.layers()
    window = optional_window(fields)
    if not fields.flag("use_sliding_window"):
        window = None
    rotated, kinds = _rotated(fields, count), None
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)

    def mixer(layer: int) -> Attention:
        slides = kinds[layer] == "sliding" if kinds else not rotated[layer]
        reach = Reach(window if slides else None)
        form = {"qkv_bias": bias, "output_bias": bias, "rotary": float(rotated[layer])}
        return attention(fields, kv_heads=4, reach=reach, **form)

    part = dense(fields, bias=fields.flag("mlp_bias"))
    return Body(stack(fields, [mixer(layer) for layer in range(count)], [part] * count))


def _rotated(fields: Fields, count: int) -> list[bool]:
    """Return which layers have the rotary embedding: as listed by 1 and 0, else all but each `no_rope_layer_interval`-th."""
    every, listed = fields.size("no_rope_layer_interval", default=4), fields.get("no_rope_layers")
    if listed is None:
        return [(layer + 1) % every != 0 for layer in range(count)]
    if not isinstance(listed, list) or len(listed) != count or not set(listed) <= {0, 1}:
        raise fields.error(f"`no_rope_layers` must be a list of {count} numbers, 0 or 1, not {listed!r}")
    return [bool(each) for each in listed]


FAMILIES = {"SmolLM3ForCausalLM": Family("smollm3", _smollm3, tied=True)}
