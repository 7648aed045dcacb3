"""Compares dense models, mixtures of experts and hybrids at equal compute and at equal accuracy.

Inputs: the table `points` (which architecture a model has) and, for a measured study, the table `answers`;
without it a regression over published points takes the place of interpolated curves. Output: the table
`architectures`, with differences of accuracy (0 to 1), ratios of FLOP, shares of the frontier and 95 %
intervals.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import architectures
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    answers = read_table(args.answers, "answers") if args.answers else None
    write_table(
        architectures.fit(points, answers, args.draws, args.seed), args.output, "architectures", csv=True
    )


if __name__ == "__main__":
    run(main)
