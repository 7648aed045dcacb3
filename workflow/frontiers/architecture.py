"""Reads a model's `config.json` into its layers.

A new family is one function from the fields of its configuration to a tuple of
layers, and one line in `FAMILIES`. A field that shapes the model and that the
family's function does not read is an error, never passed over.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from frontiers.config_fields import Fields, shaping
from frontiers.layers import Architecture, Attention, FeedForward, Layer, Mamba2, Mixer


def _attention(
    fields: Fields,
    qkv_bias: bool = False,
    output_bias: bool = False,
    qk_norm: bool = False,
    head_width: int | None = None,
    ungrouped: bool = False,
) -> Callable[[int | None], Attention]:
    """Return the maker of the attention of a layer with a given window.

    `head_width` is the family's default; without one the heads share the
    model's width. The number of key-value heads may be absent only when the
    family is `ungrouped` by default; null always means as many as heads.
    """
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    if head_width is None and fields.get("head_dim") is None and width % heads:
        raise fields.error(f"no head_dim, and hidden_size {width} is no multiple of {heads} attention heads")
    own = ungrouped or "num_key_value_heads" in fields.config
    kv_heads = fields.size("num_key_value_heads", default=heads if own else None)
    if heads % kv_heads:
        raise fields.error(f"{heads} attention heads cannot share {kv_heads} key-value heads evenly")
    attention = Attention(
        width,
        heads=heads,
        kv_heads=kv_heads,
        head_width=fields.size("head_dim", default=head_width or width // heads),
        qkv_bias=qkv_bias,
        output_bias=output_bias,
        qk_norm=qk_norm,
    )
    return lambda window: replace(attention, window=window)


def _layers(fields: Fields, mixers: list[Mixer], parts: list[FeedForward]) -> tuple[Layer, ...]:
    """Pair mixers and feed-forward parts, each behind a norm of the model's width."""
    norms = 2 * fields.size("hidden_size")
    return tuple(Layer(mixer, part, norms) for mixer, part in zip(mixers, parts, strict=True))


def _dense(fields: Fields, bias: bool = False) -> FeedForward:
    return FeedForward(fields.size("hidden_size"), fields.size("intermediate_size"), bias=bias)


def _experts(fields: Fields, count: int, intermediate: int, shared: int = 0) -> FeedForward:
    active = fields.size("num_experts_per_tok")
    if active > count:
        raise fields.error(f"num_experts_per_tok {active} exceeds the number of experts {count}")
    return FeedForward(fields.size("hidden_size"), shared, count, active, intermediate)


def _layer_types(fields: Fields, names: Mapping[str, str]) -> list[str]:
    """Return the field `layer_types` in the terms of `names`, one per layer."""
    types, count = fields.get("layer_types"), fields.size("num_hidden_layers")
    if not isinstance(types, list) or len(types) != count:
        raise fields.error(f"needs the field `layer_types` as a list of {count} names, not {types!r}")
    if unknown := sorted({str(t) for t in types} - set(names)):
        raise fields.error(f"`layer_types` holds {unknown}, known are {sorted(names)}")
    return [names[t] for t in types]


def _qwen_window(fields: Fields) -> int | None:
    """Return the window that a Qwen configuration switches on; its size alone switches nothing."""
    window = fields.get("sliding_window")
    return fields.size("sliding_window") if fields.flag("use_sliding_window") and window is not None else None


def _qwen_windows(fields: Fields) -> list[int | None]:
    """Return the window of each layer: those from `max_window_layers` on slide, or those that are listed."""
    window, count = _qwen_window(fields), fields.size("num_hidden_layers")
    first = fields.get("max_window_layers")
    if fields.get("layer_types") is not None:
        kinds = _layer_types(fields, {"full_attention": "full", "sliding_attention": "sliding"})
        if window is None and "sliding" in kinds:
            raise fields.error("`layer_types` has sliding layers, but no sliding_window is switched on")
        return [window if kind == "sliding" else None for kind in kinds]
    if window is not None:
        first = fields.size("max_window_layers", least=0)
    return [window if window is not None and i >= first else None for i in range(count)]


def _llama(fields: Fields) -> tuple[Layer, ...]:
    bias = fields.flag("attention_bias")
    attention = _attention(fields, bias, bias, ungrouped=True)
    count = fields.size("num_hidden_layers")
    return _layers(fields, [attention(None)] * count, [_dense(fields, fields.flag("mlp_bias"))] * count)


def _mistral(fields: Fields) -> tuple[Layer, ...]:
    # An absent window is 4096 (the class default), a null one is none.
    window = fields.size("sliding_window", "sliding_window_size", default=4096)
    if "sliding_window" in fields.config and fields.config["sliding_window"] is None:
        window = None
    count = fields.size("num_hidden_layers")
    return _layers(fields, [_attention(fields)(window)] * count, [_dense(fields)] * count)


def _qwen2(fields: Fields) -> tuple[Layer, ...]:
    attention = _attention(fields, qkv_bias=True)
    mixers = [attention(window) for window in _qwen_windows(fields)]
    return _layers(fields, mixers, [_dense(fields)] * len(mixers))


def _qwen3(fields: Fields) -> tuple[Layer, ...]:
    bias = fields.flag("attention_bias")
    attention = _attention(fields, bias, bias, qk_norm=True, head_width=128)
    mixers = [attention(window) for window in _qwen_windows(fields)]
    return _layers(fields, mixers, [_dense(fields)] * len(mixers))


def _mixtral(fields: Fields) -> tuple[Layer, ...]:
    window = None if fields.get("sliding_window") is None else fields.size("sliding_window")
    count, number = fields.size("num_hidden_layers"), fields.size("num_local_experts", "num_experts")
    experts = _experts(fields, number, fields.size("intermediate_size"))
    return _layers(fields, [_attention(fields)(window)] * count, [experts] * count)


def _qwen3_moe(fields: Fields) -> tuple[Layer, ...]:
    """Every layer slides when the window is on; layers are dense if listed or off the sparse step."""
    bias, count = fields.flag("attention_bias"), fields.size("num_hidden_layers")
    attention = _attention(fields, bias, bias, qk_norm=True)(_qwen_window(fields))
    fields.skip("max_window_layers", "intermediate_size", "num_experts_per_tok", "moe_intermediate_size")
    number = fields.size("num_experts", "num_local_experts", least=0)
    step, dense = fields.size("decoder_sparse_step", default=1), fields.get("mlp_only_layers", [])
    sparse = [number > 0 and i not in dense and (i + 1) % step == 0 for i in range(count)]
    parts = [
        _experts(fields, number, fields.size("moe_intermediate_size")) if s else _dense(fields)
        for s in sparse
    ]
    return _layers(fields, [attention] * count, parts)


def _granite_hybrid(fields: Fields) -> tuple[Layer, ...]:
    """Mamba-2 and attention layers; beside the experts, which may be none, a shared part always runs."""
    bias, width = fields.flag("attention_bias"), fields.size("hidden_size")
    heads = fields.size("mamba_n_heads")
    inner = fields.size("mamba_expand", default=2) * width
    head_width = fields.get("mamba_d_head", "auto")
    if inner % heads or head_width not in ("auto", inner // heads):
        raise fields.error(f"{heads} Mamba heads of mamba_d_head {head_width} do not fill {inner} channels")
    mamba = Mamba2(
        width,
        inner=inner,
        state=fields.size("mamba_d_state"),
        groups=fields.size("mamba_n_groups", default=1),
        heads=heads,
        kernel=fields.size("mamba_d_conv", default=4),
        conv_bias=fields.flag("mamba_conv_bias", True),
        projection_bias=fields.flag("mamba_proj_bias"),
    )
    attention = _attention(fields, bias, bias, ungrouped=True)(None)
    names = {"mamba": "mamba", "linear_attention": "mamba", "attention": "full", "full_attention": "full"}
    mixers = [mamba if kind == "mamba" else attention for kind in _layer_types(fields, names)]
    shared, number = fields.size("shared_intermediate_size"), fields.size("num_local_experts", least=0)
    fields.skip("num_experts_per_tok", "intermediate_size")  # without experts they shape nothing
    part = FeedForward(width, shared)
    if number:
        part = _experts(fields, number, fields.size("intermediate_size"), shared)
    return _layers(fields, mixers, [part] * len(mixers))


class Family(NamedTuple):
    """A family's `model_type` in `config.json` and the function from its fields to its layers."""

    model_type: str
    layers: Callable[[Fields], tuple[Layer, ...]]


FAMILIES = {
    "LlamaForCausalLM": Family("llama", _llama),
    "MistralForCausalLM": Family("mistral", _mistral),
    "Qwen2ForCausalLM": Family("qwen2", _qwen2),
    "Qwen3ForCausalLM": Family("qwen3", _qwen3),
    "MixtralForCausalLM": Family("mixtral", _mixtral),
    "Qwen3MoeForCausalLM": Family("qwen3_moe", _qwen3_moe),
    "GraniteMoeHybridForCausalLM": Family("granitemoehybrid", _granite_hybrid),
}


def read_architecture(config: Mapping[str, Any], where: str = "config.json") -> Architecture:
    """Return the architecture that a model's `config.json` describes.

    `where` names the file in messages. Raises `UnknownArchitecture`, naming the
    architecture and what is missing, when no family is known for it, when a
    field that the family needs is absent, or when a set field may shape the
    model and no rule reads it.
    """
    named = config.get("architectures") or []
    by_type = [name for name, family in FAMILIES.items() if family.model_type == config.get("model_type")]
    name = str((named or by_type or [config.get("model_type") or "unnamed"])[0])
    fields = Fields(config, name, where)
    if name not in FAMILIES:
        hints = ", ".join(sorted(shaping(config))) or "none that shape a model"
        raise fields.error(
            f"no rule counts its compute; known are {', '.join(FAMILIES)}. What is missing is a function "
            "in workflow/frontiers/architecture.py from its configuration to its layers; it would have to "
            f"read: {hints}"
        )
    family = FAMILIES[name]
    architecture = Architecture(
        name=name,
        family=family.model_type,
        width=fields.size("hidden_size"),
        vocabulary=fields.size("vocab_size"),
        tied=fields.flag("tie_word_embeddings"),
        layers=family.layers(fields),
    )
    fields.finish()
    return architecture
