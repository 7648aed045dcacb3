"""Draws one figure of a study, as SVG and PNG: `frontiers.report.figures.<figure>` has what it shows.

Inputs: the tables that the figure reads (accuracy from 0 to 1, costs per problem, caps in reasoning tokens) or the cards
of the models (`describe_model`). `frontiers/analysis/registry.py` lists which figure reads which; its caption is
`workflow/report/<figure>.rst`.
"""

import argparse
import importlib
import inspect
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.core.cli import UserError, run
from frontiers.core.paths import PACKAGE
from frontiers.core.tables import read_table
from frontiers.report.figures import style

FIGURES = sorted(
    path.stem for path in (PACKAGE / "report/figures").glob("*.py") if path.stem not in ("__init__", "style")
)


def table(text: str) -> tuple[str, Path]:
    """Read `name=path`."""
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected name=path, such as points=results/s/points.parquet"
        )
    return name, Path(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--figure", choices=FIGURES, required=True, help="figure to draw")
    parser.add_argument(
        "--tables", type=table, nargs="+", default=[], help="what it reads: name=path, each table"
    )
    parser.add_argument(
        "--models", type=Path, nargs="+", help="cards <model>.json, in the order of the panels"
    )
    parser.add_argument(
        "--labels",
        default="{}",
        help='JSON: {"models": {model: label}, "benchmarks": {benchmark: label}, '
        '"strategies": {strategy: {"label": label, "method": method}}}, each optional',
    )
    parser.add_argument(
        "--left-out", type=json.loads, default={}, help="JSON: {label of a model: why it is missing}"
    )
    parser.add_argument("--output-svg", type=Path, required=True, help="figure to write, text as text")
    parser.add_argument("--output-png", type=Path, required=True, help="figure to write, 200 dpi")
    args = parser.parse_args(argv)
    module = importlib.import_module(f"frontiers.report.figures.{args.figure}")
    read = {name: read_table(path, name) for name, path in args.tables}
    if args.models:
        read["models"] = module.read_models(args.models)
    wanted = [name for name in inspect.signature(module.draw).parameters if name != "labels"]
    if missing := [name for name in wanted if name not in read]:
        raise UserError(
            f"the figure `{args.figure}` also reads {', '.join(missing)}; add --tables {missing[0]}=PATH"
        )
    labels = style.parse_labels(args.labels)
    if "points" in read:
        labels = style.with_point_labels(labels, read["points"])
    style.set_style()
    figure = module.draw(**read, labels=labels)
    style.note_missing(figure, list(args.left_out))
    style.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
