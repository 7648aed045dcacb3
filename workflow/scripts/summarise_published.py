"""Turns a table of published figures into points.

Input: a CSV with one row per model and benchmark (schema `published`: accuracy and standard error from 0
to 1, mean tokens per problem, parameters). Output: the table `points` (mean FLOP and tokens per problem,
95 % intervals of the accuracy), as parquet and as CSV.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis.published_points import check_published, left_out, published_points
from frontiers.compute.answer_flops import AnswerFlops, answer_flops
from frontiers.compute.architecture_reader import read_architecture
from frontiers.core.cli import UserError, run
from frontiers.core.tables import write_table
from frontiers.data.architecture_facts import read_facts


def counter(folder: Path) -> Callable[[str, float, float], AnswerFlops]:
    """Return the closed-form FLOPs of one answer from a file of `folder`, prompt and output tokens."""

    def flops(name: str, prompt: float, output: float) -> AnswerFlops:
        path = folder / f"{name}.yaml"
        return answer_flops(read_architecture(read_facts(path)["config"], str(path)), prompt, output)

    return flops


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the points."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="CSV of published figures")
    parser.add_argument(
        "--architectures", type=Path, default=Path("data/architectures"), help="folder of <config>.yaml"
    )
    parser.add_argument(
        "--benchmarks", nargs="+", help="benchmarks to keep, in order (default: all, as found)"
    )
    parser.add_argument(
        "--facts",
        type=json.loads,
        default={},
        help='JSON: {benchmark: {"chance": 0 to 1, "public_since": "YYYY-MM-DD"}}, each optional',
    )
    parser.add_argument("--points", type=Path, required=True, help="table of points to write, also as CSV")
    args = parser.parse_args(argv)
    try:
        table = pd.read_csv(args.table)
    except (OSError, ValueError) as error:
        raise UserError(f"{args.table}: cannot be read as CSV ({error})") from error
    table = check_published(table, str(args.table))
    benchmarks = args.benchmarks or list(dict.fromkeys(table["benchmark"]))
    if unknown := sorted(set(benchmarks) - set(table["benchmark"])):
        raise UserError(f"{args.table}: no rows for {unknown}; it has {sorted(set(table['benchmark']))}")
    facts = {name: args.facts.get(name, {}) for name in benchmarks}
    points = published_points(table, benchmarks, counter(args.architectures), facts)
    for label, reason in left_out(table, benchmarks).items():
        print(f"left out: {label} {reason}")
    write_table(points, args.points, "points", csv=True)


if __name__ == "__main__":
    run(main)
