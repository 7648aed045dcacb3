"""A start for a family module, as text, from what a class of transformers holds and reads (`frontiers.compute.traced`)."""

import re
from collections.abc import Mapping
from typing import Any

from frontiers.compute.config_json import shaping
from frontiers.compute.traced import Trace

WRITES = ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size")
"""Fields that the readers of a start use, and those that every family's layers and tables come from."""
ALWAYS = ("num_hidden_layers", "vocab_size", "tie_word_embeddings")
MIXTURE = ("num_experts", "num_local_experts", "n_routed_experts")


def fields_by_reader(config: Mapping[str, Any], trace: Trace) -> dict[str, list[str]]:
    """Return the fields that may shape the model by whether the class reads them: "read" and "nobody"."""
    named = shaping(config) | {key for key in ALWAYS if key in config}
    return {"read": sorted(named & trace.read), "nobody": sorted(named - trace.read)}


def start(config: Mapping[str, Any], trace: Trace) -> str:
    """Return a module with a family of ordinary attention and dense parts or experts, for the class of `trace`.

    Biases and norms follow the weights of the class; what its names do not show is left to the reader of the text, with
    the fields that remain.
    """
    function = "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", trace.name.removesuffix("ForCausalLM")).lower()
    form = _attention_form(trace)
    used = {*WRITES, *ALWAYS}
    readers, part = ["attention"], "dense(fields)"
    if count := next((key for key in MIXTURE if key in config), None):
        readers.append("experts")
        part = f'experts(fields, fields.size("{count}"), fields.size("moe_intermediate_size"))'
        used |= {count, "moe_intermediate_size", "num_experts_per_tok"}
    else:
        readers.append("dense")
    left = sorted(key for key in fields_by_reader(config, trace)["read"] if key not in used)
    comment = (
        f"    # The class also reads {', '.join(left)}: read them here, or skip what shapes nothing.\n"
        if left
        else ""
    )
    kind = config.get("model_type", trace.name)
    return (
        f'"""{trace.name.removesuffix("ForCausalLM")}."""\n\n'
        "from frontiers.compute.config_json import Fields\n"
        f"from frontiers.compute.families.common import Body, Family, {', '.join(readers)}, uniform\n\n\n"
        f"def {function}(fields: Fields) -> Body:\n"
        f"{comment}"
        f"    mixer = attention(fields{form})\n"
        f"    return Body(uniform(fields, mixer, {part}, norms={_norms(config, trace)}))\n\n\n"
        f'FAMILIES = {{"{trace.name}": Family("{kind}", {function})}}\n'
    )


def _attention_form(trace: Trace) -> str:
    """Return the arguments of attention that the names of the weights show."""
    held = trace.parameters
    form = ""
    if any(name.endswith("q_proj.bias") for name in held):
        form += ", qkv_bias=True"
    if any(name.endswith("o_proj.bias") for name in held):
        form += ", output_bias=True"
    if any(name.endswith(("q_norm.weight", "query_layernorm.weight")) for name in held):
        form += ', qk_norm="head"'
    return form


def _norms(config: Mapping[str, Any], trace: Trace) -> int:
    """Return the number of norms of the model's width in a layer, which are weights of the layer itself."""
    whole = config.get("hidden_size", 0) * config.get("num_hidden_layers", 0)
    own = re.compile(r"layers\.\*\.\w*norm\w*\.weight$")
    return sum(size == whole for name, size in trace.parameters.items() if own.search(name))
