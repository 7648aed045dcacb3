"""Count a model that no family covers on torch's meta device; needs torch and transformers.

Input: the checkpoint's `config.json`. Output: the same with the field `traced`, from which every stage then counts:
parameters, FLOPs per token, FLOPs per token and attended position (over the whole context), numbers in the cache.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.compute import config_json, traced, traced_parts
from frontiers.compute.families import FAMILIES
from frontiers.core import cli
from frontiers.core.files import write_whole


def main(argv: Sequence[str] | None = None) -> None:
    """Read the configuration, trace its class, write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-json", type=Path, required=True, help="config.json of the checkpoint")
    parser.add_argument(
        "--output", type=Path, required=True, help="config.json with the figures of the trace"
    )
    arguments = parser.parse_args(argv)
    where, config = str(arguments.config_json), config_json.read_config(arguments.config_json)
    if known := [name for name in config.get("architectures") or [] if name in FAMILIES]:
        raise cli.UserError(
            f"{where}: a family counts {known[0]} exactly; remove `flops: traced` from its model"
        )
    figures = traced.figures(traced.trace(config), config, where)
    write_whole(arguments.output, json.dumps({**config, traced_parts.FIELD: figures}, indent=1).encode())


if __name__ == "__main__":
    cli.run(main)
