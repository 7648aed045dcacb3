"""Take one benchmark's table out of what the jobs of a model have generated.

Inputs: the folders of all shards, and the problems of the benchmark.
Outputs: the table `generations` (or, of a strategy that is more than one chain, `passes` or `rewards`), the same as
of a single job, and the provenance as JSON.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from frontiers.core import cli, tables
from frontiers.core.files import sha256_of, write_whole
from frontiers.data.problems import read_problems
from frontiers.generation import shards


def main(argv: list[str] | None = None) -> None:
    """Put the shards together."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folders", type=Path, nargs="+", required=True, help="what the jobs have written")
    parser.add_argument("--name", required=True, help="<benchmark>.<strategy>")
    parser.add_argument("--problems", type=Path, required=True, help="JSONL of the benchmark")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--table", default="generations", help="which table (default %(default)s)")
    parser.add_argument("--provenance", type=Path, help="JSON to write")
    arguments = parser.parse_args(argv)
    beside = "" if arguments.table == "generations" else f".{arguments.table}"
    found = [folder / f"{arguments.name}{beside}.parquet" for folder in arguments.folders]
    order = [problem.id for problem in read_problems(arguments.problems)]
    table = shards.merged([read(path, arguments.table) for path in found], order, str(arguments.output))
    parts = [json.loads((folder / f"{arguments.name}.json").read_text()) for folder in arguments.folders]
    if {part["problems_sha256"] for part in parts} != {sha256_of(arguments.problems)}:
        raise cli.UserError(
            f"{arguments.problems}: not the problems that {found[0]} answers; run the same command again"
        )
    tables.write_table(table, arguments.output, arguments.table)
    if arguments.provenance:
        said = shards.merged_provenance(parts)
        write_whole(arguments.provenance, json.dumps(said, indent=1).encode() + b"\n")


def read(path: Path, schema: str) -> pd.DataFrame:
    """Return the table of one shard. Raises `UserError`: its folder has to go as a whole, or no job makes it anew."""
    try:
        return tables.read_table(path, schema)
    except cli.UserError as error:
        raise cli.UserError(
            f"{error}. Of what generate wrote delete the whole folder {path.parent}: what was decoded is journalled"
        ) from error


if __name__ == "__main__":
    cli.run(main)
