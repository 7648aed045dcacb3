"""Measures how much an accuracy would move with another seed.

Inputs: the table `answers`, and the table `points`, which every analysis is given. Output: the table `seeds`, also as CSV:
the standard deviation of the accuracy (0 to 1) between runs on the same problems with its 95 % interval, or why there is
none.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import seeds
from frontiers.core.cli import UserError, analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    if args.answers is None:
        raise UserError("--answers: published figures are of one run; give a table of answers")
    write_table(seeds.fit(read_table(args.answers, "answers")), args.output, "seeds", csv=True)


if __name__ == "__main__":
    run(main)
