"""Compares the cost of failed and successful generations, and tells what stopping early would save.

Inputs: the table `answers` and the table `points`, from which the benchmarks are read. Output: the table
`outcomes`, with ratios of reasoning tokens and of FLOP per generation, raw and with
difficulty held fixed, the share of FLOP saved by stopping early, and 95 % intervals.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import outcomes
from frontiers.core.cli import analysis_parser, run
from frontiers.core.keys import benchmarks_of
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    benchmarks = benchmarks_of(points)
    if args.answers:
        answers = read_table(args.answers, "answers")
        # Of an answer made of several samples no single generation succeeds or fails.
        answers = answers[answers["status"] != "combined"]
        table = outcomes.fit(answers, args.draws, args.seed, benchmarks)
    else:
        table = outcomes.unfitted(points)
    write_table(table, args.output, "outcomes", csv=True)


if __name__ == "__main__":
    run(main)
