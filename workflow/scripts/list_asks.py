"""List the prompts for the judge of a study.

Inputs: the tables `generations` and the grades by rules of every model and benchmark, found as
`<folder>/<model>/<benchmark>.<strategy>.parquet`, and the benchmarks' problems (JSONL named after them).
Output: the asks as problems (JSONL), which `generate` gives to the judge; equal ones once.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import cli, files
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table
from frontiers.data.problems import read_problems
from frontiers.grading.judge import CHECK, DECIDE, as_problem, asks


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, choose, write the asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generations", type=Path, nargs="+", required=True, help="tables of generations")
    parser.add_argument(
        "--grades", type=Path, nargs="+", required=True, help="grades by rules, in the same order"
    )
    parser.add_argument("--problems", type=Path, nargs="+", required=True, help="JSONL per benchmark")
    parser.add_argument("--seed", required=True, help="seed of the draw of answers that check the judge")
    parser.add_argument("--output", type=Path, required=True, help="asks to write (JSONL)")
    arguments = parser.parse_args(argv)
    problems = {path.stem: read_problems(path) for path in arguments.problems}
    found: dict[str, dict] = {}
    counts: dict[str, int] = {DECIDE: 0, CHECK: 0}
    for generations, grades in zip(arguments.generations, arguments.grades, strict=True):
        model, benchmark, _ = name_of(generations)
        table = asks(
            read_table(generations, "generations"),
            read_table(grades, "grades"),
            problems[benchmark],
            f"{arguments.seed}/{model}",
        )
        for purpose, count in table["purpose"].value_counts().items():
            counts[purpose] += int(count)
        for ask, prompt in zip(table["ask"], table["prompt"], strict=True):
            found[ask] = as_problem(ask, prompt)
    if not found:
        raise cli.UserError(
            "nothing to judge: no answer of this study needs a decision, or can check the judge; remove `judge` "
            "from the study"
        )
    files.write_whole(arguments.output, files.json_lines(found.values()))
    cli.say(
        f"{len(found):,} asks: {counts[DECIDE]:,} answers to decide, {counts[CHECK]:,} to check the judge"
    )


if __name__ == "__main__":
    cli.run(main)
