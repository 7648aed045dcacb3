"""Fits where accuracy stops rising with the reasoning cap, for every model, strategy and benchmark.

Inputs: the table `answers` and the table `points`, from which the benchmarks are read. Outputs: the table
`saturation`, with breaks in FLOP per problem, slopes in accuracy (0 to 1) per tenfold compute, saturation
caps in tokens and 95 % intervals; the table `saturation_pooled`, what the models of a benchmark show
together; and the table `gains`, what each doubling of compute gains, without any form.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import saturation
from frontiers.core.cli import analysis_parser, run
from frontiers.core.keys import benchmarks_of
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the tables."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table of curves to write")
    parser.add_argument(
        "--saturation-pooled", type=Path, help="table of pooled estimates to write, also as CSV"
    )
    parser.add_argument("--gains", type=Path, help="table of gains per doubling to write, also as CSV")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    benchmarks = benchmarks_of(points)
    if args.answers:
        answers = read_table(args.answers, "answers")
        table, pooled, gains = saturation.fit(answers, args.draws, args.seed, benchmarks)
    else:
        table, pooled, gains = saturation.unfitted(points)
    write_table(table, args.output, "saturation", csv=True)
    if args.saturation_pooled:
        write_table(pooled, args.saturation_pooled, "saturation_pooled", csv=True)
    if args.gains:
        write_table(gains, args.gains, "gains", csv=True)


if __name__ == "__main__":
    run(main)
