"""Fits where accuracy stops rising with the reasoning cap, for every model, strategy and benchmark.

Inputs: the table `answers` and the table `points`, from which the benchmarks are read. Output: the table
`saturation`, with breaks in FLOP per problem, slopes in accuracy (0 to 1) per tenfold compute, saturation
caps in tokens and 95 % intervals.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers import saturation
from frontiers.bootstrap import MEAN
from frontiers.cli import analysis_parser, run
from frontiers.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    benchmarks = [name for name in dict.fromkeys(points["benchmark"]) if name != MEAN]
    if args.answers:
        answers = read_table(args.answers, "answers")
        table = saturation.fit(answers, args.draws, args.seed, benchmarks)
    else:
        table = saturation.unfitted(points)
    write_table(table, args.output, "saturation")


if __name__ == "__main__":
    run(main)
