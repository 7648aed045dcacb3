"""Zamba2: Mamba-2 layers, some of which read what one of a few shared transformer blocks makes of the stream."""

from dataclasses import replace

from frontiers.compute.architecture import Layer
from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, dense, layer_types
from frontiers.compute.layer_parts import Attention, Auxiliary, Part
from frontiers.compute.state_space import Mamba2

NAMES = {"mamba": "mamba", "linear_attention": "mamba", "hybrid": "hybrid"}
WRITTEN = ("attention_hidden_size", "attention_head_dim", "head_dim", "mamba_headdim", "kv_channels")


def _zamba2(fields: Fields) -> Body:
    """The blocks take turns: their weights count once, what they compute each time, each time with its own adapters.

    That holds without tied embeddings too, where the class of transformers ties nothing and copies each block.
    """
    fields.skip(
        *WRITTEN, "hybrid_layer_ids", "layer_types", "chunk_size", "use_long_context"
    )  # by transformers
    width, blocks = fields.size("hidden_size"), fields.size("num_mem_blocks", default=1)
    scan, block, own = _mamba(fields), _block(fields), _own(fields)
    layers, seen = [], 0
    for kind in layer_types(fields, NAMES, "layers_block_type"):
        parts: tuple[Part, ...] = (scan,)
        if kind == "hybrid":
            parts = (*(replace(part, tied=seen >= blocks) for part in block), *own, scan)
            seen += 1
        layers.append(Layer(parts, width))
    return Body(tuple(layers))


def _mamba(fields: Fields) -> Mamba2:
    width, heads = fields.size("hidden_size"), fields.size("n_mamba_heads", default=8)
    groups, bias = fields.size("mamba_ngroups", default=1), fields.flag("add_bias_linear")
    inner = fields.size("mamba_expand", default=2) * width
    if inner % heads or heads % groups:
        raise fields.error(
            f"{heads} n_mamba_heads must share {inner} channels and {groups} mamba_ngroups evenly"
        )
    fields.skip("use_conv_bias")  # the class always has it
    return Mamba2(
        width,
        inner=inner,
        state=fields.size("mamba_d_state", default=64),
        groups=groups,
        heads=heads,
        kernel=fields.size("mamba_d_conv", default=4),
        input_bias=bias,
        output_bias=bias,
    )


def _block(fields: Fields) -> tuple[Part, ...]:
    """Return the parts of a shared block: it reads the stream and the embedding, so attention is twice as wide."""
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    if 2 * width % heads:
        raise fields.error(f"twice hidden_size {width} is not a multiple of {heads} attention heads")
    kv_heads = fields.size("num_key_value_heads", default=heads)
    if heads % kv_heads:
        raise fields.error(f"{heads} attention heads cannot share {kv_heads} key-value heads evenly")
    mixer = Attention(
        2 * width,
        heads=heads,
        kv_heads=kv_heads,
        head_width=2 * width // heads,
        output_width=width,
        rotary=float(fields.flag("use_mem_rope")),
    )
    norms = Auxiliary(width, other=3 * width, normed=3 * width)
    return mixer, dense(fields, bias=fields.flag("add_bias_linear")), norms


def _own(fields: Fields) -> tuple[Part, ...]:
    """Return what each use of a block has of its own: low-rank adapters, and a matrix on its output."""
    width, rank = fields.size("hidden_size"), fields.size("adapter_rank", default=128)
    adapters = rank * (width + 2 * fields.size("intermediate_size"))
    if fields.flag("use_shared_attention_adapter"):
        adapters += 3 * rank * 4 * width
    return (Auxiliary(width, size=adapters + width**2),)


FAMILIES = {"Zamba2ForCausalLM": Family("zamba2", _zamba2, tied=True)}
