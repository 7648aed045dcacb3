"""Fits efficiency over release dates.

Input: the table `points` (accuracy from 0 to 1, FLOP per problem, release dates). Output: the table `trend`,
with slopes per year, doubling and halving times in months, 95 % intervals, or the reason why a trend cannot be
estimated.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import trend
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__, answers=False)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    write_table(trend.fit(points, args.draws, args.seed), args.output, "trend", csv=True)


if __name__ == "__main__":
    run(main)
