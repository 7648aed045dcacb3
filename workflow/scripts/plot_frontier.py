"""Draws accuracy against a cost with the frontier, one panel per benchmark and one for their mean.

Inputs: the tables `points` (accuracy from 0 to 1, mean costs per problem) and `frontier`. Outputs: the figure
as SVG and PNG. Under each panel a strip tells which model to take at which budget: a bar runs from the cost
of a frontier point to that of the next one.
"""

from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import frontier as figure_frontier
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, points="table of points", frontier="table of frontier points")
    parser.add_argument(
        "--cost",
        choices=list(figure_frontier.AXES),
        default="flops",
        help="cost on the x axis (default flops)",
    )
    args = parser.parse_args(argv)
    figures.set_style()
    points = read_table(args.points, "points")
    labels = figures.with_point_labels(figures.parse_labels(args.labels), points)
    figure = figure_frontier.draw(points, read_table(args.frontier, "frontier"), labels, args.cost)
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
