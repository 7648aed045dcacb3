"""DBRX."""

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family
from frontiers.compute.layer_parts import Attention, FeedForward


def _dbrx(fields: Fields) -> Body:
    """Attention and experts have nested configurations."""
    width, heads = fields.size("d_model"), fields.size("n_heads")
    keys, inner = fields.inner("attn_config"), fields.inner("ffn_config")
    kv_heads, number, active = keys.size("kv_n_heads"), inner.size("moe_num_experts"), inner.size("moe_top_k")
    if width % heads or heads % kv_heads:
        raise fields.error(f"d_model {width}, {heads} n_heads and {kv_heads} kv_n_heads do not divide evenly")
    if active > number:
        raise inner.error(f"moe_top_k {active} exceeds the number of experts {number}")
    mixer = Attention(width, heads=heads, kv_heads=kv_heads, head_width=width // heads)
    part = FeedForward(
        width, experts=number, active_experts=active, expert_intermediate=inner.size("ffn_hidden_size")
    )
    fields.skip("num_key_value_heads")  # written by transformers, from kv_n_heads
    inner.skip("hidden_size", "ffn_act_fn")
    inner.skip("moe_loss_weight", "moe_normalize_expert_weights", "moe_jitter_eps")
    keys.finish()
    inner.finish()
    return Body((Layer((mixer, part), 2 * width),) * fields.size("n_layers"))


FAMILIES = {"DbrxForCausalLM": Family("dbrx", _dbrx)}
