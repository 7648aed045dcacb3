"""Follows the frontier of others' models over their release dates.

Input: the table `points` (accuracy from 0 to 1, FLOP and dollars per problem, release dates, modes, lineages). Outputs:
the table `half_years`, the frontier at the end of each half-year, and the table `cohorts`, the trends of those
that reason and those that do not, of each developer and of each lineage; both as parquet and as CSV.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import half_years
from frontiers.analysis.trend import cohorts
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write both tables."""
    parser = analysis_parser(__doc__, answers=False)
    parser.add_argument("--output", type=Path, required=True, help="table of half-years to write")
    parser.add_argument("--cohorts", type=Path, required=True, help="table of cohorts to write")
    args = parser.parse_args(argv)
    points = read_table(args.points, "points")
    write_table(half_years.fit(points), args.output, "half_years", csv=True)
    write_table(cohorts.fit(points, args.draws, args.seed), args.cohorts, "cohorts", csv=True)


if __name__ == "__main__":
    run(main)
