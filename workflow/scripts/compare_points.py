"""Compares points of a measured study in pairs, on the same problems.

Inputs: the table `answers` and the table `points`, from which the benchmarks are read. Output: the table
`differences`, also as CSV: accuracy (0 to 1) of one point less that of another, its 95 % interval, an exact p-value, and
the ratio of their mean FLOP per problem. Without `--pair` all models are compared at their largest caps, and
all caps of a model with its largest.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import differences
from frontiers.core.cli import UserError, analysis_parser, run
from frontiers.core.keys import benchmarks_of
from frontiers.core.tables import read_table, write_table


def point(text: str) -> differences.Point:
    """Read `model,strategy,cap`; the cap is a number or `none`."""
    parts = text.split(",")
    if len(parts) != 3 or not (parts[2] == "none" or parts[2].isdecimal()):
        raise UserError(
            f"--pair: `{text}` is not a point; write model,strategy,cap with a number or `none` as cap"
        )
    return parts[0], parts[1], float("inf") if parts[2] == "none" else float(parts[2])


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = analysis_parser(__doc__)
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        metavar="POINT",
        help="compare these two points only, each model,strategy,cap; may be given again",
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    if args.answers is None:
        raise UserError(
            "--answers: published figures are means and cannot be paired; give a table of answers"
        )
    points = read_table(args.points, "points")
    benchmarks = benchmarks_of(points)
    pairs = [(point(a), point(b)) for a, b in args.pair] if args.pair else None
    answers = read_table(args.answers, "answers")
    table = differences.fit(answers, benchmarks, args.draws, args.seed, pairs)
    write_table(table, args.output, "differences", csv=True)


if __name__ == "__main__":
    run(main)
