"""ERNIE 4.5, dense and with experts."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, attention, dense, stack, uniform
from frontiers.compute.layer_parts import Attention, FeedForward


def _attention(fields: Fields, head_width: int | None = None) -> Attention:
    bias = fields.flag("use_bias")
    return attention(fields, head_width=head_width, qkv_bias=bias, output_bias=bias)


def _ernie(fields: Fields) -> Body:
    bias = fields.flag("use_bias")
    return Body(uniform(fields, _attention(fields, 128), dense(fields, bias=bias)))


def _ernie_moe(fields: Fields) -> Body:
    """Experts from `moe_layer_start_index` to `moe_layer_end_index`, each with a learned correction, stored."""
    bias, count = fields.flag("use_bias"), fields.layers()
    inner, number = fields.size("moe_intermediate_size"), fields.size("moe_num_experts")
    active, shared = (
        fields.size("moe_k", "num_experts_per_tok"),
        fields.size("moe_num_shared_experts", least=0),
    )
    if active > number:
        raise fields.error(f"moe_k {active} exceeds the number of experts {number}")
    sparse = FeedForward(
        fields.size("hidden_size"),
        intermediate=shared * inner,
        experts=number,
        active_experts=active,
        expert_intermediate=inner,
        bias=bias,
        router_bias=1,
    )
    fields.skip("moe_norm_min")  # the least sum that weights of chosen experts are divided by
    first = fields.size("moe_layer_start_index", default=1, least=0)
    last = fields.size("moe_layer_end_index", default=-1, least=-1)
    every = fields.size("moe_layer_interval", default=1)
    last = count - 1 if last == -1 else last
    chosen = [first <= i <= last and (i + 1) % every == 0 for i in range(count)]
    parts = [sparse if each else dense(fields, bias=bias) for each in chosen]
    layers = stack(fields, [_attention(fields)] * count, parts)
    return Body(layers, logits_bias=bias, left_out=ahead(fields))


FAMILIES = {
    "Ernie4_5ForCausalLM": Family("ernie4_5", _ernie, tied=True),
    "Ernie4_5_MoeForCausalLM": Family("ernie4_5_moe", _ernie_moe, tied=True),
}
