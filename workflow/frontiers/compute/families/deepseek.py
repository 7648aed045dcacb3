"""DeepSeek V2, V3 and R1, and Kimi K2, which uses the class of V3: latent attention, shared experts."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, behind_dense, stack
from frontiers.compute.layer_parts import LatentAttention


def latent_attention(fields: Fields) -> LatentAttention:
    """Return latent attention; if `q_lora_rank` is null, queries come from one matrix."""
    heads = fields.size("num_attention_heads")
    if fields.size("num_key_value_heads", default=heads) != heads:
        raise fields.error(f"latent attention needs num_key_value_heads equal to its {heads} heads")
    fields.skip("head_dim", "qk_head_dim")  # written by transformers, from the widths below
    low_rank = "q_lora_rank" not in fields.config or fields.get("q_lora_rank") is not None
    return LatentAttention(
        fields.size("hidden_size"),
        heads=heads,
        query_rank=fields.size("q_lora_rank") if low_rank else None,
        kv_rank=fields.size("kv_lora_rank"),
        nope_width=fields.size("qk_nope_head_dim"),
        rope_width=fields.size("qk_rope_head_dim"),
        value_width=fields.size("v_head_dim"),
        bias=fields.flag("attention_bias"),
    )


def _deepseek_v2(fields: Fields) -> Body:
    parts = behind_dense(fields, bias=fields.flag("mlp_bias"))
    return Body(stack(fields, [latent_attention(fields)] * len(parts), parts))


def _deepseek_v3(fields: Fields) -> Body:
    """One learned number per expert, stored in checkpoints, corrects the router's choice."""
    parts = behind_dense(fields, router_bias=1)
    layers = stack(fields, [latent_attention(fields)] * len(parts), parts)
    return Body(layers, left_out=ahead(fields))


FAMILIES = {
    "DeepseekV2ForCausalLM": Family("deepseek_v2", _deepseek_v2),
    "DeepseekV3ForCausalLM": Family("deepseek_v3", _deepseek_v3),
}
