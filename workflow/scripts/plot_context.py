"""Draws where the FLOPs of a decoded token go as its context grows, one panel per model.

Inputs: the cards of the models that `describe_model` writes (FLOP per token by component at powers of two of the
context). Outputs: the figure as SVG and PNG. Bands are shares of the FLOP of one decoded token with its logits,
against the context in tokens, the token itself included. A mark stands where attention scores cost as much as
all else together; above each panel that context, and the FLOP per token at both ends of the axis.
"""

from collections.abc import Sequence
from pathlib import Path

from frontiers.compute.model_card import read_card
from frontiers.core.cli import run
from frontiers.report.figures import context as figure_context
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__)
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="cards <model>.json, in the order of the panels"
    )
    args = parser.parse_args(argv)
    figures.set_style()
    cards = {path.name.removesuffix(".json"): read_card(path) for path in args.models}
    figure = figure_context.draw(cards, figures.parse_labels(args.labels))
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
