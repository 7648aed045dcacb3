"""Tabulate the strategies of a study: accuracy, FLOPs by who spent them, difference from a single chain.

Inputs: the tables `points` and `answers`. Output: the table `strategies`, as parquet and CSV.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis.strategies import tabulate
from frontiers.core.cli import run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=Path, required=True, help="table of points")
    parser.add_argument("--answers", type=Path, required=True, help="table of answers")
    parser.add_argument("--strategies", type=json.loads, required=True, help="JSON: {name: {label, method}}")
    parser.add_argument("--baseline", required=True, help="model whose first chain all are compared with")
    parser.add_argument("--output", type=Path, required=True, help="table to write, also as CSV")
    args = parser.parse_args(argv)
    points, answers = read_table(args.points, "points"), read_table(args.answers, "answers")
    table = tabulate(points, answers, args.strategies, args.baseline)
    table = table.astype({"cap": "Int64", "seconds": "Float64", "joules": "Float64"})
    write_table(table, args.output, "strategies", csv=True)


if __name__ == "__main__":
    run(main)
