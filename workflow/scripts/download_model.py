"""Fetch one checkpoint, or find it on this machine, and write its manifest.

Input: the model's block of config.yaml as JSON. It names a local folder
(`path`) or a repository of the Hub (`repository`), from which configuration,
tokenizer and safetensors are fetched, never a pickle (no safetensors if `fetch_weights` is false).
Output: the manifest as JSON: the folder, the commit, the sha256 of every file
that affects what the model writes, parameters, and the size of the weights in bytes. Next to
it a copy of config.json, and a record of the files as they were compared (see frontiers/data/manifests.py),
with the parameters that config.json describes and those in the weights, which must be equal.
"""

import argparse
import json
from pathlib import Path

from frontiers.compute import stored_parameters
from frontiers.compute.config_json import read_config
from frontiers.config.provenance import MADE_BY
from frontiers.core import cli, lineage
from frontiers.core.files import write_whole
from frontiers.data import checkpoints, manifests


def main(argv: list[str] | None = None) -> None:
    """Check that the checkpoint is complete and write its manifest, or nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--block", required=True, help="JSON of its block in config.yaml")
    cli.add_hub(parser)
    parser.add_argument("--output", type=Path, required=True, help="manifest to write, JSON")
    arguments = parser.parse_args(argv)
    block = json.loads(arguments.block)
    trusted, weights = block.get("trust_remote_code", False), block.get("fetch_weights", True)

    if "path" in block:
        folder, origin, sums = Path(block["path"]), {"commit": None, "from": "path"}, {}
        fix = (
            f"Restore the folder of model `{arguments.name}` (a shipped one: git checkout -- {folder}, or "
            "train it again with snakemake train_pocket), or correct its `path` in config.yaml"
        )
        if not folder.is_dir():
            raise cli.UserError(f"{folder}: there is no such folder. {fix}")
        checkpoints.refuse_pickles(str(folder), [path.name for path in folder.iterdir()])
    else:
        from frontiers.data import hub

        found = hub.snapshot(
            hub.Wanted(
                "model",
                block,
                checkpoints.files_of(trusted, weights),
                checkpoints.ELSEWHERE,
                lambda names: checkpoints.refuse_pickles(block["repository"], names),
            ),
            arguments.hub,
        )
        folder, origin, sums = found.folder, {"commit": found.commit, "from": found.origin}, found.sums
        fix = f"Delete {folder} and rerun the command"
    held = checkpoints.check_checkpoint(folder, fix, weights)
    stored = stored_parameters.Stored(None, None, f"{arguments.name}: its weights are not on this machine")
    if weights:
        checkpoints.check_weights(folder, block.get("sha256"), fix)
        config = folder / "config.json"
        stored = stored_parameters.compare(read_config(config), checkpoints.read_tensors(folder), str(config))
    if stored.why:
        cli.say(f"{arguments.name}: parameters of config.json and weights not compared: {stored.why}")
    if not trusted and (kind := checkpoints.names_code(folder)):
        cli.say(
            f"{arguments.name}: its own code was not fetched and does not run; the engine must support {kind}"
        )
    seen = manifests.facts_of(folder, checkpoints.own_files(folder, checkpoints.files_of(trusted, weights)))
    manifest = {
        "model": arguments.name,
        "folder": str(folder),
        "repository": block.get("repository"),
        "revision": block.get("revision"),
        **origin,
        **held,
        "files": checkpoints.checksums(folder, trusted, sums, weights),
        MADE_BY: lineage.made_by(),
    }
    write_whole(arguments.output.with_suffix(".config.json"), (folder / "config.json").read_bytes())
    write_whole(arguments.output, json.dumps(manifest, indent=1).encode() + b"\n")
    manifests.record(arguments.output, manifest["files"], seen, {"parameters": stored._asdict()})


if __name__ == "__main__":
    cli.run(main)
