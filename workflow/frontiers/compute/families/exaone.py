"""EXAONE 4."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    ahead,
    attention,
    dense,
    layer_types,
    optional_window,
    reaching,
    stack,
)


def _exaone4(fields: Fields) -> Body:
    """Norms follow both parts; the hybrid form slides in three of four layers (`LLLG`), the other never."""
    window, count = optional_window(fields, default=4096), fields.layers()
    pattern = fields.get("sliding_window_pattern", 4)
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
    elif window is None:
        kinds = ["full"] * count
    elif isinstance(pattern, str):
        kinds = ["sliding" if pattern[i % len(pattern)] == "L" else "full" for i in range(count)]
    else:
        every = fields.size("sliding_window_pattern", default=4)
        kinds = ["sliding" if (i + 1) % every else "full" for i in range(count)]
    mixer = attention(fields, qk_norm="head")
    mixers = reaching(mixer, [window if kind == "sliding" else None for kind in kinds])
    return Body(stack(fields, mixers, [dense(fields)] * count), left_out=ahead(fields))


FAMILIES = {"Exaone4ForCausalLM": Family("exaone4", _exaone4)}
