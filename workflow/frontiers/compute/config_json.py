"""Reads the fields of a model's `config.json` so that none that shapes the model goes unnoticed."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontiers.core import lineage
from frontiers.core.cli import UserError

CLOSED = {"closed": True}
"""Stands for the `config.json` of a closed model, whose compute cannot be counted."""
SHAPES = re.compile(
    r"window|attention|attn|expert|moe|layer|head|rank|lora|mlp|mamba|ssm|state|conv|spars|chunk|block"
    r"|intermediate|hidden|dim|width|depth|sink|kv|share|router|vocab|nextn|mtp|bias|norm|ffn|text_config"
)
# Fields that look as if they shaped a model but change neither its weights nor its FLOPs.
HARMLESS = {
    "hidden_act",
    "hidden_activation",
    "attention_dropout",
    "rms_norm_eps",
    "norm_topk_prob",
    "normalization_function",
    "output_router_logits",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "attention_multiplier",
    "attn_logit_softcapping",
    "query_pre_attn_scalar",
    "mamba_chunk_size",
    "chunk_size_feed_forward",
    "output_attentions",
    "output_hidden_states",
    "_attn_implementation",
    "_attn_implementation_autoset",
    # scalings of Falcon-H1, clipped queries, and how a scan is computed or its state kept
    "attention_in_multiplier",
    "attention_out_multiplier",
    "lm_head_multiplier",
    "mlp_multipliers",
    "ssm_multipliers",
    "ssm_in_multiplier",
    "ssm_out_multiplier",
    "clip_qkv",
    "layer_norm_epsilon",
    "layer_norm_eps",
    "norm_eps",
    "rescale_prenorm_residual",
    "mlp_hidden_act",
    "mamba_hidden_act",
    "mamba_ssm_cache_dtype",
    "mamba_ssm_dtype",
    "use_mamba_kernels",
    "moe_shared_expert_overlap",
    # settings of the serving engine MLC, found in some copies of a configuration
    "context_window_size",
    "prefill_chunk_size",
    "attention_sink_size",
}

COPY = ".config.json"
"""End of the name of a copy of a `config.json`, which stands next to the manifest of its checkpoint."""


class UnknownArchitecture(UserError):
    """The compute of the configured model cannot be counted; the message says what is missing."""


class Fields:
    """The fields of one configuration, which remember those that were read."""

    def __init__(self, config: Mapping[str, Any], name: str, where: str) -> None:
        self.config, self.name, self.where = config, name, where
        self.read: set[str] = set()

    def error(self, problem: str) -> UnknownArchitecture:
        """Return the error that names the file, the architecture and the `problem`."""
        return UnknownArchitecture(f"{self.where}: architecture `{self.name}`: {problem}")

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field, or `default` when it is absent or null."""
        self.read.add(key)
        value = self.config.get(key)
        return default if value is None else value

    def size(self, *keys: str, default: int | None = None, least: int = 1) -> int:
        """Return the first of the fields `keys` that is set, as a whole number of at least `least`."""
        values = [value for key in keys if (value := self.get(key)) is not None]
        value = values[0] if values else default
        if value is None:
            raise self.error(f"needs the field `{keys[0]}`, which is absent or null")
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(f"`{keys[0]}` must be a whole number of at least {least}, not {value!r}")
        return value

    def layers(self, default: int | None = None) -> int:
        """Return the number of layers; more than 10,000, which no model has, is an error."""
        count = self.size("num_hidden_layers", default=default)
        if count > 10_000:
            raise self.error(f"`num_hidden_layers` must be at most 10,000, not {count:,}")
        return count

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a field that is true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"`{key}` must be true or false, not {value!r}")
        return value

    def inner(self, key: str) -> "Fields":
        """Return the fields of the configuration nested under `key`."""
        nested = self.get(key)
        if not isinstance(nested, Mapping):
            raise self.error(f"needs the field `{key}` with the configuration of the language model")
        return Fields(nested, self.name, f"{self.where}, `{key}`")

    def skip(self, *keys: str) -> None:
        """Mark fields as read that shape nothing in this family, or not always."""
        self.read.update(keys)

    def finish(self) -> None:
        """Raise unless every field that may shape the model was read, is off or is known to be harmless."""
        left = {k: self.config[k] for k in sorted(shaping(self.config) - self.read)}
        if left:
            raise self.error(
                f"no rule reads {left}, so its compute cannot be counted. Read these fields in the family's "
                "module in workflow/frontiers/compute/families/ or, if they change neither weights nor FLOPs, "
                "add them to HARMLESS in workflow/frontiers/compute/config_json.py"
            )


def shaping(config: Mapping[str, Any]) -> set[str]:
    """Return the fields of `config` that are set and may shape the model, judging by their names."""
    return {k for k, v in config.items() if v and SHAPES.search(k) and k not in HARMLESS}


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the contents of a `config.json`.

    Raises `UserError` when it is missing or not a JSON object, or when it is the copy
    next to a model's manifest and not the file that the manifest names.
    """
    try:
        content = Path(path).read_bytes()
        config = json.loads(content)
        lineage.note_file(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot read this model configuration ({error})") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: a model configuration must be a JSON object, not a {type(config).__name__}")
    _check_copy(Path(path), content)
    return config


def _check_copy(path: Path, content: bytes) -> None:
    """Raise `UserError` if `path`, `<model>.config.json`, is not what the manifest `<model>.json` names."""
    manifest = path.with_name(path.name.removesuffix(COPY) + ".json")
    if not path.name.endswith(COPY) or not manifest.exists():
        return
    try:
        expected = json.loads(manifest.read_bytes())["files"]["config.json"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{manifest}: cannot be read as a manifest ({error!r}); delete it and rerun snakemake"
        ) from error
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise UserError(
            f"{path}: changed: its sha256 is {found}, {manifest} says {expected}. Do not edit this copy: delete both and "
            "rerun snakemake"
        )
