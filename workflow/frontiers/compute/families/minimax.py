"""MiniMax M2 and M2.5."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, attention, experts, rotary, uniform


def _rotated(fields: Fields) -> float:
    """Return the rotated share of a head; checkpoints give the number of its rotated numbers."""
    width = fields.size("head_dim", default=128)
    if fields.get("rotary_dim") is None:
        return rotary(fields)
    number = fields.size("rotary_dim")
    if number > width:
        raise fields.error(f"`rotary_dim` {number} exceeds head_dim {width}")
    return number / width


def _minimax_m2(fields: Fields) -> Body:
    """Queries and keys are normalised over all heads; a learned correction per expert, stored, shifts the choice."""
    written = {
        "use_qk_norm": True,
        "qk_norm_type": "per_layer",
        "use_routing_bias": True,
        "shared_intermediate_size": 0,
    }
    for key, form in written.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    mixer = attention(fields, head_width=128, qk_norm="all", rotary=_rotated(fields))
    number = fields.size("num_local_experts", "num_experts")
    part = experts(fields, number, fields.size("intermediate_size"), router_bias=1)
    if not fields.flag("use_mtp", True):
        fields.skip("num_mtp_modules", "mtp_transformer_layers")
        return Body(uniform(fields, mixer, part))
    fields.skip("mtp_transformer_layers")
    return Body(uniform(fields, mixer, part), left_out=ahead(fields, "num_mtp_modules"))


FAMILIES = {"MiniMaxM2ForCausalLM": Family("minimax_m2", _minimax_m2)}
