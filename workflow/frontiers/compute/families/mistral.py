"""Mistral, with and without a vision tower, and Mixtral."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    Body,
    Family,
    Reach,
    attention,
    dense,
    experts,
    leaving_out,
    optional_window,
    uniform,
)


def _mistral(fields: Fields) -> Body:
    """The class has a default window of 4096."""
    mixer = attention(fields, reach=Reach(optional_window(fields, "sliding_window_size", default=4096)))
    return Body(uniform(fields, mixer, dense(fields)))


def _mixtral(fields: Fields) -> Body:
    mixer = attention(fields, reach=Reach(optional_window(fields)))
    number = fields.size("num_local_experts", "num_experts")
    return Body(uniform(fields, mixer, experts(fields, number, fields.size("intermediate_size"))))


FAMILIES = {
    "MistralForCausalLM": Family("mistral", _mistral),
    "Mistral3ForConditionalGeneration": Family(
        "mistral3",
        leaving_out(_mistral, "vision tower"),
        text="text_config",
        ignored=("vision_feature_layer", "multimodal_projector_bias", "projector_hidden_act"),
    ),
    "MixtralForCausalLM": Family("mixtral", _mixtral),
}
