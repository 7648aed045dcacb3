"""Apply a judge's verdicts to answers that the rules could not read.

Inputs: the generations and grades by rules of one model on one benchmark, its problems, the judge's replies
(the table `generations` of its asks) and its `config.json`. Outputs: the table `judge` (asks, replies,
verdicts, tokens, FLOP) and the table `grades`, with the status "judge" where a verdict was applied.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.compute import architecture_reader, config_json
from frontiers.core import cli
from frontiers.core.tables import read_table, write_table
from frontiers.data.problems import read_problems
from frontiers.grading.judge import apply, asks
from frontiers.grading.judge_cost import judged


def main(argv: Sequence[str] | None = None) -> None:
    """Choose the same asks again, join the replies, write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="name of the model that is judged")
    parser.add_argument("--generations", type=Path, required=True, help="its table of generations")
    parser.add_argument("--grades", type=Path, required=True, help="its grades by rules")
    parser.add_argument("--problems", type=Path, required=True, help="the benchmark's problems (JSONL)")
    parser.add_argument("--replies", type=Path, required=True, help="table of the judge's generations")
    parser.add_argument("--config-json", required=True, help="config.json of the judge")
    parser.add_argument("--seed", required=True, help="seed given to list_asks")
    parser.add_argument("--judge", type=Path, required=True, help="table of asks and verdicts to write")
    parser.add_argument("--output", type=Path, required=True, help="table of grades to write")
    arguments = parser.parse_args(argv)
    grades = read_table(arguments.grades, "grades")
    asked = asks(
        read_table(arguments.generations, "generations"),
        grades,
        read_problems(arguments.problems),
        f"{arguments.seed}/{arguments.model}",
    )
    config = config_json.read_config(arguments.config_json)
    architecture = architecture_reader.read_architecture(config, arguments.config_json)
    judge = judged(asked, read_table(arguments.replies, "generations"), architecture)
    write_table(judge, arguments.judge, "judge")
    graded = apply(grades, judge)
    write_table(graded, arguments.output, "grades")
    taken = graded["status"].eq("judge")
    print(
        f"{int(taken.sum())} verdicts of the judge applied, {int(graded.loc[taken, 'correct'].sum())} of them right"
    )


if __name__ == "__main__":
    cli.run(main)
