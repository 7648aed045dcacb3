"""Describe a model's architecture from its `config.json` alone.

Input: the checkpoint's `config.json`. Output: a JSON object with the
architecture's name, family and kind ("dense", "moe" or "hybrid"), its total and
active parameters, the bytes of key-value cache per token and of recurrent
state per sequence, its layers, and the checksum of the configuration.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from frontiers import card, cli, compute, config_fields


def main(argv: Sequence[str] | None = None) -> None:
    """Read the configuration, describe the architecture, write the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-json", type=Path, required=True, help="config.json of the checkpoint")
    parser.add_argument(
        "--kv-bytes",
        type=float,
        help="bytes of one number of cache and state (default: the dtype that config.json names, or 2)",
    )
    parser.add_argument("--output", type=Path, required=True, help="description to write (JSON)")
    arguments = parser.parse_args(argv)
    where = str(arguments.config_json)
    config = config_fields.read_config(where)
    description = card.describe(
        compute.read_architecture(config, where),
        config_fields.element_bytes(config, where, arguments.kv_bytes),
    )
    description["config_sha256"] = hashlib.sha256(arguments.config_json.read_bytes()).hexdigest()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    partial = arguments.output.with_name(f".{arguments.output.name}.partial")
    partial.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, arguments.output)


if __name__ == "__main__":
    cli.run(main)
