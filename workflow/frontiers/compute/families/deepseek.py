"""DeepSeek V2, V3 and R1, and Kimi K2, which uses the class of V3: latent attention, shared experts.

DeepSeek V3.2 and GLM-5 attend to the positions that an indexer selects.
"""

from dataclasses import replace

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, behind_dense, leaving_out, stack
from frontiers.compute.layer_parts import Indexer, LatentAttention, Reach


def latent_attention(fields: Fields, direct: bool = False) -> LatentAttention:
    """Return latent attention; if `q_lora_rank` is null, or absent and `direct`, queries come from one matrix."""
    heads = fields.size("num_attention_heads")
    if fields.size("num_key_value_heads", default=heads) != heads:
        raise fields.error(f"latent attention needs num_key_value_heads equal to its {heads} heads")
    fields.skip("head_dim", "qk_head_dim")  # written by transformers, from the widths below
    low_rank = fields.get("q_lora_rank") is not None or not (direct or "q_lora_rank" in fields.config)
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


def _sparse(fields: Fields) -> Body:
    """As V3, with an indexer in every layer that selects what attention reads; no layer shares another's selection."""
    parts = behind_dense(fields, router_bias=1)
    kinds = ["sparse" if part.experts else "dense" for part in parts]
    written = (("layer_types", ["indexed_attention"] * len(parts)), ("mlp_layer_types", kinds))
    for key, form in (
        *written,
        ("indexer_types", ["full"] * len(parts)),
    ):  # by transformers, from the other fields
        if fields.get(key, form) not in (form, None):
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; known is {form}")
    latent = replace(latent_attention(fields), reach=Reach(top=fields.size("index_topk")))
    if latent.query_rank is None:
        raise fields.error("the indexer takes its queries from their latent: `q_lora_rank` must not be null")
    indexer = Indexer(
        latent.width,
        heads=fields.size("index_n_heads"),
        query_rank=latent.query_rank,
        head_width=fields.size("index_head_dim"),
    )
    count = len(parts)
    return Body(stack(fields, [latent] * count, [indexer] * count, parts), left_out=ahead(fields))


FAMILIES = {
    "DeepseekV2ForCausalLM": Family("deepseek_v2", _deepseek_v2),
    "DeepseekV3ForCausalLM": Family("deepseek_v3", _deepseek_v3),
    "DeepseekV32ForCausalLM": Family("deepseek_v32", _sparse),
    "KimiK25ForConditionalGeneration": Family(
        "kimi_k25",
        leaving_out(_deepseek_v3, "vision tower"),
        text="text_config",
        ignored=("use_unified_vision_chunk",),
    ),
    "GlmMoeDsaForCausalLM": Family("glm_moe_dsa", _sparse),
}
