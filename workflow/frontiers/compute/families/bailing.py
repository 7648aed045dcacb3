"""Ling and Ring of the Bailing series: experts behind dense layers; later ones normalise heads or attend linearly."""

from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, attention, dense, experts, rotary, stack
from frontiers.compute.families.deepseek import latent_attention
from frontiers.compute.layer_parts import Attention, FeedForward
from frontiers.compute.state_space import LightningAttention


def _attention(fields: Fields, qk_norm: bool, rotated: float) -> Attention:
    bias = fields.flag("use_bias")
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    share = rotary(fields, rotated)
    if fields.get("rotary_dim") is not None:
        share = fields.size("rotary_dim") / fields.size("head_dim", default=width // heads)
    return attention(
        fields,
        qkv_bias=bias or fields.flag("use_qkv_bias"),
        output_bias=bias,
        qk_norm="head" if fields.flag("use_qk_norm", qk_norm) else None,
        rotary=share,
    )


def _parts(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer; `expert_bias` corrects the router's choice where it is enabled."""
    inner, bias = fields.size("moe_intermediate_size"), fields.flag("use_bias")
    shared = fields.size("moe_shared_expert_intermediate_size", default=inner)
    shared *= fields.size("num_shared_experts", default=0, least=0)
    sparse = experts(
        fields,
        fields.size("num_experts"),
        inner,
        shared,
        bias=bias,
        router_bias=int(fields.flag("moe_router_enable_expert_bias")),
    )
    first, plain = fields.size("first_k_dense_replace", default=0, least=0), dense(fields, bias=bias)
    return [plain if i < first else sparse for i in range(fields.layers())]


def _bailing(fields: Fields, qk_norm: bool = False, rotated: float = 1.0) -> Body:
    """`norm_head` normalises the output projection once, when it is loaded."""
    fields.skip("norm_head", "norm_softmax", "multi_gate", "moe_router_enable_shared_expert", "router_dtype")
    fields.skip("use_rmsnorm", "mtp_loss_scaling_factor")
    if fields.flag("use_sliding_window"):
        raise fields.error("`use_sliding_window` is not counted; the class has no windows")
    if "use_sliding_window" in fields.config:  # written from a template, and off
        fields.skip("sliding_window", "max_window_layers")
    parts = _parts(fields)
    mixers = [_attention(fields, qk_norm, rotated)] * len(parts)
    return Body(stack(fields, mixers, parts), left_out=ahead(fields))


def _bailing_v2(fields: Fields) -> Body:
    return _bailing(fields, qk_norm=True, rotated=0.5)


def _bailing_linear(fields: Fields) -> Body:
    """Linear attention, and full attention in the last layer of every group: latent, or as in the second version.

    Where the number of layers is no multiple of the group, implementations differ in what the rest is.
    """
    every, count = fields.size("layer_group_size"), fields.layers()
    if count % every:
        raise fields.error(f"num_hidden_layers {count} must be a multiple of layer_group_size {every}")
    bias, width, heads = (
        fields.flag("use_bias"),
        fields.size("hidden_size"),
        fields.size("num_attention_heads"),
    )
    norm, head = fields.flag("use_qk_norm", True), fields.size("head_dim", default=width // heads)
    linear = LightningAttention(
        width,
        inner=heads * head,
        state=head,
        heads=heads,
        input_bias=bias or fields.flag("use_qkv_bias"),
        output_bias=bias,
        qk_norm=norm,
        rotary=rotary(fields, 0.5),
    )
    latent = fields.get("kv_lora_rank") is not None
    if latent:
        fields.skip("num_key_value_heads", "rotary_dim")
        alike = {**fields.config, "num_key_value_heads": heads}
        full = latent_attention(Fields(alike, fields.name, fields.where), direct=True)
        fields.skip(
            "q_lora_rank",
            "qk_nope_head_dim",
            "qk_rope_head_dim",
            "qk_head_dim",
            "v_head_dim",
            "attention_bias",
        )
    else:
        full = _attention(fields, qk_norm=True, rotated=0.5)
    fields.skip("group_norm_size", "linear_silu", "use_linear_silu", "linear_rope", "head_dim", "use_qk_norm")
    body = _bailing_v2(fields)
    layers = [
        replace(layer, parts=((linear if (i + 1) % every else full), layer.parts[1]))
        for i, layer in enumerate(body.layers)
    ]
    return body._replace(layers=tuple(layers))


FAMILIES = {
    "BailingMoeLinearV2ForCausalLM": Family("bailing_moe_linear", _bailing_linear),
    "BailingMoeV2_5ForCausalLM": Family("bailing_hybrid", _bailing_linear),
    "BailingMoeForCausalLM": Family("bailing_moe", _bailing),
    "BailingMoeV2ForCausalLM": Family("bailing_moe_v2", _bailing_v2),
}
