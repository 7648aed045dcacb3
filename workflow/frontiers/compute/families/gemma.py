"""Gemma 1, 2, 3 and 3n."""

from collections.abc import Sequence
from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    attention,
    dense,
    layer_types,
    leaving_out,
    reaching,
    stack,
    uniform,
)
from frontiers.compute.layer_parts import Attention, Auxiliary, FeedForward


def _gemma(fields: Fields) -> Body:
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_width=256, qkv_bias=bias, output_bias=bias)
    return Body(uniform(fields, mixer, dense(fields)))


def _kinds(fields: Fields, every: int) -> list[str]:
    """Return which layers slide: as listed, else all except each `every`-th."""
    if fields.get("layer_types") is not None:
        return layer_types(fields, SLIDING)
    return ["sliding" if (i + 1) % every else "full" for i in range(fields.layers())]


def _sliding(fields: Fields, mixer: Attention, kinds: Sequence[str]) -> list[Attention]:
    """Return one attention per layer, those of the kind "sliding" within the window."""
    window = fields.size("sliding_window", "sliding_window_size")
    return reaching(mixer, [window if kind == "sliding" else None for kind in kinds])


def _gemma2(fields: Fields) -> Body:
    """Every other layer slides; each part of a layer has a norm before and after."""
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_width=256, qkv_bias=bias, output_bias=bias)
    mixers = _sliding(fields, mixer, _kinds(fields, every=2))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers), norms=4))


def _gemma3(fields: Fields) -> Body:
    """Five of six layers slide. The 4B model leaves heads and vocabulary to the defaults of the class."""
    bias = fields.flag("attention_bias")
    mixer = attention(
        fields, head_width=256, heads=8, kv_heads=4, qkv_bias=bias, output_bias=bias, qk_norm="head"
    )
    every = fields.size("sliding_window_pattern", "_sliding_window_pattern", default=6)
    mixers = _sliding(fields, mixer, _kinds(fields, every))
    return Body(stack(fields, mixers, [dense(fields)] * len(mixers), norms=4))


def _gemma3n(fields: Fields) -> Body:
    """Layers on several streams, with shared keys and values and an embedding per layer.

    AltUp (arXiv 2301.13310) predicts `altup_num_inputs` streams before a layer,
    which runs on one of them, and corrects all after it; the routing for its
    coefficients runs both times on the same matrix. The other streams are
    projected from the embedding before the first layer, and back after the last.
    LAuReL (arXiv 2411.07501) is a low-rank path parallel to attention. The
    embedding of a layer, looked up and projected from the stream, is gated into
    its output. `activation_sparsity_pattern` zeroes most inner numbers of the
    first layers, but the matrices are still multiplied in full, so it changes no
    figure here. Each of the three adds a norm to the four of a layer. Checkpoints
    also hold unused key and value matrices of the sharing layers.
    """
    width, count = fields.size("hidden_size"), fields.layers()
    streams, rank = fields.size("altup_num_inputs"), fields.size("laurel_rank")
    inner, table = fields.size("hidden_size_per_layer_input"), fields.size("vocab_size_per_layer_input")
    shared, bias = fields.size("num_kv_shared_layers", least=0), fields.flag("attention_bias")
    mixer = attention(fields, head_width=256, qkv_bias=bias, output_bias=bias, qk_norm="head", v_norm=True)
    mixers = _sharing(fields, mixer, _kinds(fields, every=5), shared)
    fields.skip("activation_sparsity_pattern")
    altup = Auxiliary(
        width,
        size=width * streams + streams**2 + streams**3,
        other=width,
        product=2 * width * (streams + streams**2),
    )
    laurel, gate = Auxiliary(width, size=2 * width * rank), Auxiliary(width, size=2 * width * inner)
    added = ([part] * count for part in (altup, laurel, gate))
    layers = stack(fields, mixers, _intermediate(fields), *added, norms=7)
    per_layer = Auxiliary(width, size=width * count * inner)
    in_and_out = Auxiliary(width, size=2 * (streams - 1) * width**2)
    return Body(
        layers,
        extras=(per_layer, in_and_out),
        lookups=table * count * inner,
        outer_norms=width + inner,
        left_out=(f"key and value matrices of {shared} layers",) * (shared > 0),
    )


def _sharing(fields: Fields, mixer: Attention, kinds: list[str], shared: int) -> list[Attention]:
    """Return one attention per layer; the last `shared` reuse keys and values of the last own layer of their kind."""
    own = max(len(kinds) - shared, 0)
    if missing := {*kinds[own:]} - {*kinds[:own]}:
        raise fields.error(
            f"num_kv_shared_layers {shared} leaves {' and '.join(sorted(missing))} layers nothing to share"
        )
    mixers = _sliding(fields, mixer, kinds)
    return mixers[:own] + [replace(each, shared_kv=True) for each in mixers[own:]]


def _intermediate(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer; `intermediate_size` is one number or one for each layer."""
    count, sizes = fields.layers(), fields.get("intermediate_size")
    if not isinstance(sizes, list):
        return [dense(fields)] * count
    if len(sizes) != count or not all(type(size) is int and size > 0 for size in sizes):
        raise fields.error(f"`intermediate_size` must be one whole number or {count} of them, not {sizes!r}")
    return [FeedForward(fields.size("hidden_size"), intermediate=size) for size in sizes]


FAMILIES = {
    "GemmaForCausalLM": Family("gemma", _gemma, tied=True),
    "Gemma2ForCausalLM": Family("gemma2", _gemma2, tied=True),
    "Gemma3ForCausalLM": Family("gemma3_text", _gemma3, tied=True, vocabulary=262_208),
    "Gemma3ForConditionalGeneration": Family(
        "gemma3", leaving_out(_gemma3, "vision tower"), tied=True, text="text_config", vocabulary=262_208
    ),
    "Gemma3nForCausalLM": Family("gemma3n_text", _gemma3n, tied=True),
    "Gemma3nForConditionalGeneration": Family(
        "gemma3n", leaving_out(_gemma3n, "vision tower", "audio tower"), tied=True, text="text_config"
    ),
}
