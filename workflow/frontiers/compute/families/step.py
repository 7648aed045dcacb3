"""Step 3.5 and 3.7 Flash: most layers slide, with more query heads; every head has a gate; experts behind dense layers."""

from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
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
from frontiers.compute.layer_parts import Attention, FeedForward, Reach

DENSE = 3
"""Dense layers before those with experts, unless listed."""


def _without_ahead(fields: Fields) -> Fields:
    """Return the fields with their lists cut to the layers of the model: checkpoints add those of multi-token prediction."""
    count = fields.layers()
    whole = count + fields.size("num_nextn_predict_layers", default=0, least=0)
    lists = {k: v[:count] for k, v in fields.config.items() if isinstance(v, list) and len(v) == whole}
    fields.config = {**fields.config, **lists}
    return fields


def _near_heads(fields: Fields, heads: int) -> int:
    """Return the number of query heads of a sliding layer."""
    other = fields.get("attention_other_setting") or {}
    if not isinstance(other, dict):
        raise fields.error(f"`attention_other_setting` must hold fields, not be {other!r}")
    nested = Fields(other, fields.name, f"{fields.where}, `attention_other_setting`")
    for key, own in (("num_attention_groups", "num_key_value_heads"), ("head_dim", "head_dim")):
        if nested.get(key) not in (None, fields.get(own), fields.get(key)):
            raise nested.error(
                f"`{key}` {nested.get(key)} differs from that of the other layers, which is not counted"
            )
    nested.skip("attention_type")
    number = nested.size("num_attention_heads", default=heads)
    nested.finish()
    return fields.size("num_sliding_attention_heads", default=number)


def _mixers(fields: Fields) -> list[Attention]:
    """Return one attention per layer, with a gate of one number per head."""
    for key, form in {"use_head_wise_attn_gate": True, "attention_bias": False, "use_qk_norm": True}.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    if fields.get("num_key_value_heads") is None:
        given = {"num_key_value_heads": fields.size("num_attention_groups")}
        fields.config = {**fields.config, **given}
    full = attention(fields, head_width=128, qk_norm="head", rotary=rotary(fields), gate=1)
    kinds = layer_types(fields, SLIDING) if fields.get("layer_types") else ["full"] * fields.layers()
    heads = _near_heads(fields, full.heads)
    fields.skip("sliding_window", "num_attention_groups", "query_pre_attn_scalar", "per_layer_config")
    near = replace(full, heads=heads)
    if heads % full.kv_heads:
        raise fields.error(f"{heads} attention heads cannot share {full.kv_heads} key-value heads evenly")
    if "sliding" in kinds:
        near = replace(near, reach=Reach(fields.size("sliding_window")))
    return [near if kind == "sliding" else full for kind in kinds]


def _sparse(fields: Fields) -> list[bool]:
    """Return which layers have experts: as listed, by kind or by number, else all but the first three."""
    count, listed = fields.layers(), fields.get("moe_layers_enum")
    first = fields.size("first_k_dense_replace", default=DENSE, least=0)
    if fields.get("mlp_layer_types") is not None:
        kinds = layer_types(fields, {"dense": "dense", "sparse": "sparse"}, "mlp_layer_types")
        return [kind == "sparse" for kind in kinds]
    if listed is None:
        return [i >= first for i in range(count)]
    numbers = [item for item in listed.split(",") if item.strip()] if isinstance(listed, str) else listed
    try:
        chosen = {int(number) for number in numbers}
    except (TypeError, ValueError):
        raise fields.error(f"`moe_layers_enum` must list numbers of layers, not {listed!r}") from None
    return [i in chosen for i in range(count)]


def _parts(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer; a correction per expert, stored, shifts the choice."""
    if not fields.flag("use_moe_router_bias", True) or fields.flag("mlp_bias"):
        raise fields.error("`use_moe_router_bias` false and `mlp_bias` true are not counted")
    inner = fields.size("moe_intermediate_size")
    shared = fields.size("share_expert_dim", "share_expert_dims", default=inner)
    mixture = experts(
        fields,
        fields.size("n_routed_experts", "moe_num_experts", "num_experts", "num_local_experts"),
        inner,
        shared,
        chosen=("num_experts_per_tok", "moe_top_k"),
        router_bias=1,
    )
    plain = dense(fields)
    fields.skip(
        "n_shared_experts",
        "use_moe",
        "moe_every_n_layer",
        "moe_router_activation",
        "moe_router_scaling_factor",
    )
    fields.skip("mtp_layer_types", "mtp_mlp_layer_types", "norm_expert_weight")
    return [mixture if flag else plain for flag in _sparse(fields)]


def _step(fields: Fields) -> Body:
    fields = _without_ahead(fields)
    return Body(stack(fields, _mixers(fields), _parts(fields)), left_out=ahead(fields))


FAMILIES = {
    "Step3p5ForCausalLM": Family("step3p5", _step),
    "Step3p7FlashForCausalLM": Family("step3p5", _step),
    "Step3p7ForConditionalGeneration": Family(
        "step3p7", leaving_out(_step, "vision tower"), text="text_config", ignored=("projector_bias",)
    ),
}
