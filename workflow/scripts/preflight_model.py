"""Try one model of a study on the device it will use: prompt, markers, engine, caps 0, 8 and uncapped, memory.

Inputs: the problems of each benchmark, of which the first is answered, and the model's manifest. Outputs: the checks as
JSON and as lines for a terminal, each passed or not with the reason. What fails is no error here: `generate` refuses.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from frontiers.core import cli, sealed
from frontiers.core.files import write_whole
from frontiers.generation import preflight
from frontiers.generation.job import Job


def main(argv: list[str] | None = None) -> None:
    """Try the model that the arguments describe."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", required=True, help="name of the model")
    add(
        "--identity", type=json.loads, required=True, help="JSON of the model's fields that change its tokens"
    )
    add("--manifest", type=Path, required=True, help="JSON written by download_model")
    add("--problems", type=Path, nargs="+", required=True, help="JSONL per benchmark, named after it")
    add("--seed", type=int, required=True, help="the study's seed")
    add("--date", help="the day that a chat template reads as today, YYYY-MM-DD")
    add("--engine", type=json.loads, required=True, help="JSON of the study's engine block")
    add("--gpus", type=int, default=0, help="number of GPUs that the model needs")
    add(
        "--journal-dir",
        type=Path,
        required=True,
        help="folder of the journals, which has the engine's caches",
    )
    add("--output", type=Path, required=True, help="checks to write, JSON; a text goes next to it")
    args = vars(parser.parse_args(argv))
    output = args.pop("output")
    cli.stop_on_sigterm()
    job = Job(
        **args, samples={}, strategy="preflight", method={"method": "chain"}, reward=None, reward_manifest=None,
        caps=list(preflight.CAPS), answer_tokens=preflight.ANSWER_TOKENS, granted=None, shard="", code=None,
        environment=None, keep=[], output_dir=output.parent, preflight=None,
    )  # fmt: skip
    found = preflight.examine(job)
    passed = all(check.passed for check in found)
    sealed.write(output, {"model": job.model, "passed": passed, "checks": [asdict(check) for check in found]})
    text = preflight.table(job.model, found)
    write_whole(output.with_suffix(".txt"), text.encode())
    cli.say(text.rstrip())


if __name__ == "__main__":
    cli.run(main)
