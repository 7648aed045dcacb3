"""Nemotron: plain, hybrids of one part per layer (Nemotron-H, Nano, Super), and Llama blocks from a search."""

from collections.abc import Mapping
from dataclasses import replace

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, ahead, attention, dense, experts, rotary, uniform
from frontiers.compute.layer_parts import Attention, Auxiliary, FeedForward, Part
from frontiers.compute.state_space import Mamba2

KINDS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
NAMES = {name: name for name in KINDS.values()} | {"linear_attention": "mamba", "full_attention": "attention"}

PROVIDER = {
    "hybrid_layer_pattern": "hybrid_override_pattern",
    "num_layers_from_pattern": "num_hidden_layers",
    "ffn_hidden_size": "intermediate_size",
    "num_query_groups": "num_key_value_heads",
    "kv_channels": "head_dim",
    "mamba_state_dim": "ssm_state_size",
    "mamba_num_groups": "n_groups",
}
"""Names of fields in Megatron-Bridge, and in `config.json`."""


def _nemotron(fields: Fields) -> Body:
    """All norms have a weight and a bias per number."""
    bias = fields.flag("attention_bias")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, rotary=rotary(fields, 0.5))
    part = dense(fields, layers=2, bias=fields.flag("mlp_bias"))
    return Body(uniform(fields, mixer, part, norms=4), outer_norms=2 * fields.size("hidden_size"))


def _nemotron_h(fields: Fields) -> Body:
    """Every layer is one norm and one part: Mamba-2, attention, feed-forward or experts."""
    kinds, known = _kinds(fields), {"mamba": _mamba, "attention": _attention, "mlp": _mlp, "moe": _experts}
    parts = {kind: known[kind](fields) for kind in sorted(set(kinds))}
    fields.skip("intermediate_size", "mlp_bias", "chunk_size", "time_step_rank")
    fields.skip("num_experts_per_tok", "n_routed_experts", "n_shared_experts", "num_local_experts")
    fields.skip("moe_intermediate_size", "moe_shared_expert_intermediate_size", "moe_latent_size")
    fields.skip("mtp_layers_block_type", "mtp_hybrid_override_pattern")
    width = fields.size("hidden_size")
    return Body(tuple(Layer((parts[kind],), width) for kind in kinds), left_out=ahead(fields))


def _provider(fields: Fields) -> Body:
    """As Nemotron-H, under the names of the form that trains it: NemotronHModelProvider of Megatron-Bridge.

    Its convolution always has 4 taps and a bias; without `kv_channels`, the heads share the model's width.
    """
    config = {PROVIDER.get(key, key): value for key, value in fields.config.items()}
    fields.config = {"conv_kernel": 4} | config
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    fields.config.setdefault("head_dim", width // heads)
    return _nemotron_h(fields)


def _kinds(fields: Fields) -> list[str]:
    """Return the kind of each layer, from a list of names or a string of one character per layer."""
    listed, pattern = fields.get("layers_block_type"), fields.get("hybrid_override_pattern")
    given, names, form = (pattern, KINDS, str) if listed is None else (listed, NAMES, list)
    if not given or not isinstance(given, form):
        raise fields.error("needs `hybrid_override_pattern` as a string or `layers_block_type` as a list")
    if unknown := sorted({str(kind) for kind in given} - set(names)):
        raise fields.error(f"its pattern of layers has unknown values {unknown}; known are {sorted(names)}")
    count = fields.layers(default=len(given))
    if count != len(given):
        raise fields.error(f"its pattern has {len(given)} layers, but num_hidden_layers is {count}")
    return [names[kind] for kind in given]


def _mamba(fields: Fields) -> Mamba2:
    heads, groups, bias = fields.size("mamba_num_heads"), fields.size("n_groups"), fields.flag("use_bias")
    if heads % groups:
        raise fields.error(f"{heads} mamba_num_heads cannot share {groups} n_groups evenly")
    return Mamba2(
        fields.size("hidden_size"),
        inner=heads * fields.size("mamba_head_dim"),
        state=fields.size("ssm_state_size"),
        groups=groups,
        heads=heads,
        kernel=fields.size("conv_kernel"),
        conv_bias=fields.flag("use_conv_bias", True),
        input_bias=bias,
        output_bias=bias,
    )


def _attention(fields: Fields) -> Attention:
    """Without positions; older configurations call the head width `attention_head_dim`."""
    return attention(fields, head_width=fields.size("attention_head_dim", default=128), rotary=0.0)


def _mlp(fields: Fields) -> FeedForward:
    return dense(fields, layers=2, bias=fields.flag("mlp_bias"))


def _experts(fields: Fields) -> FeedForward:
    """Experts, on a latent if one is given, with a learned correction of their choice per expert."""
    shared = fields.size("n_shared_experts", default=1, least=0)
    return experts(
        fields,
        fields.size("n_routed_experts"),
        fields.size("moe_intermediate_size"),
        shared * fields.size("moe_shared_expert_intermediate_size") if shared else 0,
        layers=2,
        bias=fields.flag("mlp_bias"),
        router_bias=1,
        latent=fields.get("moe_latent_size") and fields.size("moe_latent_size"),
    )


def _decilm(fields: Fields) -> Body:
    """Llama with searched blocks: each may lack a part and its norm, or have one matrix instead."""
    blocks, count = fields.get("block_configs"), fields.layers()
    if not isinstance(blocks, list) or len(blocks) != count:
        raise fields.error(f"needs the field `block_configs` as a list of {count} blocks")
    bias, width = fields.flag("attention_bias"), fields.size("hidden_size")
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    wide = FeedForward(width, bias=fields.flag("mlp_bias"))
    fields.skip("intermediate_size")  # null: each block has its own
    layers = []
    for index, block in enumerate(blocks):
        if not isinstance(block, Mapping):
            raise fields.error(f"`block_configs` {index} must hold `attention` and `ffn`, not be {block!r}")
        block = Fields(block, fields.name, f"{fields.where}, `block_configs` {index}")
        parts = [_block_attention(block.inner("attention"), mixer), _block_ffn(block.inner("ffn"), wide)]
        kept = tuple(part for part in parts if part)
        layers.append(Layer(kept, len(kept) * width))
    return Body(tuple(layers))


def _block_attention(block: Fields, mixer: Attention) -> Part | None:
    """Return the attention of a block, whose query heads share keys in groups of `n_heads_in_group`."""
    block.skip("n_heads_in_group")
    absent, linear = block.flag("no_op"), block.flag("replace_with_linear")
    block.finish()
    if absent or linear:
        return _linear(mixer.width, mixer.output_bias) if linear else None
    group = block.size("n_heads_in_group")
    if mixer.heads % group:
        raise block.error(f"{mixer.heads} attention heads cannot form groups of n_heads_in_group {group}")
    return replace(mixer, kv_heads=mixer.heads // group)


def _block_ffn(block: Fields, wide: FeedForward) -> Part | None:
    """Return the feed-forward part of a block.

    Its width is two thirds of `ffn_mult` times the model's, truncated and then
    rounded up to a multiple of 256 (modeling_decilm.py of the checkpoints).
    """
    factor, given = block.get("ffn_mult"), block.get("intermediate_size")
    absent, linear = block.flag("no_op"), block.flag("replace_with_linear")
    block.finish()
    if absent or linear:
        return _linear(wide.width, False) if linear else None
    if factor is None or given is not None:
        return replace(wide, intermediate=block.size("intermediate_size"))
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
        raise block.error(f"`ffn_mult` must be a number above 0, not {factor!r}")
    return replace(wide, intermediate=-(-int(2 * factor * wide.width / 3) // 256) * 256)


def _linear(width: int, bias: bool) -> Auxiliary:
    return Auxiliary(width, size=width**2, other=bias * width)


FAMILIES = {
    "NemotronForCausalLM": Family("nemotron", _nemotron),
    "NemotronHForCausalLM": Family("nemotron_h", _nemotron_h),
    "NemotronHModelProvider": Family(
        "nemotron_h", _provider, vocabulary=131072, known_by="hybrid_layer_pattern"
    ),
    "DeciLMForCausalLM": Family("nemotron-nas", _decilm),
}
