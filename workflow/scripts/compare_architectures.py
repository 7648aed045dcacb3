"""Compares dense models, mixtures of experts and hybrids at equal compute and at equal accuracy.

Inputs: the table `points` (which architecture a model has) and, for a measured study, the table `answers`;
without it a regression over published points takes the place of interpolated curves. Outputs: the table
`architectures`, with differences of accuracy (0 to 1), ratios of FLOP, shares of the frontier and 95 %
intervals, and `size_pairs`, models of equal size compared.
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
    parser.add_argument("--size-pairs", type=Path, required=True, help="table of pairs to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    answers = read_table(args.answers, "answers") if args.answers else None
    table = architectures.fit(points, answers, args.draws, args.seed)
    write_table(table, args.output, "architectures", csv=True)
    pairs = architectures.size_pairs(points, answers, args.draws, args.seed)
    write_table(pairs, args.size_pairs, "size_pairs", csv=True)


if __name__ == "__main__":
    run(main)
