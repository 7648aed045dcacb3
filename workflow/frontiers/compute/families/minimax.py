"""MiniMax M2, M2.5 and M3."""

from dataclasses import replace

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    ahead,
    attention,
    experts,
    layer_types,
    leaving_out,
    rotary,
    switches,
    uniform,
)
from frontiers.compute.layer_parts import BlockIndexer, FeedForward, Reach

SELECTING = {"full_attention": "full", "minimax_m3_sparse": "sparse"}
MIXED = {"dense": "dense", "sparse": "sparse"}


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


LEGACY = {
    "index_n_heads": "sparse_num_index_heads",
    "index_head_dim": "sparse_index_dim",
    "index_block_size": "sparse_block_size",
    "index_topk_blocks": "sparse_topk_blocks",
    "index_local_blocks": "sparse_local_block",
}
"""Fields of the class of transformers, and their names in `sparse_attention_config` of checkpoints."""
UNCOUNTED = ("sparse_score_type", "use_sparse_attention")


def _sparse_layers(fields: Fields, legacy: Fields) -> list[bool]:
    """Return which layers select blocks: as `layer_types` lists them, or `sparse_attention_freq` of checkpoints."""
    listed = legacy.get("sparse_attention_freq")
    if fields.get("layer_types") is not None:
        return [kind == "sparse" for kind in layer_types(fields, SELECTING)]
    return switches(fields, "sparse_attention_freq", listed) if listed else [False] * fields.layers()


def _minimax_m3(fields: Fields) -> Body:
    """Behind dense layers, each key-value head attends to the blocks that a query of the indexer selects for it.

    The token's own block is always one of them. The indexer has no value of its own: checkpoints disable it.
    """
    for key, form in {
        "use_qk_norm": True,
        "qk_norm_type": "per_head",
        "attention_output_gate": False,
    }.items():
        if fields.get(key, form) != form:
            raise fields.error(f"`{key}` {fields.get(key)} is not counted; the class has {form}")
    nested = fields.get("sparse_attention_config", {})
    if not isinstance(nested, dict):
        raise fields.error(f"`sparse_attention_config` must hold fields, not be {nested!r}")
    legacy = Fields(nested, fields.name, f"{fields.where}, `sparse_attention_config`")
    sparse = _sparse_layers(fields, legacy)
    if legacy.get("sparse_disable_index_value", [int(flag) for flag in sparse]) != [
        int(flag) for flag in sparse
    ]:
        raise legacy.error(
            "`sparse_disable_index_value` must be 1 in every sparse layer; its value is not counted"
        )
    sizes = {
        key: legacy.size(old) if old in nested else fields.size(key, default=default)
        for (key, old), default in zip(LEGACY.items(), (4, 128, 128, 16, 1), strict=True)
    }
    fields.skip(*LEGACY)
    if legacy.get("sparse_init_block"):
        raise legacy.error(
            "`sparse_init_block` is not counted; the class has no blocks that are always read but the last"
        )
    legacy.skip(*UNCOUNTED)
    legacy.finish()
    share = _rotated(fields)
    mixer = attention(fields, head_width=128, qk_norm="head", rotary=share)
    if sizes["index_n_heads"] != mixer.kv_heads:
        raise fields.error(
            f"index_n_heads {sizes['index_n_heads']} must be that of {mixer.kv_heads} key-value heads"
        )
    indexer = BlockIndexer(
        mixer.width, heads=sizes["index_n_heads"], head_width=sizes["index_head_dim"], rotary=share
    )
    block = sizes["index_block_size"]
    selecting = replace(mixer, reach=Reach(top=block * sizes["index_topk_blocks"], block=block))
    layers = [
        Layer(((selecting, indexer) if flag else (mixer,)) + (part,), 2 * mixer.width)
        for flag, part in zip(sparse, _parts(fields), strict=True)
    ]
    fields.skip("num_mtp_modules", "use_gemma_norm")
    return Body(tuple(layers), left_out=ahead(fields))


def _parts(fields: Fields) -> list[FeedForward]:
    """Return one feed-forward part per layer: dense, or experts behind a router with a correction, and a shared one."""
    inner, count = fields.size("moe_intermediate_size", "intermediate_size"), fields.layers()
    shared = fields.size("shared_intermediate_size", default=inner) * fields.size(
        "n_shared_experts", default=1
    )
    number = fields.size("num_local_experts", "num_experts")
    mixture = experts(fields, number, inner, shared, router_bias=1)
    plain = FeedForward(
        fields.size("hidden_size"), intermediate=fields.size("dense_intermediate_size", default=12_288)
    )
    fields.skip("intermediate_size", "use_routing_bias", "first_k_dense_replace")
    listed = fields.get("moe_layer_freq")
    kinds = [True] * count if listed is None else switches(fields, "moe_layer_freq", listed)
    if fields.get("mlp_layer_types") is not None:
        kinds = [kind == "sparse" for kind in layer_types(fields, MIXED, "mlp_layer_types")]
    return [mixture if kind else plain for kind in kinds]


FAMILIES = {
    "MiniMaxM2ForCausalLM": Family("minimax_m2", _minimax_m2),
    # The text of M3 has one form under three names: that of transformers, of checkpoints, and of copies without a wrapper.
    "MiniMaxM3VLForCausalLM": Family("minimax_m3_vl_text", _minimax_m3),
    "MiniMaxM3SparseForCausalLM": Family("minimax_m3_vl_text", _minimax_m3),
    "MiniMaxM3ForCausalLM": Family("minimax_m3_vl_text", _minimax_m3),
    "MiniMaxM3SparseForConditionalGeneration": Family(
        "minimax_m3_vl",
        leaving_out(_minimax_m3, "vision tower"),
        text="text_config",
        ignored=(
            "projector_hidden_size",
            "projector_hidden_act",
            "multimodal_projector_bias",
            "vision_feature_layer",
            "num_reward_heads",
            "merged_hidden_size",
        ),
    ),
}
