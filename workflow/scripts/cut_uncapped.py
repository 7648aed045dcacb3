"""Cuts uncapped answers at every cap of a study without decoding, beside the answers that were forced there.

Input: the table `answers`. Output: the table `cut`, as parquet and as CSV: accuracies from 0 to 1, tokens per answer,
95 % intervals. The table `points` is not read; all analyses are given it.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import cut_answers
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    write_table(cut_answers.fit(read_table(args.answers, "answers")), args.output, "cut", csv=True)


if __name__ == "__main__":
    run(main)
