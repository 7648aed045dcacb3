"""Fetch one benchmark and write its problems.

Input: the benchmark's block of config.yaml as JSON. It names a local JSONL file
(`path`, checked against `sha256`) or a data set of the Hub (`repository`).
Outputs: the problems as JSON lines (id, question, answer, answer_type, licence,
source), the question being the text the model is asked; next to them, as .json,
their origin: commit, number of rows, checksums.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from frontiers.config.provenance import MADE_BY
from frontiers.core import cli, lineage
from frontiers.core.files import json_lines, sha256_of, write_whole
from frontiers.data import benchmark_source
from frontiers.data.problems import read_problems
from frontiers.grading.grades import check_gold


def main(argv: list[str] | None = None) -> None:
    """Read the source, check it, and write problems and origin, or nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--name", required=True, help="name of the benchmark")
    parser.add_argument("--block", required=True, help="JSON of its block in config.yaml")
    cli.add_hub(parser)
    parser.add_argument(
        "--output", type=Path, required=True, help="JSONL to write, and its origin as .json next to it"
    )
    arguments = parser.parse_args(argv)
    block = json.loads(arguments.block)

    if "path" in block:
        problems, origin = from_file(Path(block["path"]), block, arguments.name)
    else:
        problems, origin = from_hub(block, arguments.name, arguments.hub)
    if "columns" in block or "prompt" in block:
        content = json_lines(benchmark_source.ask(problems, block.get("prompt")))
    else:
        content = Path(block["path"]).read_bytes()

    candidate = arguments.output.with_name(f".{arguments.output.name}.candidate")
    write_whole(candidate, content)
    try:
        read = read_problems(candidate, rows=block["rows"])
        check_gold(read, f"benchmark `{arguments.name}`")
    except cli.UserError as error:
        raise cli.UserError(str(error).replace(str(candidate), f"benchmark `{arguments.name}`")) from error
    else:
        origin |= {"rows": len(read), "problems_sha256": sha256_of(candidate)}
    finally:
        candidate.unlink(missing_ok=True)
    origin |= {"licence": block["licence"], "source": block["source"], MADE_BY: lineage.made_by()}
    write_whole(arguments.output.with_suffix(".json"), json.dumps(origin, indent=1).encode() + b"\n")
    write_whole(arguments.output, content)


def from_file(path: Path, block: dict, name: str) -> tuple[list[dict], dict]:
    """Return the problems of a local file and their origin."""
    origin = {"path": str(path), "sha256": block["sha256"]}
    if "columns" not in block:
        problems = read_problems(path, block["sha256"], block["rows"])
        if odd := {problem.answer_type for problem in problems} - {block["answer_type"]}:
            raise cli.UserError(
                f"{path}: its answers are of type {', '.join(sorted(odd))}, benchmarks.{name}.answer_type in "
                f"config.yaml is {block['answer_type']}; correct either"
            )
        return [asdict(problem) for problem in problems], origin
    if not path.is_file():
        raise cli.UserError(f"{path}: there is no such file; correct benchmarks.{name}.path in config.yaml")
    if (found := sha256_of(path)) != block["sha256"]:
        raise cli.UserError(
            f"{path}: expected sha256 {block['sha256']}, found {found}. The file is damaged or has changed: "
            f"fetch it again, or correct benchmarks.{name}.sha256 in config.yaml"
        )
    rows = benchmark_source.source_rows(path.read_bytes(), str(path))
    benchmark_source.check_rows(rows, block, str(path))
    return benchmark_source.to_problems(rows, block, name), origin


def from_hub(block: dict, name: str, root: Path) -> tuple[list[dict], dict]:
    """Return the problems of a data set of the Hub and their origin."""
    from frontiers.data import hub

    found = hub.snapshot(hub.Wanted("dataset", block, benchmark_source.DATA_FILES), root)
    rows, commit = benchmark_source.repository_rows(found.folder, block), found.commit
    benchmark_source.check_rows(rows, block, f"{block['repository']} at {commit}")
    checksum = benchmark_source.rows_checksum(rows, benchmark_source.used_columns(block))
    if "sha256" not in block:
        cli.say(f"{block['repository']} at {commit}: to pin its rows, add to config.yaml sha256: {checksum}")
    elif checksum != block["sha256"]:
        raise cli.UserError(
            f"{block['repository']} at {commit}: expected rows of sha256 {block['sha256']}, found {checksum}. "
            f"The data set has changed: pin `revision`, or correct benchmarks.{name}.sha256 in config.yaml"
        )
    origin = {
        "repository": block["repository"],
        "revision": block["revision"],
        "commit": commit,
        "from": found.origin,
        "sha256": checksum,
    }
    return benchmark_source.to_problems(rows, block, name), origin


if __name__ == "__main__":
    cli.run(main)
