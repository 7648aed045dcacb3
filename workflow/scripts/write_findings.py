"""Writes what a study found: a sentence for each of its questions, every number from a table.

Inputs: the tables points, frontier, trend, ability_trend, saturation, gains, architectures, size_pairs and outcomes of a
study, difficulty_gains, differences and seeds if it has answers, policies if they were measured, half_years and cohorts
if its models are others'.
Outputs: `findings.md`, and `findings.json` with the table, row and column of every number.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import findings
from frontiers.core import sealed
from frontiers.core.cli import run
from frontiers.core.files import write_whole
from frontiers.core.tables import read_table

TABLES = (
    "points",
    "frontier",
    "trend",
    "ability_trend",
    "saturation",
    "gains",
    "architectures",
    "size_pairs",
    "outcomes",
)
SOME = ("difficulty_gains", "differences", "seeds", "policies", "half_years", "cohorts")
"""Tables that only studies with answers have, only measured ones, and only those of others' models."""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in (*TABLES, *SOME):
        given = f"--{name.replace('_', '-')}"
        parser.add_argument(given, type=Path, required=name in TABLES, help=f"table of {name}")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--labels", type=json.loads, default={}, help='JSON {"benchmarks": {name: label}}')
    parser.add_argument(
        "--left-out", type=json.loads, default={}, help="JSON: {label of a model: why it is missing}"
    )
    parser.add_argument("--output", type=Path, required=True, help="page to write; a JSON goes next to it")
    args = parser.parse_args(argv)
    paths = {name: path for name in (*TABLES, *SOME) if (path := getattr(args, name))}
    tables = {name: read_table(path, name) for name, path in paths.items()}
    found = findings.findings(tables, args.labels.get("benchmarks", {})) + findings.missing(args.left_out)
    sealed.write(args.output.with_suffix(".json"), {"study": args.study, "findings": findings.as_json(found)})
    write_whole(args.output, findings.markdown(args.study, found).encode())


if __name__ == "__main__":
    run(main)
