"""Qwen3-Next, Qwen 3.5 and 3.6: gated delta nets, every fourth layer gated attention, dense or with experts."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    ahead,
    attention,
    dense,
    experts,
    layer_types,
    leaving_out,
    rotary,
    stack,
)
from frontiers.compute.families.qwen import sparse
from frontiers.compute.layer_parts import Attention, FeedForward
from frontiers.compute.state_space import GatedDelta

LINEAR = {"linear_attention": "linear", "full_attention": "full"}


def gated_delta(
    fields: Fields,
    heads: int | None = None,
    key_heads: int | None = None,
    state: int | None = None,
    value_width: int | None = None,
    kernel: int | None = None,
) -> GatedDelta:
    """Return the gated delta net that the `linear_` fields describe; the other arguments are a family's defaults."""
    heads = fields.size("linear_num_value_heads", default=heads)
    key_heads = fields.size("linear_num_key_heads", default=key_heads)
    if heads % key_heads:
        raise fields.error(f"{heads} value heads cannot share {key_heads} key heads evenly")
    return GatedDelta(
        fields.size("hidden_size"),
        inner=heads * fields.size("linear_value_head_dim", default=value_width),
        state=fields.size("linear_key_head_dim", default=state),
        kernel=fields.size("linear_conv_kernel_dim", default=kernel),
        key_heads=key_heads,
        heads=heads,
    )


def _gated(fields: Fields) -> Attention:
    """One gate per number of each head, made by the matrix of the queries."""
    if not fields.flag("attn_output_gate", True):
        raise fields.error("`attn_output_gate` false is not counted; the class always has the gate")
    bias = fields.flag("attention_bias")
    return attention(
        fields,
        head_width=256,
        qkv_bias=bias,
        output_bias=bias,
        qk_norm="head",
        rotary=rotary(fields, 0.25),
        gate=fields.size("head_dim", default=256),
    )


def _kinds(fields: Fields) -> list[str]:
    """Return the kind of each layer: as listed, else full at each `full_attention_interval`."""
    every = fields.size("full_attention_interval", default=4)
    if fields.get("layer_types") is not None:
        return layer_types(fields, LINEAR)
    return ["linear" if (i + 1) % every else "full" for i in range(fields.layers())]


def _body(fields: Fields, parts: list[FeedForward]) -> Body:
    mixers = {"linear": gated_delta(fields), "full": _gated(fields)}
    return Body(stack(fields, [mixers[kind] for kind in _kinds(fields)], parts))


def _shared(fields: Fields) -> dict:
    """Return the form of a mixture with a gated expert that always runs."""
    return {"shared": fields.size("shared_expert_intermediate_size"), "shared_gate": True}


def _qwen3_next(fields: Fields) -> Body:
    """Its checkpoint also holds a layer of multi-token prediction, which `config.json` does not name."""
    return _body(fields, sparse(fields, **_shared(fields)))


def _qwen3_5(fields: Fields) -> Body:
    return _named(fields, dense(fields))


def _qwen3_5_moe(fields: Fields) -> Body:
    number, inner = fields.size("num_experts"), fields.size("moe_intermediate_size")
    return _named(fields, experts(fields, number, inner, **_shared(fields)))


def _named(fields: Fields, part: FeedForward) -> Body:
    """Return equal feed-forward parts behind the mixers, naming the layers of multi-token prediction."""
    fields.skip("mtp_use_dedicated_embeddings")
    if fields.get("mlp_only_layers"):
        raise fields.error("`mlp_only_layers` is not counted; the class has no such layers")
    body = _body(fields, [part] * fields.layers())
    return body._replace(left_out=ahead(fields, "mtp_num_hidden_layers"))


FAMILIES = {
    "Qwen3NextForCausalLM": Family("qwen3_next", _qwen3_next),
    "Qwen3_5ForCausalLM": Family("qwen3_5_text", _qwen3_5),
    "Qwen3_5ForConditionalGeneration": Family(
        "qwen3_5", leaving_out(_qwen3_5, "vision tower"), text="text_config"
    ),
    "Qwen3_5MoeForCausalLM": Family("qwen3_5_moe_text", _qwen3_5_moe),
    "Qwen3_5MoeForConditionalGeneration": Family(
        "qwen3_5_moe", leaving_out(_qwen3_5_moe, "vision tower"), text="text_config"
    ),
}
