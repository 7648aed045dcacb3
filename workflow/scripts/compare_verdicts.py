"""Compare the grades made here with the verdicts of imported logs on the same completions.

Inputs: the tables `verdicts` and `grades` of every model and benchmark of a study, found as
`<kind>/<model>/<benchmark>.<strategy>.parquet`. Output: the table `agreement`, as parquet and CSV.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.core import cli
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table, write_table
from frontiers.log_import.agreement import agreement


def main(argv: Sequence[str] | None = None) -> None:
    """Read both tables of each model and benchmark, count agreements, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--verdicts", type=Path, nargs="+", required=True, help="tables of verdicts")
    parser.add_argument(
        "--grades", type=Path, nargs="+", required=True, help="tables of grades, in any order"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="table to write (parquet, and CSV next to it)"
    )
    arguments = parser.parse_args(argv)
    grades = {name_of(path): path for path in arguments.grades}
    parts = []
    for path in arguments.verdicts:
        model, benchmark, strategy = name_of(path)
        tables = read_table(path, "verdicts"), read_table(grades[model, benchmark, strategy], "grades")
        parts.append(agreement(*tables, model, benchmark, strategy))
    write_table(pd.concat(parts, ignore_index=True), arguments.output, "agreement", csv=True)


if __name__ == "__main__":
    cli.run(main)
