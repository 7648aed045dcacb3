"""Fetch the configuration and the tokenizer of a model whose logs are imported, without its weights.

Input: the model's block of config.yaml as JSON. It names a local folder (`path`) or a repository of the
Hub (`repository`). The configuration of a repository comes from data/architectures/ if it is described
there, else from the Hub. Outputs: as JSON the folder of the tokenizer, or null and the reason if it is not
available (logs that count all tokens need none), with the sha256 of the configuration, which is next to it
as .config.json.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.compute import config_json
from frontiers.core import cli
from frontiers.core.files import write_whole
from frontiers.data import architecture_facts, checkpoints

TOKENIZER_FILES = [name for name in checkpoints.MODEL_FILES if "safetensors" not in name]


def main(argv: Sequence[str] | None = None) -> None:
    """Find or fetch the files, and write their location."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--block", required=True, help="JSON of its block in config.yaml")
    cli.add_hub(parser)
    parser.add_argument(
        "--output", type=Path, required=True, help="JSON to write, and .config.json next to it"
    )
    arguments = parser.parse_args(argv)
    block = json.loads(arguments.block)

    if block.get("closed"):
        folder, found = (
            None,
            {"folder": None, "reason": "the model is closed, so its tokenizer is not public"},
        )
    elif "path" in block:
        folder, found = Path(block["path"]), {"folder": block["path"], "reason": None}
    else:
        folder, found = fetch(block, arguments.hub)
    facts = architecture_facts.by_repository().get(block.get("repository"))
    if block.get("closed"):
        config, found["config_from"] = config_json.CLOSED, None
    elif facts:
        config, found["config_from"] = architecture_facts.read_facts(facts)["config"], str(facts)
    elif folder is not None:
        path = folder / "config.json"
        config, found["config_from"] = config_json.read_config(str(path)), str(path)
    else:
        raise cli.UserError(
            f"model `{arguments.name}`: no configuration: data/architectures/ does not describe {block['repository']}, "
            f"and it could not be fetched: {found['reason']}"
        )
    content = json.dumps(config, indent=1).encode() + b"\n"
    found["files"] = {"config.json": hashlib.sha256(content).hexdigest()}
    write_whole(arguments.output.with_suffix(".config.json"), content)
    write_whole(arguments.output, json.dumps(found, indent=1).encode() + b"\n")


def fetch(block: dict, root: Path) -> tuple[Path | None, dict]:
    """Return the folder with a repository's files, and what to write about it."""
    from frontiers.data import hub

    try:
        wanted = hub.Wanted("model", block, TOKENIZER_FILES, checkpoints.ELSEWHERE)
        found = hub.snapshot(wanted, root)
    except cli.UserError as error:
        cli.say(f"no tokenizer: {error}")
        return None, {"folder": None, "reason": str(error)}
    return found.folder, {"folder": str(found.folder), "reason": None, "commit": found.commit}


if __name__ == "__main__":
    cli.run(main)
