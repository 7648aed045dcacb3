"""Fits efficiency over release dates.

Inputs: the table `points` (accuracy from 0 to 1, FLOP per problem) and, for measured models, their release
dates. Output: the table `trend`, with slopes per year, doubling and halving times in months, 95 % intervals,
or the reason why a trend cannot be estimated.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers import trend
from frontiers.cli import UserError, run
from frontiers.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=Path, required=True, help="table of points")
    parser.add_argument(
        "--dates",
        default="{}",
        help='JSON object model -> "YYYY-MM-DD" or null; stands before the dates in the points',
    )
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args(argv)
    try:
        dates = json.loads(args.dates)
    except json.JSONDecodeError as error:
        example = '{"model": "2025-01-31"}'
        raise UserError(f"--dates is not JSON ({error}); write for instance {example}") from error
    if not isinstance(dates, dict):
        raise UserError("--dates must be a JSON object from model to date")
    points = read_table(args.points, "points")
    write_table(trend.fit(points, dates, args.draws, args.seed), args.output, "trend")


if __name__ == "__main__":
    run(main)
