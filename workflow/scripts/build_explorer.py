"""Builds the explorer of a study: one HTML page with charts and tables that needs no network.

Inputs: the tables `points`, `frontier`, `trend` and, for a measured study, `saturation` (accuracies from 0 to
1, costs per problem in FLOP, FLOP equivalents, tokens, seconds and joules), and the JSON written with `frontier`.
Output: the page, all scripts and data in it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import sealed
from frontiers.core.cli import run
from frontiers.core.files import write_whole
from frontiers.core.tables import read_table
from frontiers.report.explorer import page as explorer
from frontiers.report.figures import style as figures


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=Path, required=True, help="table of points, with labels and dates")
    parser.add_argument("--frontier", type=Path, required=True, help="table of frontier points")
    parser.add_argument("--summary", type=Path, required=True, help="JSON that extract_frontier wrote")
    parser.add_argument(
        "--saturation", type=Path, help="table of saturation fits; none for published figures"
    )
    parser.add_argument("--gains", type=Path, help="table of gains per doubling of compute")
    parser.add_argument("--architectures", type=Path, help="table of architectures compared")
    parser.add_argument("--size-pairs", type=Path, help="table of models of one size")
    parser.add_argument("--trend", type=Path, required=True, help="table of trends")
    parser.add_argument("--findings", type=Path, help="JSON of findings, shown first")
    parser.add_argument("--labels", default="{}", help='JSON: {"benchmarks": {benchmark: label}}')
    parser.add_argument("--title", required=True, help="title of the page")
    parser.add_argument("--output", type=Path, required=True, help="HTML page to write")
    args = parser.parse_args(argv)
    labels = figures.parse_labels(args.labels)
    text = explorer.page(
        args.title,
        read_table(args.points, "points"),
        read_table(args.frontier, "frontier"),
        sealed.read(args.summary),
        read_table(args.trend, "trend"),
        read_table(args.saturation, "saturation") if args.saturation else None,
        labels.benchmarks,
        sealed.read(args.findings)["findings"] if args.findings else (),
        read_table(args.gains, "gains") if args.gains else None,
        list(labels.models),
        read_table(args.architectures, "architectures") if args.architectures else None,
        read_table(args.size_pairs, "size_pairs") if args.size_pairs else None,
    )
    write_whole(args.output, text.encode())


if __name__ == "__main__":
    run(main)
