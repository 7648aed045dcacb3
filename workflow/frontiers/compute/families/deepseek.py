"""DeepSeek V2, V3 and R1, and Kimi K2, which uses the class of V3: latent attention, shared experts.

DeepSeek V3.2 and GLM-5 attend to the positions that an indexer selects, V4 to a window and compressed entries.
"""

from dataclasses import replace

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    ahead,
    behind_dense,
    experts,
    layer_types,
    leaving_out,
    stack,
)
from frontiers.compute.layer_parts import (
    Auxiliary,
    Compressor,
    Indexer,
    LatentAttention,
    Part,
    Reach,
    SharedAttention,
)


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


WINDOW, SPARSE, HEAVY = "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"
RATES = {SPARSE: 4, HEAVY: 128}


def _compression(fields: Fields) -> tuple[list[str], dict[str, int]]:
    """Return the kind of attention of each layer of V4, and how many positions an entry of each kind holds.

    Checkpoints give a rate per layer, 0 for windows alone, and one more for the layer of multi-token prediction.
    """
    rates, count = fields.get("compress_rates", RATES), fields.layers()
    if not isinstance(rates, dict) or not all(
        type(rates.get(kind)) is int and rates[kind] > 0 for kind in RATES
    ):
        raise fields.error(f"`compress_rates` must give a whole number for each of {[*RATES]}, not {rates!r}")
    listed = fields.get("compress_ratios")
    if fields.get("layer_types") is not None or listed is None:
        return layer_types(fields, {kind: kind for kind in (WINDOW, SPARSE, HEAVY)}), rates
    kinds = {0: WINDOW, 4: SPARSE, 128: HEAVY}
    if not isinstance(listed, list) or len(listed) < count or not all(rate in kinds for rate in listed):
        raise fields.error(
            f"`compress_ratios` must be one of {[*kinds]} for each of {count} layers, not {listed!r}"
        )
    return [kinds[rate] for rate in listed[:count]], rates


def _branches(fields: Fields, kind: str, rates: dict[str, int], shared: SharedAttention) -> tuple[Part, ...]:
    """Return the compressed branch of a layer, and the indexer that selects its entries."""
    if kind == WINDOW:
        return ()
    entries = Compressor(
        shared.width,
        entry_width=shared.head_width,
        overlap=1,
        reach=Reach(rate=rates[kind]),
        heads=shared.heads,
    )
    if kind == HEAVY:
        return (entries,)
    indexer = Compressor(
        shared.width,
        entry_width=fields.size("index_head_dim"),
        overlap=2,
        reach=Reach(rate=rates[kind]),
        index_heads=fields.size("index_n_heads"),
        query_rank=shared.query_rank,
    )
    top = Reach(rate=rates[kind], top=fields.size("index_topk"))
    return replace(entries, overlap=2, reach=top), indexer


def _shared_attention(fields: Fields) -> SharedAttention:
    heads, groups = fields.size("num_attention_heads"), fields.size("o_groups")
    if fields.size("num_key_value_heads", default=1) != 1:
        raise fields.error("`num_key_value_heads` must be 1: one head is key and value of all")
    if heads % groups:
        raise fields.error(f"{heads} attention heads cannot share {groups} o_groups evenly")
    if fields.flag("attention_bias"):
        raise fields.error("`attention_bias` true is not counted; the class has none")
    head_width = fields.size("head_dim")
    return SharedAttention(
        fields.size("hidden_size"),
        heads=heads,
        query_rank=fields.size("q_lora_rank"),
        head_width=head_width,
        groups=groups,
        output_rank=fields.size("o_lora_rank"),
        reach=Reach(fields.size("sliding_window")),
        rotary=fields.size("qk_rope_head_dim", default=head_width // 8) / head_width,
    )


def _hashed(fields: Fields) -> list[bool]:
    """Return which layers look their experts up by token instead of choosing the best."""
    count = fields.layers()
    first = fields.size("num_hash_layers", default=3, least=0)
    if fields.get("mlp_layer_types") is None:
        return [i < first for i in range(count)]
    return [
        kind == "hash" for kind in layer_types(fields, {"hash_moe": "hash", "moe": "moe"}, "mlp_layer_types")
    ]


def _deepseek_v4(fields: Fields) -> Body:
    """Attention within a window and to compressed entries, on several streams (DeepSeek-V4 technical report, section 2).

    Before each part a hyper-connection makes its input from `hc_mult` streams, and mixes them afterwards: a matrix from
    all of them to the weights, and the product of these with the streams, are counted; the weighted sums are not matrix
    products. The experts of the first layers are looked up in a table of token by choice, which checkpoints hold.
    """
    width, streams = fields.size("hidden_size"), fields.size("hc_mult", default=4)
    kinds, rates = _compression(fields)
    shared = _shared_attention(fields)
    inner = fields.size("moe_intermediate_size")
    part = experts(
        fields, fields.size("n_routed_experts"), inner, inner * fields.size("n_shared_experts", default=1)
    )
    if fields.flag("mlp_bias"):
        raise fields.error("`mlp_bias` true is not counted; the class has it in its shared expert alone")
    weights = streams * (2 + streams)
    connection = Auxiliary(
        width,
        size=weights * streams * width,
        other=weights + 3,
        product=2 * streams**2 * width,
        normed=2 * streams * width,  # the norm, and two weighted sums of half its operations
    )
    layers, looked_up = [], _hashed(fields)
    for kind, hashed in zip(kinds, looked_up, strict=True):
        routed = replace(part, router_bias=int(not hashed))
        branches = _branches(fields, kind, rates, shared)
        layers.append(Layer((connection, shared, *branches, connection, routed), 2 * width))
    fields.skip(
        "hc_sinkhorn_iters", "hc_eps", "expert_dtype", "index_topk", "index_n_heads", "index_head_dim"
    )
    head = Auxiliary(width, size=streams**2 * width, other=streams + 1, normed=streams * width)
    table = fields.size("vocab_size") * part.active_experts
    return Body(tuple(layers), extras=(head,), lookups=sum(looked_up) * table, left_out=ahead(fields))


FAMILIES = {
    "DeepseekV4ForCausalLM": Family("deepseek_v4", _deepseek_v4),
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
