"""LongCat-Flash: two latent attentions and two dense parts per layer, and experts of which some compute nothing."""

from fractions import Fraction

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead
from frontiers.compute.families.deepseek import latent_attention
from frontiers.compute.layer_parts import FeedForward


def _longcat_flash(fields: Fields) -> Body:
    """Counts the number of computing experts that a token meets on average if every expert is chosen equally often.

    Of `moe_topk` chosen among `n_routed_experts` and `zero_expert_num`, the latter return what they are given; a learned
    correction of the router's choice keeps the mean (LongCat-Flash, arXiv 2509.01322, section 2.1.1).
    """
    count, width, inner = (
        fields.size("num_layers"),
        fields.size("hidden_size"),
        fields.size("ffn_hidden_size"),
    )
    if fields.size("num_hidden_layers", default=2 * count) not in (count, 2 * count):
        raise fields.error(
            f"`num_hidden_layers` {fields.get('num_hidden_layers')} contradicts num_layers {count}"
        )
    if fields.get("zero_expert_type", "identity") != "identity":
        raise fields.error(
            f"`zero_expert_type` {fields.get('zero_expert_type')!r} is not counted; known is identity"
        )
    mixer = latent_attention(fields)
    if mixer.query_rank is None:
        raise fields.error("the class takes its queries from a latent: `q_lora_rank` must not be null")
    number, idle = fields.size("n_routed_experts"), fields.size("zero_expert_num", default=0, least=0)
    chosen = fields.size("moe_topk")
    if chosen > number + idle:
        raise fields.error(f"moe_topk {chosen} exceeds the number of experts {number + idle}")
    active = Fraction(chosen * number, number + idle)
    if active.denominator > 1:
        raise fields.error(
            f"of moe_topk {chosen} experts, {float(active):.3f} of {number + idle} compute on average, which is not whole"
        )
    mixture = FeedForward(
        width,
        experts=number,
        active_experts=active.numerator,
        expert_intermediate=fields.size("expert_ffn_hidden_size"),
        router_bias=1 + fields.flag("router_bias"),
        idle_experts=idle,
    )
    fields.skip("attention_method", "mla_scale_q_lora", "mla_scale_kv_lora", "mtp_replace_moe")
    dense = FeedForward(width, intermediate=inner)
    resting = (f"{chosen - active.numerator} of {chosen} chosen experts, which on average compute nothing",)
    layer = Layer((mixer, mixture, dense, mixer, dense), 4 * width)
    left_out = ahead(fields, "mtp_num_layers") + resting * bool(idle)
    return Body((layer,) * count, left_out=left_out)


FAMILIES = {"LongcatFlashForCausalLM": Family("longcat_flash", _longcat_flash)}
