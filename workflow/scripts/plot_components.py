"""Draws on what each model's compute is spent: by component of the network and by phase of the answer.

Input: the table `answers` (FLOP per generation). Outputs: the figure as SVG and PNG. Bars are shares of the
mean FLOP per problem at each model's largest cap, averaged over benchmarks with equal weight; the mean itself
stands beside them.
"""

from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import components as figure_components
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, answers="table of answers")
    args = parser.parse_args(argv)
    figures.set_style()
    figure = figure_components.draw(read_table(args.answers, "answers"), figures.parse_labels(args.labels))
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
