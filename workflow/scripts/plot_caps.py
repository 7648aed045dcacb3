"""Draws accuracy against the reasoning cap, one panel per model, one line per benchmark.

Inputs: the tables `points` (accuracy from 0 to 1, caps in reasoning tokens) and `saturation` (breaks in FLOP
per problem, saturation caps in tokens). Outputs: the figure as SVG and PNG. The uncapped point stands at the
right end as "none". Under each curve's panel a track shows the break with its 95 % interval, brought from
FLOP to caps along the model's own curve: a tick where accuracy rises more slowly after it, an arrowhead where
faster.
"""

from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import caps as figure_caps
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, points="table of points", saturation="table of saturation fits")
    args = parser.parse_args(argv)
    figures.set_style()
    points = read_table(args.points, "points")
    labels = figures.with_point_labels(figures.parse_labels(args.labels), points)
    figure = figure_caps.draw(points, read_table(args.saturation, "saturation"), labels)
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
