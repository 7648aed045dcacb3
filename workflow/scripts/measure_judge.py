"""Measure the error rate of a study's judge, and its cost.

Inputs: the tables `judge` of every model and benchmark, found as `<folder>/<model>/<benchmark>.<strategy>.parquet`.
Output: the table `judge_error` as parquet and CSV: error rate on answers that the rules read, with 95 %
limits, decisions, tokens, FLOP.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.core import cli
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table, write_table
from frontiers.grading.judge_error import errors


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, count, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--judge", type=Path, nargs="+", required=True, help="tables of asks and verdicts")
    parser.add_argument(
        "--output", type=Path, required=True, help="table to write (parquet, and CSV next to it)"
    )
    arguments = parser.parse_args(argv)
    parts = []
    for path in arguments.judge:
        model, benchmark, strategy = name_of(path)
        parts.append(read_table(path, "judge").assign(model=model, benchmark=benchmark, strategy=strategy))
    table = errors(pd.concat(parts, ignore_index=True))
    write_table(table, arguments.output, "judge_error", csv=True)
    print(table.to_string(index=False))


if __name__ == "__main__":
    cli.run(main)
