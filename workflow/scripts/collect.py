"""Merge the table of one benchmark from the jobs of a model.

Inputs: the folders of all shards, and the problems of the benchmark.
Outputs: the table `generations` (or `passes` or `rewards` of a strategy that is more than one chain), the same as
from a single job, and the provenance as JSON.
"""

import argparse
from pathlib import Path

import pandas as pd

from frontiers.core import cli, sealed, tables
from frontiers.core.files import sha256_of
from frontiers.data.problems import read_problems
from frontiers.generation import shards


def main(argv: list[str] | None = None) -> None:
    """Merge the shards."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folders", type=Path, nargs="+", required=True, help="folders written by generate")
    parser.add_argument("--name", required=True, help="<benchmark>.<strategy>")
    parser.add_argument("--problems", type=Path, required=True, help="JSONL of the benchmark")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--table", default="generations", help="which table (default %(default)s)")
    parser.add_argument("--provenance", type=Path, help="JSON to write")
    arguments = parser.parse_args(argv)
    suffix = "" if arguments.table == "generations" else f".{arguments.table}"
    found = [folder / f"{arguments.name}{suffix}.parquet" for folder in arguments.folders]
    order = [problem.id for problem in read_problems(arguments.problems)]
    table = shards.merged([read(path, arguments.table) for path in found], order, str(arguments.output))
    provenances = [sealed.read(folder / f"{arguments.name}.json") for folder in arguments.folders]
    if {one["problems_sha256"] for one in provenances} != {sha256_of(arguments.problems)}:
        raise cli.UserError(
            f"{arguments.problems}: not the problems that {found[0]} answers; rerun the command"
        )
    tables.write_table(table, arguments.output, arguments.table)
    if arguments.provenance:
        provenance = shards.merged_provenance(provenances)
        sealed.write(arguments.provenance, provenance)


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
