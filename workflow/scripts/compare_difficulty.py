"""Compares accuracy over caps on easy and hard problems.

Inputs: the table `answers` and the table `points`, from which the benchmarks are read. Outputs: the table `difficulty`,
accuracy (0 to 1) and mean FLOP of each stratum of problems at each cap with 95 % intervals, and the table
`difficulty_gains`, what more reasoning gains on hard problems less what it gains on easy ones, both also as CSV.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import difficulty
from frontiers.core.cli import UserError, analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the tables."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table of accuracies to write")
    parser.add_argument("--difficulty-gains", type=Path, required=True, help="table of gains to write")
    args = parser.parse_args(argv)
    if args.answers is None:
        raise UserError("--answers: published figures do not tell problems apart; give a table of answers")
    table, gains = difficulty.fit(read_table(args.answers, "answers"), read_table(args.points, "points"))
    write_table(table, args.output, "difficulty", csv=True)
    write_table(gains, args.difficulty_gains, "difficulty_gains", csv=True)


if __name__ == "__main__":
    run(main)
