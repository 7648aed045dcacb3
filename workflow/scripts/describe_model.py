"""Describe a model from its `config.json` alone: its size, its compute and its memory.

Input: the checkpoint's `config.json`. Outputs: the card as a JSON object, which
`workflow/schemas/tables/model.schema.json` describes (parameters, FLOP per token by
component and FLOP of a prompt at several context lengths, bytes of weights,
cache and state, layers), and as Markdown for people.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from frontiers.compute import architecture_reader, config_json, model_card, model_card_markdown, precision
from frontiers.core import cli
from frontiers.core.files import write_whole


def main(argv: Sequence[str] | None = None) -> None:
    """Read the configuration, describe the architecture, write the card as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-json", type=Path, required=True, help="config.json of the checkpoint")
    parser.add_argument(
        "--kv-bytes",
        type=float,
        help="bytes of one number of cache and state (default: from config.json, or 2)",
    )
    parser.add_argument("--output", type=Path, required=True, help="card to write (JSON)")
    parser.add_argument(
        "--card", type=Path, help="card to write (Markdown), titled with its file name (default: none)"
    )
    arguments = parser.parse_args(argv)
    where = str(arguments.config_json)
    config = config_json.read_config(where)
    described = model_card.describe(
        architecture_reader.read_architecture(config, where),
        precision.element_bytes(config, where, arguments.kv_bytes),
        precision.read_precision(config, where),
        model_card.read_max_context(config, where),
    )
    described["config_sha256"] = hashlib.sha256(arguments.config_json.read_bytes()).hexdigest()
    model_card.write_card(described, arguments.output)
    if arguments.card:
        write_whole(arguments.card, model_card_markdown.markdown(described, arguments.card.stem).encode())


if __name__ == "__main__":
    cli.run(main)
