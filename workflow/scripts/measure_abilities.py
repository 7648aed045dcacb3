"""Puts all models on one scale of ability over the benchmarks, and follows it over release dates.

Input: the table `points` (accuracy from 0 to 1, FLOP per problem, release dates). Outputs: the table `abilities`, in
log-odds on a benchmark of average easiness, and the table `ability_trend`, slopes of log-odds per year and per tenfold
compute and the yearly change of compute for fixed log-odds (decades), all with 95 % intervals, both also as CSV.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis import abilities
from frontiers.core.cli import analysis_parser, run
from frontiers.core.tables import read_table, write_table


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the tables."""
    parser = analysis_parser(__doc__, answers=False)
    parser.add_argument("--output", type=Path, required=True, help="table of abilities to write")
    parser.add_argument("--ability-trend", type=Path, required=True, help="table of slopes to write")
    args = parser.parse_args(argv)
    table, slopes = abilities.fit(read_table(args.points, "points"))
    write_table(table, args.output, "abilities", csv=True)
    write_table(slopes, args.ability_trend, "ability_trend", csv=True)


if __name__ == "__main__":
    run(main)
