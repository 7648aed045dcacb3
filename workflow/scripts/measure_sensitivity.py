"""Measures how trend and frontier move if one thing is decided otherwise.

Input: the table `points` (accuracy from 0 to 1, FLOP per problem, release dates). Output: the table `sensitivity`, as
parquet and as CSV: slopes in decades per year with 95 % intervals, and who joins or leaves the frontier.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import sensitivity
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__, answers=False)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    write_table(
        sensitivity.fit(read_table(args.points, "points"), args.seed), args.output, "sensitivity", csv=True
    )


if __name__ == "__main__":
    run(main)
