"""Draws one figure of a study, as SVG and PNG: `frontiers.report.figures.<figure>` has what it shows.

Inputs: the tables that the figure reads (accuracy from 0 to 1, costs per problem, caps in reasoning tokens), or the cards
of the models (`describe_model`). What each figure shows and reads is listed in `frontiers/analysis/registry.py`; its
caption is `workflow/report/<figure>.rst`.
"""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis.registry import FIGURES
from frontiers.compute.model_card import read_card
from frontiers.core.cli import UserError, run
from frontiers.core.tables import read_table
from frontiers.report.figures import style

NAMES = {figure.name: figure for figure in FIGURES}
TABLES = [name for name in dict.fromkeys(t for figure in FIGURES for t in figure.tables) if name != "models"]
SCHEMAS = {"measures": "points"}


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--figure", choices=sorted(NAMES), required=True, help="figure to draw")
    for name in TABLES:
        parser.add_argument(f"--{name}", type=Path, help=f"table of {name}, of the figures that read it")
    parser.add_argument(
        "--models", type=Path, nargs="+", help="cards <model>.json, in the order of the panels"
    )
    parser.add_argument(
        "--labels",
        default="{}",
        help='JSON: {"models": {model: label}, "benchmarks": {benchmark: label}, '
        '"strategies": {strategy: {"label": label, "method": method}}}, each optional',
    )
    parser.add_argument("--output-svg", type=Path, required=True, help="figure to write, text as text")
    parser.add_argument("--output-png", type=Path, required=True, help="figure to write, 200 dpi")
    args = parser.parse_args(argv)
    read = {}
    for name in NAMES[args.figure].tables:
        path = getattr(args, name)
        if path is None:
            raise UserError(f"the figure `{args.figure}` reads {name}; add --{name}")
        if name == "models":
            read[name] = {card.name.removesuffix(".json"): read_card(card) for card in path}
        else:
            read[name] = read_table(path, SCHEMAS.get(name, name))
    # To a figure, points are points, with or without release dates.
    read = {"points" if name == "measures" else name: table for name, table in read.items()}
    labels = style.parse_labels(args.labels)
    if "points" in read:
        labels = style.with_point_labels(labels, read["points"])
    style.set_style()
    module = importlib.import_module(f"frontiers.report.figures.{args.figure}")
    style.save(module.draw(**read, labels=labels), args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
