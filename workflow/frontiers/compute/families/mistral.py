"""Mistral, with and without a vision tower, Ministral, Ministral 3 and Devstral 2, and Mixtral."""

from frontiers.compute.config_json import Fields
from frontiers.compute.families.common import (
    SLIDING,
    Body,
    Family,
    Reach,
    attention,
    dense,
    experts,
    layer_types,
    leaving_out,
    optional_window,
    reaching,
    stack,
    uniform,
)


def _mistral(fields: Fields) -> Body:
    """The class has a default window of 4096."""
    mixer = attention(fields, reach=Reach(optional_window(fields, "sliding_window_size", default=4096)))
    return Body(uniform(fields, mixer, dense(fields)))


def _ministral(fields: Fields) -> Body:
    """Layers slide as listed, else all that a window is given for."""
    window, count = optional_window(fields, default=4096), fields.layers()
    kinds = ["full" if window is None else "sliding"] * count
    if fields.get("layer_types") is not None:
        kinds = layer_types(fields, SLIDING)
    if window is None and "sliding" in kinds:
        raise fields.error("`layer_types` has sliding layers, but there is no sliding_window")
    mixers = reaching(attention(fields), [window if kind == "sliding" else None for kind in kinds])
    return Body(stack(fields, mixers, [dense(fields)] * count))


def _ministral3(fields: Fields) -> Body:
    """Every layer slides if there is a window; no released checkpoint has one."""
    mixer = attention(fields, head_width=128, reach=Reach(optional_window(fields)))
    return Body(uniform(fields, mixer, dense(fields)))


def _wrapped(fields: Fields) -> Body:
    """The language model is of the class of Mistral or Ministral 3, as its own `model_type` says."""
    kind = fields.get("model_type", "mistral")
    if kind not in ("mistral", "ministral3"):
        raise fields.error(f"its text is a `{kind}`; known are mistral and ministral3")
    return _ministral3(fields) if kind == "ministral3" else _mistral(fields)


def _mixtral(fields: Fields) -> Body:
    mixer = attention(fields, reach=Reach(optional_window(fields)))
    number = fields.size("num_local_experts", "num_experts")
    return Body(uniform(fields, mixer, experts(fields, number, fields.size("intermediate_size"))))


FAMILIES = {
    "MistralForCausalLM": Family("mistral", _mistral),
    "Mistral3ForConditionalGeneration": Family(
        "mistral3",
        leaving_out(_wrapped, "vision tower"),
        text="text_config",
        ignored=("vision_feature_layer", "multimodal_projector_bias", "projector_hidden_act"),
    ),
    "MinistralForCausalLM": Family("ministral", _ministral),
    "Ministral3ForCausalLM": Family("ministral3", _ministral3),
    "MixtralForCausalLM": Family("mixtral", _mixtral),
}
