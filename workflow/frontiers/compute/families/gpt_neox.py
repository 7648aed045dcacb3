"""GPT-NeoX and Pythia: plain feed-forward parts, and norms with biases."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import Body, Family, attention, dense, uniform


def _gpt_neox(fields: Fields) -> Body:
    """All norms have a weight and a bias per number."""
    bias = fields.flag("attention_bias", True)
    fields.skip("layer_norm_eps", "use_parallel_residual", "hidden_dropout", "classifier_dropout")
    mixer = attention(
        fields,
        ungrouped=True,
        qkv_bias=bias,
        output_bias=bias,
        rotary=fields.get("rotary_pct", 0.25),
    )
    layers = uniform(fields, mixer, dense(fields, layers=2, bias=True), norms=4)
    return Body(layers, outer_norms=2 * fields.size("hidden_size"))


FAMILIES = {"GPTNeoXForCausalLM": Family("gpt_neox", _gpt_neox)}
