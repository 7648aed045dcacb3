"""Finds the points on the frontier of accuracy against each cost, and how certain that is.

Inputs: the table `points` and, for a measured study, the table `answers` from which problems are drawn
together for all points; accuracies of points without answers are drawn from their intervals. Outputs: the table
`frontier`, and a JSON with, for each benchmark and cost (mean per problem, units as stated there):
`hypervolume` (accuracy x decades of cost), `band` (best accuracy at each budget), `best_under` (the point
to take at each budget, its accuracy also from the half of the problems that did not choose it) and
`domination` (probability that the row's point dominates the column's).
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis import frontier
from frontiers.analysis.points import with_measures
from frontiers.core import sealed
from frontiers.core.cli import UserError, analysis_parser, run
from frontiers.core.keys import KEY, benchmarks_of, cap_order
from frontiers.core.tables import read_table, write_table
from frontiers.statistics import bootstrap
from frontiers.statistics.intervals import LEVEL

BOOTSTRAPS = {
    (True, True): "joint over problems",
    (True, False): "joint over problems where answers are known, else parametric, points independent",
    (False, False): "parametric, points independent",
}
"""What was drawn, by whether there are answers and whether all points have some."""


def without(points: pd.DataFrame, draws: bootstrap.Draws) -> pd.DataFrame:
    """Return the points that `draws` lack."""
    keys, known = (
        pd.MultiIndex.from_frame(table[KEY].assign(cap=cap_order(table["cap"])))
        for table in (points, draws.keys)
    )
    return points[~keys.isin(known)].reset_index(drop=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the table and its summary."""
    parser = analysis_parser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    parser.add_argument("--summary", type=Path, required=True, help="JSON to write")
    args = parser.parse_args(argv)
    points = with_measures(read_table(args.points, "points"))
    if points.empty:
        raise UserError(f"{args.points}: no points; run the study's earlier rules first")
    benchmarks, costs = benchmarks_of(points), frontier.costs_of(points)
    measures, measured = ["accuracy", *costs], None
    if args.answers:
        answers = with_measures(read_table(args.answers, "answers"))
        cells = [bootstrap.arrange(answers, name, measures) for name in benchmarks]
        draws = bootstrap.joint_draws(cells, args.draws, args.seed)
        alone = without(points, draws)
        if alone.empty:
            measured = frontier.by_problem(cells)
        else:
            drawn = bootstrap.parametric_points(alone, measures, args.draws, args.seed)
            draws = bootstrap.side_by_side(draws, drawn)
    else:
        draws = bootstrap.parametric(points, benchmarks, measures, args.draws, args.seed)
    table, frontiers = frontier.extract(points, draws, benchmarks, costs, measured, args.seed)
    write_table(table, args.output, "frontier", csv=True)
    summary = {
        "level": LEVEL,
        "draws": args.draws,
        "seed": args.seed,
        "bootstrap": BOOTSTRAPS[bool(args.answers), measured is not None],
        "benchmarks": benchmarks,
        "costs": costs,
        "left_out_of_mean": bootstrap.left_out_of_mean(points, benchmarks),
        "frontiers": frontiers,
    }
    sealed.write(args.summary, summary)


if __name__ == "__main__":
    run(main)
