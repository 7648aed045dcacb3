"""Draws what failed generations cost against successful ones, for every model and benchmark.

Input: the table `outcomes` (FLOP or reasoning tokens per generation at the largest cap). Outputs: the figure
as SVG and PNG. Above: the means of failed and of successful generations. Below: their ratio with its 95 %
interval, raw (over all problems) and within problem (at equal difficulty); where it cannot be given, why.
"""

from collections.abc import Sequence

from frontiers.core.cli import run
from frontiers.core.tables import read_table
from frontiers.report.figures import outcomes as figure_outcomes
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, outcomes="table of outcomes")
    parser.add_argument(
        "--measure",
        choices=list(figure_outcomes.UNITS),
        default="flops",
        help="what is compared (default flops)",
    )
    args = parser.parse_args(argv)
    figures.set_style()
    outcomes, labels = read_table(args.outcomes, "outcomes"), figures.parse_labels(args.labels)
    figure = figure_outcomes.draw(outcomes, labels, args.measure)
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
