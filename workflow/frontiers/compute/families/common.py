"""Readers of the fields that most families share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.layer_parts import Attention, FeedForward, Part, Reach

SLIDING = {"full_attention": "full", "sliding_attention": "sliding"}


class Body(NamedTuple):
    """Everything that a family determines except width, vocabulary and tying; see `Architecture`."""

    layers: tuple[Layer, ...]
    extras: tuple[Part, ...] = ()
    lookups: int = 0
    outer_norms: int | None = None
    logits_bias: bool = False
    left_out: tuple[str, ...] = ()


class Family(NamedTuple):
    """A family: its `model_type` in `config.json`, and the function from its fields to its body.

    `tied` and `vocabulary` are the defaults of `tie_word_embeddings` and
    `vocab_size`. For a class that wraps a language model and others, `text` is the
    field with the language model, and `ignored` names fields of the others, which
    text does not pass. `tied_outside` is set where only the wrapper's
    `tie_word_embeddings` counts, as its text has no class of its own. `known_by` is a field
    that no other family has, where configurations name neither class nor type.
    """

    model_type: str
    body: Callable[[Fields], Body]
    tied: bool = False
    text: str | None = None
    ignored: tuple[str, ...] = ()
    tied_outside: bool = False
    vocabulary: int | None = None
    known_by: str | None = None


def leaving_out(body: Callable[[Fields], Body], *modules: str) -> Callable[[Fields], Body]:
    """Return `body` for a class that also holds `modules`, which text does not pass."""

    def whole(fields: Fields) -> Body:
        read = body(fields)
        return read._replace(left_out=(*read.left_out, *modules))

    return whole


def attention(
    fields: Fields,
    head_width: int | None = None,
    ungrouped: bool = False,
    heads: int | None = None,
    kv_heads: int | None = None,
    **form: Any,
) -> Attention:
    """Return the attention that the usual fields describe, with full reach unless `form` says otherwise.

    `form` holds other arguments of `Attention`. `head_width` and `heads` are the
    family's defaults; without the first, the heads share the model's width. The
    number of key-value heads may only be absent if the family has a default for
    `kv_heads` or is `ungrouped` by default; null means as many as heads.
    """
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads", default=heads)
    if head_width is None and fields.get("head_dim") is None and width % heads:
        raise fields.error(
            f"no head_dim, and hidden_size {width} is not a multiple of {heads} attention heads"
        )
    if "num_key_value_heads" in fields.config or ungrouped:
        kv_heads = heads
    kv_heads = fields.size("num_key_value_heads", default=kv_heads)
    if heads % kv_heads:
        raise fields.error(f"{heads} attention heads cannot share {kv_heads} key-value heads evenly")
    return Attention(
        width,
        heads=heads,
        kv_heads=kv_heads,
        head_width=fields.size("head_dim", default=head_width or width // heads),
        **form,
    )


def dense(fields: Fields, **form: Any) -> FeedForward:
    """Return the dense feed-forward part of `intermediate_size`; `form` as in `FeedForward`."""
    return FeedForward(fields.size("hidden_size"), intermediate=fields.size("intermediate_size"), **form)


def experts(
    fields: Fields,
    count: int,
    intermediate: int,
    shared: int = 0,
    chosen: tuple[str, ...] = ("num_experts_per_tok",),
    **form: Any,
) -> FeedForward:
    """Return a mixture of `count` experts of width `intermediate`, and shared ones of total width `shared`.

    The fields `chosen` have the number of experts that run.
    """
    active = fields.size(*chosen)
    if active > count:
        raise fields.error(f"{chosen[0]} {active} exceeds the number of experts {count}")
    return FeedForward(
        fields.size("hidden_size"),
        intermediate=shared,
        experts=count,
        active_experts=active,
        expert_intermediate=intermediate,
        **form,
    )


def behind_dense(fields: Fields, router_bias: int = 0, bias: bool = False) -> list[FeedForward]:
    """Return one feed-forward part per layer as in DeepSeek: dense ones, then routed and shared experts.

    From `first_k_dense_replace` on, layers whose index is a multiple of `moe_layer_freq` have experts.
    """
    inner, count = fields.size("moe_intermediate_size"), fields.layers()
    shared = inner * fields.size("n_shared_experts")
    form = {"bias": bias, "router_bias": router_bias}
    sparse = experts(fields, fields.size("n_routed_experts"), inner, shared, **form)
    plain = dense(fields, bias=bias)
    first, every = fields.size("first_k_dense_replace", least=0), fields.size("moe_layer_freq", default=1)
    return [sparse if i >= first and i % every == 0 else plain for i in range(count)]


def ahead(fields: Fields, key: str = "num_nextn_predict_layers") -> tuple[str, ...]:
    """Return the name of the multi-token prediction layers of a checkpoint, for `left_out`; `key` has their number."""
    count = fields.size(key, default=0, least=0)
    return (f"{count} layer{'s' * (count > 1)} of multi-token prediction",) if count else ()


def rotary(fields: Fields, default: float = 1.0) -> float:
    """Return the rotated share of a head; newer configurations nest it in `rope_parameters`."""
    held = [fields.get(key) for key in ("rope_parameters", "rope_scaling")]
    nested = next((value for value in held if isinstance(value, Mapping)), {})
    share = fields.get("partial_rotary_factor", nested.get("partial_rotary_factor", default))
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise fields.error(f"`partial_rotary_factor` must be a share from 0 to 1, not {share!r}")
    return float(share)


def stack(fields: Fields, *parts: Sequence[Part], norms: int = 2) -> tuple[Layer, ...]:
    """Return layers, from one sequence of parts per position in a layer, with `norms` norms each."""
    width = fields.size("hidden_size")
    return tuple(Layer(layer, norms * width) for layer in zip(*parts, strict=True))


def uniform(fields: Fields, *parts: Part, norms: int = 2) -> tuple[Layer, ...]:
    """Return `num_hidden_layers` equal layers."""
    count = fields.layers()
    return stack(fields, *([part] * count for part in parts), norms=norms)


def layer_types(fields: Fields, names: Mapping[str, str], key: str = "layer_types") -> list[str]:
    """Return the field `layer_types` mapped by `names`, one per layer."""
    types, count = fields.get(key), fields.layers()
    if not isinstance(types, list) or len(types) != count:
        raise fields.error(f"needs the field `{key}` as a list of {count} names, not {types!r}")
    if unknown := sorted({str(t) for t in types} - set(names)):
        raise fields.error(f"`{key}` has unknown values {unknown}; known are {sorted(names)}")
    return [names[t] for t in types]


def switches(fields: Fields, key: str, listed: Any) -> list[bool]:
    """Return for each layer whether `listed`, the field `key` of a 0 or a 1 per layer, switches it on."""
    count = fields.layers()
    if not isinstance(listed, list) or len(listed) != count or not all(flag in (0, 1) for flag in listed):
        raise fields.error(f"`{key}` must be a 0 or a 1 for each of {count} layers, not {listed!r}")
    return [bool(flag) for flag in listed]


def reaching(part: Attention, windows: Sequence[int | None]) -> list[Attention]:
    """Return one attention per layer, each with its window."""
    return [replace(part, reach=Reach(window)) for window in windows]


def optional_window(fields: Fields, *names: str, default: int | None = None) -> int | None:
    """Return `sliding_window`, or the field under another of the `names`: None if null, `default` if absent."""
    given = [key for key in ("sliding_window", *names) if key in fields.config]
    if (given and fields.get(given[0]) is None) or (not given and default is None):
        return None
    return fields.size("sliding_window", *names, default=default)
