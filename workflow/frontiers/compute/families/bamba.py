"""Bamba: hybrids of Mamba-2 and a few attention layers."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, rotary, stack
from frontiers.compute.families.granite import mamba2

NAMES = ("mamba", "linear_attention"), ("attention", "full_attention")


def _bamba(fields: Fields) -> Body:
    """Layers whose index is in `attn_layer_indices` attend, with positions in half of each head."""
    bias, width, count = fields.flag("attention_bias"), fields.size("hidden_size"), fields.layers()
    places = fields.get("attn_layer_indices", [])
    if not isinstance(places, list) or not all(type(i) is int and 0 <= i < count for i in places):
        raise fields.error(f"`attn_layer_indices` must list layers from 0 to {count - 1}, not {places!r}")
    for key in ("layers_block_type", "layer_types"):  # written by transformers, from the indices
        forms = [[names[i in places] for i in range(count)] for names in zip(*NAMES, strict=True)]
        if fields.get(key) not in (None, *forms):
            raise fields.error(f"`{key}` {fields.get(key)} contradicts `attn_layer_indices` {places}")
    head_width = fields.size("head_dim", default=width // fields.size("num_attention_heads"))
    share = fields.size("attn_rotary_emb", default=head_width // 2) / head_width
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias, rotary=rotary(fields, share))
    inner = fields.size("mamba_expand", default=2) * width
    scan = mamba2(fields, inner, output_bias=fields.flag("mamba_proj_bias"))
    mixers = [mixer if i in places else scan for i in range(count)]
    return Body(stack(fields, mixers, [dense(fields, bias=fields.flag("mlp_bias"))] * count))


FAMILIES = {"BambaForCausalLM": Family("bamba", _bamba)}
