"""Generate with one model on benchmarks under every reasoning cap.

Inputs: the problems of each benchmark (JSONL named after it) and the model's manifest (written by
download_model: its folder and the hash of every file).
Outputs, for each benchmark, in a folder: the table `generations` and its provenance as JSON; of a strategy that is
more than one chain also the table `passes`, as `<benchmark>.<strategy>.passes.parquet`, and of a tree, whose rows
are its leaves, the table `rewards`.
Completed requests are kept in a journal per benchmark under --journal-dir, in a folder named by the fingerprint of
all that changes tokens: after any interruption, the same command continues from there. SIGTERM ends the job with
status 143 and nothing lost; status 3 means that it needs GPUs it was not granted.
"""

import argparse
import json
import sys
from pathlib import Path

from frontiers.core import cli
from frontiers.generation.job import DevicesNeeded, Job, run

INTERRUPTED = 128 + 15  # a shell's status for a process ended by SIGTERM
NEEDS_DEVICES = 3


def main(argv: list[str] | None = None) -> None:
    """Run the job that the arguments describe."""
    job = parse(argv)
    cli.stop_on_sigterm()
    try:
        run(job)
    except cli.Stopped:
        cli.say(
            f"stopped by SIGTERM: what was decoded is in the journal under {job.journal_dir}; rerun the command to "
            "continue"
        )
        sys.exit(INTERRUPTED)
    except DevicesNeeded as error:
        cli.say(f"error: {error}")
        sys.exit(NEEDS_DEVICES)


def parse(argv: list[str] | None) -> Job:
    """Read the arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", required=True, help="name of the model, part of every seed")
    add(
        "--identity", type=json.loads, required=True, help="JSON of the model's fields that change its tokens"
    )
    add("--manifest", type=Path, required=True, help="JSON written by download_model")
    add("--problems", type=Path, nargs="+", required=True, help="JSONL per benchmark, named after it")
    add("--samples", type=json.loads, required=True, help="JSON: traces per problem of each benchmark")
    add("--strategy", required=True, help="name of the strategy, part of the file names")
    add(
        "--method",
        type=json.loads,
        default={"method": "chain"},
        help="JSON of the strategy's fields that change tokens (default: a chain)",
    )
    add("--reward", type=json.loads, help="JSON of the reward model of a tree: name, reward, context")
    add("--reward-manifest", type=Path, help="JSON written by download_model for the reward model")
    add(
        "--caps",
        type=json.loads,
        required=True,
        help="JSON list of reasoning caps in tokens, null for uncapped",
    )
    add("--answer-tokens", type=int, required=True, help="token budget of the answer after the trace")
    add("--seed", type=int, required=True, help="the study's seed")
    add(
        "--date",
        help="the day that a chat template reads as today, YYYY-MM-DD (default: it may not read the clock)",
    )
    add("--engine", type=json.loads, required=True, help="JSON of the study's engine block")
    add("--gpus", type=int, default=0, help="number of GPUs that the model needs")
    add("--granted", type=int, help="number of GPUs that the job may take (default: --gpus)")
    add("--shard", default="", help="shard of the problems, such as 2of4 (default: all problems)")
    add("--code", help="digest of the code that decides requests and rows, for the provenance")
    add("--environment", help="digest of the conda environment, for the provenance")
    add("--keep", nargs="*", default=[], help="benchmarks whose tables are in --output-dir as they should be")
    add("--preflight", type=Path, help="JSON written by preflight for the model, which must have passed")
    add("--journal-dir", type=Path, required=True, help="folder of the journals")
    add("--output-dir", type=Path, required=True, help="folder of the tables to write")
    return Job(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    cli.run(main)
