"""List what the judge of a study is asked.

Inputs: the tables `generations` and the grades by rules of every model and benchmark, found as
`<folder>/<model>/<benchmark>.<strategy>.parquet`, and the benchmarks' problems (JSONL named after them).
Output: the asks as problems (JSONL), for `generate` to put to the judge; equal ones stand there once.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import cli, files
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table
from frontiers.data.problems import read_problems
from frontiers.grading import judge as judging


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, choose, write the asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generations", type=Path, nargs="+", required=True, help="tables of generations")
    parser.add_argument(
        "--grades", type=Path, nargs="+", required=True, help="grades by rules, in the same order"
    )
    parser.add_argument("--problems", type=Path, nargs="+", required=True, help="JSONL per benchmark")
    parser.add_argument("--seed", required=True, help="seed of the choice of answers to check the judge on")
    parser.add_argument("--output", type=Path, required=True, help="asks to write (JSONL)")
    arguments = parser.parse_args(argv)
    problems = {path.stem: read_problems(path) for path in arguments.problems}
    found: dict[str, dict] = {}
    counts: dict[str, int] = {judging.DECIDE: 0, judging.CHECK: 0}
    for generations, grades in zip(arguments.generations, arguments.grades, strict=True):
        model, benchmark, _ = name_of(generations)
        table = judging.asks(
            read_table(generations, "generations"),
            read_table(grades, "grades"),
            problems[benchmark],
            f"{arguments.seed}/{model}",
        )
        for purpose, count in table["purpose"].value_counts().items():
            counts[purpose] += int(count)
        for ask, prompt in zip(table["ask"], table["prompt"], strict=True):
            found[ask] = judging.as_problem(ask, prompt)
    if not found:
        raise cli.UserError(
            "there is nothing to ask a judge: no answer of this study was read by rules or has a text that was not; "
            "take `judge` out of the study"
        )
    files.write_whole(arguments.output, files.json_lines(found.values()))
    cli.say(
        f"{len(found):,} asks: {counts['decide']:,} answers to decide, {counts['check']:,} to check the judge on"
    )


if __name__ == "__main__":
    cli.run(main)
