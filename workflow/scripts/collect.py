"""Merge the table of one benchmark from the jobs of a model.

Inputs: the folders of all shards, what the study asks of them, the model's manifest (and that of its reward model)
and the problems of the benchmark.
Outputs: the table `generations` (or `passes` or `rewards` of a strategy that is more than one chain), the same as
from a single job, and the provenance as JSON.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from frontiers.config import currency
from frontiers.core import cli, sealed, tables
from frontiers.data.problems import read_problems
from frontiers.generation import shards


def main(argv: list[str] | None = None) -> None:
    """Merge the shards."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folders", type=Path, nargs="+", required=True, help="folders written by generate")
    parser.add_argument("--name", required=True, help="<benchmark>.<strategy>")
    parser.add_argument("--problems", type=Path, required=True, help="JSONL of the benchmark")
    parser.add_argument(
        "--manifests",
        type=Path,
        nargs="+",
        required=True,
        help="manifest of the model, then of the reward model",
    )
    parser.add_argument(
        "--asked", type=json.loads, required=True, help="JSON: what the study asks of the table"
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--table", default="generations", help="which table (default %(default)s)")
    parser.add_argument("--provenance", type=Path, help="JSON to write")
    arguments = parser.parse_args(argv)
    manifests = dict(zip(currency.MANIFESTS, arguments.manifests, strict=False))
    made = [
        checked(folder / f"{arguments.name}.json", arguments.asked, arguments.problems, manifests)
        for folder in arguments.folders
    ]
    check_one_engine(made, arguments.folders)
    suffix = "" if arguments.table == "generations" else f".{arguments.table}"
    found = [folder / f"{arguments.name}{suffix}.parquet" for folder in arguments.folders]
    order = [problem.id for problem in read_problems(arguments.problems)]
    table = shards.merged([read(path, arguments.table) for path in found], order, str(arguments.output))
    tables.write_table(table, arguments.output, arguments.table)
    if arguments.provenance:
        sealed.write(arguments.provenance, shards.merged_provenance(made))


def checked(path: Path, asked: Mapping, problems: Path, manifests: Mapping[str, Path]) -> dict:
    """Return a provenance. Raises `UserError` unless its table is what the study asks for."""
    again = f"Delete the whole folder {path.parent} and rerun the command: what was decoded is in the journal"
    try:
        made = sealed.read(path)
        odd = currency.differing(made, asked, problems, manifests)
    except cli.UserError as error:
        raise cli.UserError(f"{error}. {again}") from error
    except (OSError, ValueError) as error:
        raise cli.UserError(
            f"{path}: cannot be compared with what is asked for ({error}); rerun the command"
        ) from error
    if odd:
        raise cli.UserError(
            f"{path}: not what the study asks for: {', '.join(odd)} differ. Rerun the command; if that does not help, "
            "add --forcerun generate"
        )
    return made


def check_one_engine(made: Sequence[Mapping], folders: Sequence[Path]) -> None:
    """Raise `UserError` if the shards were decoded under several fingerprints."""
    if len({one["fingerprint"] for one in made}) > 1:
        marks = ", ".join(
            f"{folder}: {one['fingerprint']}" for folder, one in zip(folders, made, strict=True)
        )
        raise cli.UserError(
            f"the shards were decoded by several engines or from several checkpoints ({marks}); decode them anew with "
            "--forcerun generate"
        )


def read(path: Path, schema: str) -> pd.DataFrame:
    """Return the table of one shard. Raises `UserError`: its whole folder must be deleted, or no job makes it again."""
    try:
        return tables.read_table(path, schema)
    except cli.UserError as error:
        raise cli.UserError(
            f"{error}. Delete the whole folder {path.parent} and rerun the command: what was decoded is in the journal"
        ) from error


if __name__ == "__main__":
    cli.run(main)
