"""Cohere: Command R, and Command A with three windowed layers before each full one, dense or with experts."""

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
    leaving_out,
    optional_window,
    stack,
    uniform,
)
from frontiers.compute.layer_parts import Attention, FeedForward, Reach


def _attention(fields: Fields, **form) -> Attention:
    """Attention and feed-forward part read the same normalised stream: one norm per layer."""
    if not fields.flag("use_parallel_block", True):
        raise fields.error("`use_parallel_block` false is not counted; the class has only parallel blocks")
    bias = fields.flag("attention_bias")
    return attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, **form)


def _cohere(fields: Fields) -> Body:
    """Queries and keys may be normalised per head, with weights for every head."""
    norm = "all" if fields.flag("use_qk_norm") else None
    return Body(uniform(fields, _attention(fields, qk_norm=norm), dense(fields), norms=1))


def _mixers(fields: Fields, first: int, **form) -> list[Attention]:
    """Return one attention per layer; only those with a window have positions.

    Every `sliding_window_pattern`-th layer, counted behind the `first` ones, is full;
    those follow a pattern of their own, and have positions everywhere if it is 1.
    """
    every = fields.size("sliding_window_pattern", default=4)
    ahead = fields.size("prefix_dense_sliding_window_pattern", default=1)
    if fields.size("layer_switch", default=every) != every:
        raise fields.error(f"`layer_switch` {fields.get('layer_switch')} contradicts the pattern of {every}")
    if fields.get("order_of_interleaved_layers", "local_attn_first") != "local_attn_first":
        raise fields.error("`order_of_interleaved_layers` must be local_attn_first, as in the class")
    window, mixer, count = optional_window(fields, default=4096), _attention(fields, **form), fields.layers()
    places = [(i + 1, ahead) if i < first else (i - first + 1, every) for i in range(count)]
    kinds = ["sliding" if place % period else "full" for place, period in places]
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
    found = []
    for index, kind in enumerate(kinds):
        reach = Reach(window if kind == "sliding" else None)
        placed = reach.window or (index < first and ahead == 1)
        found.append(replace(mixer, reach=reach, rotary=1.0 if placed else 0.0))
    return found


def _cohere2(fields: Fields) -> Body:
    if fields.flag("use_qk_norm"):
        raise fields.error("`use_qk_norm` is not counted; the class has no such norms")
    mixers = _mixers(fields, 0)
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers), norms=1))


def _cohere2_moe(fields: Fields) -> Body:
    """The first layers are dense, of a width of their own; shared experts always run."""
    inner, count = fields.size("intermediate_size"), fields.layers()
    shared = inner * fields.size("num_shared_experts", default=0, least=0)
    sparse = experts(fields, fields.size("num_experts"), inner, shared)
    plain = FeedForward(
        fields.size("hidden_size"), intermediate=fields.size("prefix_dense_intermediate_size", default=inner)
    )
    first = fields.size("first_k_dense_replace", default=0, least=0)
    kinds = ["dense" if i < first else "sparse" for i in range(count)]
    if fields.get("mlp_layer_types") is not None:
        kinds = layer_types(fields, {"dense": "dense", "sparse": "sparse"}, "mlp_layer_types")
        first = next((i for i, kind in enumerate(kinds) if kind == "sparse"), count)
        if "dense" in kinds[first:]:
            raise fields.error("`mlp_layer_types` has dense layers behind sparse ones, which is not counted")
    fields.skip("expert_selection_fn", "shared_expert_combination_strategy")
    mixers = _mixers(fields, first, head_width=128)
    parts = [plain if kind == "dense" else sparse for kind in kinds]
    return Body(stack(fields, mixers, parts, norms=1))


FAMILIES = {
    "CohereForCausalLM": Family("cohere", _cohere, tied=True),
    "Cohere2ForCausalLM": Family("cohere2", _cohere2, tied=True),
    "Cohere2MoeForCausalLM": Family("cohere2_moe", _cohere2_moe, tied=True),
    "Cohere2VisionForConditionalGeneration": Family(
        "cohere2_vision",
        leaving_out(_cohere2, "vision tower"),
        tied=True,
        text="text_config",
        ignored=("alignment_intermediate_size",),
    ),
}
