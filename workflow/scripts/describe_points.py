"""Adds labels, developers, release dates and the chance levels of benchmarks to the points of a measured study.

Input: the table of points without labels. Outputs: the table `points`, as parquet and as CSV, and a CSV of the models
that are missing from it because a job of theirs failed.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis import points
from frontiers.core.cli import run
from frontiers.core.files import write_whole
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the points."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--measures", type=Path, required=True, help="table of points without labels")
    parser.add_argument(
        "--models",
        type=json.loads,
        required=True,
        help='JSON: {model: {"label": ..., "developer": ..., "release_date": "YYYY-MM-DD", "mode": ...}}, each optional',
    )
    parser.add_argument(
        "--facts",
        type=json.loads,
        help='JSON: {benchmark: {"chance": 0 to 1, "public_since": "YYYY-MM-DD"}}, each optional',
    )
    parser.add_argument("--points", type=Path, required=True, help="table of points to write, also as CSV")
    parser.add_argument(
        "--left-out", type=json.loads, default={}, help="JSON: {label of a model: why it is missing}"
    )
    parser.add_argument("--missing", type=Path, help="CSV of the models that are missing to write")
    args = parser.parse_args(argv)
    table = points.label(read_table(args.measures, "points"), args.models, args.facts)
    write_table(table, args.points, "points", csv=True)
    if args.missing:
        missing = pd.DataFrame(list(args.left_out.items()), columns=["label", "reason"])
        write_whole(args.missing, missing.to_csv(index=False).encode())


if __name__ == "__main__":
    run(main)
