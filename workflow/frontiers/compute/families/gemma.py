"""Gemma 1, 2, 3, 3n and 4."""

from collections.abc import Sequence
from dataclasses import replace

from frontiers.compute.architecture import Layer
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
    reaching,
    stack,
    uniform,
)
from frontiers.compute.layer_parts import Attention, Auxiliary, FeedForward, Reach


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


def _gemma4(fields: Fields, embedded: int = 256) -> Body:
    """Five of six layers slide, the last never; full ones have heads of their own width, and may make keys and values
    with one matrix.

    As in Gemma 3n, the last layers may share keys and values, and a layer may have an embedding of its own. With
    `enable_moe_block`, experts run beside the dense part of every layer; three more norms, a scale of the router's
    input and one number per expert come with them. Each layer's output is scaled by one number.
    """
    count, width = fields.layers(), fields.size("hidden_size")
    inner = fields.size("hidden_size_per_layer_input", default=embedded, least=0)
    table = fields.size("vocab_size_per_layer_input", default=262_144)
    shared = fields.size("num_kv_shared_layers", default=0, least=0)
    if fields.get("use_bidirectional_attention") not in (None, "vision"):
        raise fields.error("`use_bidirectional_attention` is not counted for text: it must be null or vision")
    kinds = _kinds(fields, every=6)
    kinds[-1] = "full"
    mixers = _by_kind(fields, kinds)
    own = len(kinds) - shared if shared else len(kinds)
    if missing := {*kinds[own:]} - {*kinds[: max(own, 0)]}:
        raise fields.error(
            f"num_kv_shared_layers {shared} leaves {' and '.join(sorted(missing))} layers nothing to share"
        )
    mixture, plain = _experts4(fields), dense(fields)
    wide = (
        replace(plain, intermediate=2 * plain.intermediate) if fields.flag("use_double_wide_mlp") else plain
    )
    norms = (4 + (4 if mixture else 0) + bool(inner)) * width + 1
    gate = (Auxiliary(width, size=2 * width * inner),) if inner else ()
    layers = tuple(
        Layer(
            (
                replace(
                    mixers[kind], shared_kv=i >= own, keys_as_values=mixers[kind].keys_as_values and i < own
                ),
                wide if i >= own else plain,
                *mixture,
                *gate,
            ),
            norms,
        )
        for i, kind in enumerate(kinds)
    )
    if not inner:
        return Body(layers)
    per_layer = Auxiliary(width, size=width * count * inner)
    return Body(layers, extras=(per_layer,), lookups=table * count * inner, outer_norms=width + inner)


def _gemma4_unified(fields: Fields) -> Body:
    """As Gemma 4, without embeddings per layer; its images and sounds enter without towers."""
    return _gemma4(fields, embedded=0)


def _by_kind(fields: Fields, kinds: list[str]) -> dict[str, Attention]:
    """Return the attention of sliding and of full layers; transformers writes what differs to `per_layer_config`."""
    bias, equal = fields.flag("attention_bias"), fields.flag("attention_k_eq_v")
    form = {"head_width": 256, "heads": 8, "kv_heads": 4, "qkv_bias": bias, "output_bias": bias}
    near = attention(fields, qk_norm="head", v_norm=True, **form)
    near = replace(near, reach=Reach(fields.size("sliding_window", default=512)))
    head, kv_heads = fields.size("global_head_dim", default=512), near.kv_heads
    if equal:
        kv_heads = fields.size("num_global_key_value_heads", default=near.kv_heads)
    fields.skip("num_global_key_value_heads")
    if written := fields.get("per_layer_config"):
        given = [
            {"head_dim": near.head_width, "num_key_value_heads": near.kv_heads} | each
            for each in written.values()
        ]
        full = {i for i, kind in enumerate(kinds) if kind == "full"}
        if {int(key) for key in written} != full or any(each != given[0] for each in given):
            raise fields.error("`per_layer_config` must give every layer of full attention the same sizes")
        head, kv_heads = given[0]["head_dim"], given[0]["num_key_value_heads"]
    if near.heads % kv_heads:
        raise fields.error(f"{near.heads} attention heads cannot share {kv_heads} key-value heads evenly")
    far = replace(near, reach=Reach(), head_width=head, kv_heads=kv_heads, keys_as_values=equal, rotary=0.25)
    return {"sliding": near, "full": far}


def _experts4(fields: Fields) -> tuple[FeedForward, ...]:
    """Return the experts that run beside each layer's dense part, or nothing."""
    if not fields.flag("enable_moe_block"):
        fields.skip("num_experts", "top_k_experts", "moe_intermediate_size")
        return ()
    number, inner = fields.size("num_experts"), fields.size("moe_intermediate_size")
    return (experts(fields, number, inner, chosen=("top_k_experts",), router_bias=1),)


FAMILIES = {
    "Gemma4UnifiedForCausalLM": Family("gemma4_unified_text", _gemma4_unified, tied=True, vocabulary=262_144),
    "Gemma4UnifiedForConditionalGeneration": Family(
        "gemma4_unified",
        leaving_out(_gemma4_unified, "embedders of images and sounds"),
        tied=True,
        text="text_config",
        vocabulary=262_144,
    ),
    "Gemma4ForCausalLM": Family("gemma4_text", _gemma4, tied=True, vocabulary=262_144),
    "Gemma4ForConditionalGeneration": Family(
        "gemma4",
        leaving_out(_gemma4, "vision tower", "audio tower"),
        tied=True,
        text="text_config",
        vocabulary=262_144,
    ),
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
