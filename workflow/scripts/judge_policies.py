"""Judges policies that stop, vote or ask a larger model, on the answers of a study, against fixed caps.

Inputs: the table `answers`, and the tables `grades` as `grades/<model>/<benchmark>.<strategy>.parquet`, for the
texts of the answers. Output: the table `policies`, as parquet and as CSV: accuracies from 0 to 1, mean FLOP per
problem, 95 % intervals. The table `points` is not read; all analyses are given it.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis import policies
from frontiers.core.cli import analysis_parser, run
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table, write_table


def read_grades(paths: Sequence[Path]) -> pd.DataFrame:
    """Return the grades of all models, benchmarks and strategies as one table."""
    parts = []
    for path in paths:
        model, benchmark, strategy = name_of(path)
        table = read_table(path, "grades")
        parts.append(table.assign(model=model, benchmark=benchmark, strategy=strategy))
    return pd.concat(parts, ignore_index=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--grades", type=Path, nargs="+", required=True, help="grades tables of the study")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    answers, grades = read_table(args.answers, "answers"), read_grades(args.grades)
    write_table(policies.tabulate(answers, grades, args.draws, args.seed), args.output, "policies", csv=True)


if __name__ == "__main__":
    run(main)
