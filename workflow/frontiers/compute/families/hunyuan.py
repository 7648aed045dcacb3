"""Hunyuan V1, dense and with experts."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, uniform
from frontiers.compute.layer_parts import Attention, FeedForward


def _attention(fields: Fields) -> Attention:
    for key, form in {"use_qk_norm": True, "use_cla": False, "use_mla": False, "mlp_bias": False}.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    bias = fields.flag("attention_bias")
    return attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, qk_norm="head")


def _hunyuan(fields: Fields) -> Body:
    return Body(uniform(fields, _attention(fields), dense(fields)))


def _one(fields: Fields, key: str) -> int:
    """Return a size that some checkpoints repeat for every layer."""
    listed = fields.get(key)
    if not isinstance(listed, list):
        return fields.size(key)
    if len(listed) != fields.layers() or len(set(map(str, listed))) != 1:
        raise fields.error(
            f"`{key}` must be one size, or the same for each of {fields.layers()} layers, not {listed}"
        )
    return Fields({key: listed[0]}, fields.name, fields.where).size(key)


def _hunyuan_moe(fields: Fields) -> Body:
    """One feed-forward part always runs; experts and it have the width `intermediate_size`."""
    number, active = _one(fields, "num_experts"), _one(fields, "moe_topk")
    inner, width = fields.size("intermediate_size"), fields.size("hidden_size")
    if active > number:
        raise fields.error(f"moe_topk {active} exceeds the number of experts {number}")
    for key, form in (("moe_intermediate_size", inner), ("num_shared_expert", 1)):
        if fields.get(key) is not None and _one(fields, key) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    sparse = FeedForward(
        width, intermediate=inner, experts=number, active_experts=active, expert_intermediate=inner
    )
    return Body(uniform(fields, _attention(fields), sparse))


FAMILIES = {
    "HunYuanDenseV1ForCausalLM": Family("hunyuan_v1_dense", _hunyuan),
    "HunYuanMoEV1ForCausalLM": Family("hunyuan_v1_moe", _hunyuan_moe),
}
