"""Reads a model's `config.json` into its architecture, by the function of its family."""

from collections.abc import Mapping
from typing import Any

from frontiers.compute import known_classes
from frontiers.compute.architecture import Architecture
from frontiers.compute.config_json import Fields, shaping
from frontiers.compute.families import FAMILIES
from frontiers.compute.families.quiet_star import mixing_head
from frontiers.compute.traced_parts import FIELD, read_traced


def read_architecture(config: Mapping[str, Any], where: str = "config.json") -> Architecture:
    """Return the architecture that a model's `config.json` describes.

    `where` names the file in messages. Of a class that wraps a language model
    and others, such as a vision tower, only the language model is read. A configuration
    with figures of a trace is read as those. Raises
    `UnknownArchitecture`, naming the architecture and what is missing, when no
    family covers it, when a field that the family needs is absent, or when a
    field that may shape the model is set and no rule reads it.
    """
    if FIELD in config:
        return read_traced(config)
    named = config.get("architectures") or []
    if not isinstance(named, list):
        raise Fields(config, str(named), where).error("`architectures` must be a list of names")
    by_type = [name for name, family in FAMILIES.items() if family.model_type == config.get("model_type")]
    by_field = [name for name, family in FAMILIES.items() if family.known_by in config]
    name = str((named or by_type or by_field or [config.get("model_type") or "unnamed"])[0])
    if name not in FAMILIES:
        raise _unknown(Fields(config, name, where))
    family = FAMILIES[name]
    fields, tied = Fields(config, name, where), family.tied
    if family.text:
        outer, fields = fields, fields.inner(family.text)
        tied = outer.flag("tie_word_embeddings", tied)
        outer.skip(*family.ignored)
        if family.tied_outside:
            fields.config = {**fields.config, "tie_word_embeddings": tied}
        outer.finish()
    body = family.body(fields)
    architecture = Architecture(
        name=name,
        family=family.model_type,
        width=fields.size("hidden_size", "d_model"),
        vocabulary=fields.size("vocab_size", default=family.vocabulary),
        tied=fields.flag("tie_word_embeddings", tied),
        mixing=mixing_head(fields),
        **body._asdict(),
    )
    fields.finish()
    return architecture


def _unknown(fields: Fields) -> Exception:
    hints = ", ".join(sorted(shaping(fields.config))) or "none that shape a model"
    near = ", ".join(known_classes.nearest(fields.name, FAMILIES))
    text, wraps = fields.config.get("text_config"), "text_config" in fields.config
    inner = known_classes.named(text) if isinstance(text, Mapping) else None
    return fields.error(
        f"not supported; of the {len(FAMILIES)} supported classes the nearest by name are {near}. "
        f"{known_classes.in_transformers(fields.name)}. To add it, write a function in "
        "workflow/frontiers/compute/families/ from its configuration to its layers (CONTRIBUTING.md); "
        "`python workflow/scripts/describe_architecture.py config.json` prints a start for it. It "
        f"must read: {hints}"
        + ("; its language model is described in `text_config`" if wraps else "")
        + (f", of class {inner}" + (", which is supported" if inner in FAMILIES else "") if inner else "")
    )
