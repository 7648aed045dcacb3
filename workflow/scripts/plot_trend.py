"""Draws accuracy per FLOP against release date, one panel per benchmark and one for their mean.

Inputs: the tables `points` (accuracy from 0 to 1, mean FLOP per problem, release dates) and `trend`. Outputs:
the figure as SVG and PNG. Each model stands at its largest cap. Lines are least squares of log10(accuracy per
FLOP) on date, the band is the line's 95 % interval (HC3). Where the trend cannot be estimated the panel says
why. Below a panel's title stands how fast accuracy per FLOP doubles, and how fast the compute needed for a
fixed accuracy halves, which is another question.
"""

from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import style as figures
from frontiers.report.figures import trend as figure_trend


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, points="table of points, with dates", trend="table of trends")
    args = parser.parse_args(argv)
    figures.set_style()
    points = read_table(args.points, "points")
    figure = figure_trend.draw(points, read_table(args.trend, "trend"), figures.parse_labels(args.labels))
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
