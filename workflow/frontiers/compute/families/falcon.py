"""Falcon-H1: attention and Mamba-2 side by side in every layer."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, uniform
from frontiers.compute.families.granite import mamba2


def _falcon_h1(fields: Fields) -> Body:
    """Both read the same normalised stream and their outputs are summed; a feed-forward part follows.

    The output of the scan passes a gate, followed by a norm only if `mamba_rms_norm` is set.
    """
    # every layer has a feed-forward part; the scan's gate precedes its norm or follows it
    fields.skip("mamba_use_mlp", "mamba_norm_before_gate", "mamba_expand", "layer_types", "layers_block_type")
    bias, width = fields.flag("attention_bias"), fields.size("hidden_size")
    scan = mamba2(
        fields,
        fields.size("mamba_d_ssm", default=fields.size("mamba_expand", default=2) * width),
        output_bias=fields.flag("projectors_bias"),
        gated_norm=fields.flag("mamba_rms_norm"),
    )
    mixer = attention(fields, ungrouped=True, qkv_bias=bias, output_bias=bias)
    return Body(uniform(fields, scan, mixer, dense(fields, bias=fields.flag("mlp_bias"))))


FAMILIES = {"FalconH1ForCausalLM": Family("falcon_h1", _falcon_h1)}
