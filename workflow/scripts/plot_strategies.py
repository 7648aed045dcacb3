"""Draws accuracy against compute by strategy, with the frontier over all models, strategies and caps.

Input: the table `points`. Outputs: the figure as SVG and PNG.
"""

import json
from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import strategies as figure_strategies
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, points="table of points")
    parser.add_argument("--strategies", type=json.loads, required=True, help="JSON: {name: {label, method}}")
    args = parser.parse_args(argv)
    figures.set_style()
    points = read_table(args.points, "points")
    labels = figures.with_point_labels(figures.parse_labels(args.labels), points)
    figures.save(figure_strategies.draw(points, args.strategies, labels), args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
