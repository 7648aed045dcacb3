"""Kimi Linear and Kimi K3: delta attention with gates, every fourth layer latent attention without positions."""

from dataclasses import replace

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, dense, experts, layer_types, leaving_out
from frontiers.compute.families.deepseek import latent_attention
from frontiers.compute.families.qwen_next import LINEAR
from frontiers.compute.layer_parts import Auxiliary, FeedForward, Part
from frontiers.compute.state_space import KimiDelta

SPARSE = {"dense": "dense", "sparse": "sparse"}


def _kimi_linear(fields: Fields) -> Body:
    """K3's fields add gates to the latent attention, a latent of the experts and attention over earlier layers."""
    nested = fields.get("linear_attn_config", {})
    if not isinstance(nested, dict):
        raise fields.error(f"`linear_attn_config` must hold fields, not be {nested!r}")
    linear = Fields(nested, fields.name, f"{fields.where}, `linear_attn_config`")
    latent = replace(
        latent_attention(fields, direct=True),
        gated=fields.flag("mla_use_output_gate"),
        rotary=0.0 if fields.flag("mla_use_nope", True) else 1.0,
    )
    mixers = {"linear": _delta(fields, linear), "full": latent}
    kinds, parts = _kinds(fields, linear), _parts(fields)
    linear.finish()
    fields.skip("num_expert_group", "moe_renormalize", "moe_router_activation_func", "pretraining_tp")
    every = fields.get("attn_res_block_size") and fields.size("attn_res_block_size")
    width, layers = fields.size("hidden_size"), []
    for index, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        layer = [mixers[kind], part]
        if every:
            layer = [
                _residual(width, -(-index // every) + 1),
                layer[0],
                _residual(width, index // every + 2),
                part,
            ]
        layers.append(Layer(tuple(layer), 2 * width))
    extras = (_residual(width, -(-len(layers) // every) + 1),) if every else ()
    return Body(tuple(layers), extras, left_out=ahead(fields))


def _delta(fields: Fields, linear: Fields) -> KimiDelta:
    heads = linear.size("num_heads", default=fields.size("linear_num_heads", default=32))
    head_width = linear.size("head_dim", default=fields.size("linear_head_dim", default=128))
    return KimiDelta(
        fields.size("hidden_size"),
        inner=heads * head_width,
        state=head_width,
        kernel=linear.size(
            "short_conv_kernel_size", default=fields.size("linear_conv_kernel_dim", default=4)
        ),
        key_heads=heads,
        heads=heads,
        full_gate=linear.flag("use_full_rank_gate"),
    )


def _kinds(fields: Fields, linear: Fields) -> list[str]:
    """Return the kind of each layer: as listed, in one list or by numbers from 1, else full at every fourth."""
    count, full, delta = fields.layers(), linear.get("full_attn_layers"), linear.get("kda_layers")
    if fields.get("layer_types") is not None:
        return layer_types(fields, LINEAR)
    if full is None and delta is None:
        return ["linear" if i % 4 or not i else "full" for i in range(count)]
    if not (isinstance(full, list) and isinstance(delta, list)) or sorted(full + delta) != list(
        range(1, count + 1)
    ):
        raise linear.error(f"`full_attn_layers` and `kda_layers` must together list 1 to {count}, each once")
    return ["full" if i + 1 in full else "linear" for i in range(count)]


def _parts(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer; one learned number per expert corrects the router's choice."""
    inner, latent = fields.size("moe_intermediate_size"), fields.get("routed_expert_hidden_size")
    form = {}
    if latent is not None:
        form = {
            "latent": fields.size("routed_expert_hidden_size"),
            "latent_norm": fields.flag("latent_moe_use_norm"),
        }
    sparse = experts(
        fields,
        fields.size("num_experts", "num_local_experts", "n_routed_experts"),
        inner,
        inner * fields.size("num_shared_experts", "n_shared_experts", default=1),
        chosen=("num_experts_per_token", "num_experts_per_tok"),
        router_bias=1,
        **form,
    )
    plain, count = dense(fields), fields.layers()
    first, every = (
        fields.size("first_k_dense_replace", default=1, least=0),
        fields.size("moe_layer_freq", default=1),
    )
    kinds = ["sparse" if i >= first and i % every == 0 else "dense" for i in range(count)]
    if fields.get("mlp_layer_types") is not None:
        kinds = layer_types(fields, SPARSE, "mlp_layer_types")
    return [sparse if kind == "sparse" else plain for kind in kinds]


def _residual(width: int, values: int) -> Part:
    """Return the attention over `values` sums of earlier layers (Kimi K3, arXiv 2607.24653, section 2.2).

    Each is normalised and scored by one learned query, and their weighted sum is what a part reads: 4 FLOPs per number.
    """
    return Auxiliary(width, size=width, other=width, product=2 * width * (2 * values - 1))


FAMILIES = {
    "KimiLinearForCausalLM": Family("kimi_linear", _kimi_linear),
    "KimiK3ForConditionalGeneration": Family(
        "kimi_k3", leaving_out(_kimi_linear, "vision tower"), text="text_config"
    ),
}
