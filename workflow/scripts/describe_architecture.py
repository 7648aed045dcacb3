"""Describe a class that no family covers, as transformers builds it, and print a start for a family module.

Input: a `config.json`. Printed: whether a family reads it; layers and parameters by module; FLOPs by module as torch's
counter sees them on the meta device, as an exact polynomial in new and past tokens; the fields that the class reads, and
those that nobody reads; a module to write to workflow/frontiers/compute/families/. Needs torch and transformers.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frontiers.compute import architecture_reader, config_json, family_start, known_classes, traced
from frontiers.compute.families import FAMILIES
from frontiers.compute.flops import forward_flops
from frontiers.core import cli


def family(config: Mapping[str, Any], where: str, trace: traced.Trace) -> str:
    """Return whether a family reads the configuration, and how its figures differ from those of the trace."""
    try:
        ours = architecture_reader.read_architecture(config, where)
    except config_json.UnknownArchitecture as error:
        return str(error)
    tokens = 4 * max(traced.LENGTHS)
    flops = trace.total(tokens) - forward_flops(ours, tokens, 0, tokens, "square").total
    weights = sum(trace.parameters.values()) - ours.parameters()
    return (
        f"{where}: the family of {ours.name} reads it. Class - family: {weights:,} parameters, "
        f"{int(flops):,} FLOPs of a square pass of {tokens} tokens with all logits"
    )


def text_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration of the language model: that in `text_config`, else the whole."""
    text = config.get("text_config")
    return text if isinstance(text, Mapping) else config


def lines(config: Mapping[str, Any], where: str) -> list[str]:
    """Return everything that is printed."""
    text = text_of(config)
    whole = known_classes.named(config) or "unnamed"
    found = [f"{whole}: {known_classes.in_transformers(whole)}"]
    if text is not config:
        inner = known_classes.named(text)
        state = "supported" if inner in FAMILIES else "not supported"
        found.append(f"its language model is described in `text_config`: {inner or 'unnamed'}, {state}")
    trace = traced.trace(config)
    held, fields = sum(trace.parameters.values()), family_start.fields_by_reader(text, trace)
    found += [family(config, where, trace), "", f"{trace.name}: {held:,} parameters"]
    found += [f"  {size:>20,}  {name}" for name, size in trace.parameters.items()]
    found += [
        "",
        "FLOPs of `new` tokens after `past`, each attending to all: once + each·new + pair·new·(past + new)",
    ]
    found += [
        f"  once {part.once}, each {part.each}, pair {part.pair}  {name}"
        for name, part in [*trace.flops.items(), ("whole model", trace.total)]
    ]
    found += ["", f"fields that the class reads: {', '.join(fields['read']) or 'none'}"]
    found += [f"fields that nobody reads: {', '.join(fields['nobody']) or 'none'}"]
    found += ["", "A start for workflow/frontiers/compute/families/:", "", family_start.start(text, trace)]
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and print the description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="config.json of the checkpoint")
    arguments = parser.parse_args(argv)
    config = config_json.read_config(arguments.config)
    print("\n".join(lines(config, str(arguments.config))))


if __name__ == "__main__":
    cli.run(main)
