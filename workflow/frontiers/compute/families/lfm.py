"""LFM2: gated short convolutions and a few attention layers, dense or with experts."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, experts, layer_types, stack
from frontiers.compute.layer_parts import FeedForward
from frontiers.compute.state_space import ShortConvolution

NAMES = {"conv": "conv", "full_attention": "full"}


def _lfm2(fields: Fields) -> Body:
    return _body(fields, [_adjusted(fields)] * fields.layers())


def _lfm2_moe(fields: Fields) -> Body:
    """The first `num_dense_layers` are dense; one learned number per expert may correct the router's choice."""
    number, inner = fields.size("num_experts"), fields.size("moe_intermediate_size")
    bias = int(fields.flag("use_expert_bias", True))
    sparse, first = experts(fields, number, inner, router_bias=bias), fields.size("num_dense_layers", least=0)
    plain = dense(fields)
    return _body(fields, [plain if i < first else sparse for i in range(fields.layers())])


def _body(fields: Fields, parts: list[FeedForward]) -> Body:
    width, bias = fields.size("hidden_size"), fields.flag("conv_bias")
    for key in ("block_dim", "conv_dim", "conv_dim_out"):
        if fields.size(key, default=width) != width:
            raise fields.error(
                f"`{key}` {fields.get(key)} is not counted; the class has only hidden_size {width}"
            )
    if not fields.flag("block_use_swiglu", True):
        raise fields.error("`block_use_swiglu` false is not counted; the class always has three matrices")
    heads = fields.size("num_attention_heads")
    if fields.size("num_heads", default=heads) != heads:
        raise fields.error(f"`num_heads` {fields.get('num_heads')} contradicts num_attention_heads {heads}")
    fields.skip("block_mlp_init_scale", "block_out_init_scale", "block_use_xavier_init", "block_norm_eps")
    fields.skip("conv_use_xavier_init")
    if fields.get("tie_embedding") is not None:  # overrides the usual name
        fields.config = {**fields.config, "tie_word_embeddings": fields.flag("tie_embedding")}
    kernel = fields.size("conv_L_cache", default=3)
    form = {"conv_bias": bias, "input_bias": bias, "output_bias": bias}
    mixers = {
        "conv": ShortConvolution(width, inner=width, state=0, kernel=kernel, **form),
        "full": attention(fields, kv_heads=8, qk_norm="head"),
    }
    return Body(stack(fields, [mixers[kind] for kind in _kinds(fields)], parts))


def _kinds(fields: Fields) -> list[str]:
    """Return the kind of each layer: as listed, else attention at `full_attn_idxs`."""
    count, places = fields.layers(), fields.get("full_attn_idxs")
    if fields.get("layer_types") is not None:
        return layer_types(fields, NAMES)
    if not isinstance(places, list) or not all(type(i) is int and 0 <= i < count for i in places):
        raise fields.error(
            f"needs `layer_types`, or `full_attn_idxs` as a list of layers from 0 to {count - 1}, not {places!r}"
        )
    return ["full" if i in places else "conv" for i in range(count)]


def _adjusted(fields: Fields) -> FeedForward:
    """Return the dense part: two thirds of the given width, scaled, rounded up to a multiple."""
    inner = fields.size("block_ff_dim", "intermediate_size")
    fields.skip("intermediate_size")
    factor, multiple = fields.get("block_ffn_dim_multiplier"), fields.size("block_multiple_of", default=256)
    if fields.flag("block_auto_adjust_ff_dim", True):
        inner = int(2 * inner / 3)
        if "block_ffn_dim_multiplier" not in fields.config or factor is not None:
            factor = 1.0 if factor is None else factor
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
                raise fields.error(f"`block_ffn_dim_multiplier` must be a number above 0, not {factor!r}")
            inner = -(-int(factor * inner) // multiple) * multiple
    return FeedForward(fields.size("hidden_size"), intermediate=inner)


FAMILIES = {
    "Lfm2ForCausalLM": Family("lfm2", _lfm2, tied=True),
    "Lfm2MoeForCausalLM": Family("lfm2_moe", _lfm2_moe, tied=True),
}
