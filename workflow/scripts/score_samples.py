"""Have a reward model score the steps of every generation of one model on one benchmark.

Inputs: the table `generations`, the benchmark's problems and the reward model's manifest. Output: the table
`rewards`, one row per generation. What was scored is journalled; run again, it goes on from there.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.core import cli, tables
from frontiers.core.single_writer import PATIENCE
from frontiers.data.problems import Problem, read_problems
from frontiers.generation import reward_layout, scheduler
from frontiers.generation.engines import lease
from frontiers.generation.engines import reward as rewarders
from frontiers.generation.engines import vllm as engine
from frontiers.generation.journal import Journal
from frontiers.generation.requests import Course


def main(argv: Sequence[str] | None = None) -> None:
    """Score what the journal lacks, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generations", required=True, help="table of generations (parquet)")
    parser.add_argument("--problems", type=Path, required=True, help="the benchmark's problems (JSONL)")
    parser.add_argument("--reward", type=json.loads, required=True, help="JSON: name, reward, context")
    parser.add_argument("--reward-manifest", type=Path, required=True, help="JSON written by download_model")
    parser.add_argument("--step", required=True, help="text that separates the steps of a trace")
    parser.add_argument("--engine", type=json.loads, required=True, help="JSON of the study's engine block")
    parser.add_argument("--gpus", type=int, default=0, help="devices the model is spread over")
    parser.add_argument("--journal", type=Path, required=True, help="journal of what was scored")
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    engine.prepare_environment(arguments.engine["device"], arguments.journal.parent / "cache")
    loaded = rewarders.Loaded(arguments.reward, arguments.reward_manifest, arguments.engine)
    generations = tables.read_table(arguments.generations, "generations")
    problems = {problem.id: problem for problem in read_problems(arguments.problems)}
    courses = [
        course(problems[name], part, arguments.step, loaded.rewarder)
        for name, part in generations.groupby("problem_id", sort=False)
    ]
    part = scheduler.Part(Journal(arguments.journal, PATIENCE), courses)
    runner = lease.Lent(loaded.engine(arguments.gpus, cli.say, alone=True), arguments.gpus, cli.say)
    try:
        scheduler.drive([part], runner, cli.say)
    finally:
        runner.close()
        part.journal.close()
    table = pd.DataFrame([row for rows in part.results for row in rows])
    table = table.astype({"cap": "Int64", **dict.fromkeys(reward_layout.AGGREGATES, "Float64")})
    tables.write_table(table, arguments.output, "rewards")
    cli.say(f"{len(table):,} generations: {table['status'].value_counts().to_dict()}")


def course(
    problem: Problem, generations: pd.DataFrame, step: str, rewarder: reward_layout.Rewarder
) -> Course[list[dict]]:
    """Course of the scores of all generations of a problem; texts that are the same are read once."""
    asked, wanted, found = [], {}, {}
    for key in generations[["problem_id", "sample", "cap", "reasoning", "answer"]].itertuples(index=False):
        steps = reward_layout.split_steps(key.reasoning, step) + (
            [key.answer.strip()] if key.answer.strip() else []
        )
        asked.append((key, rewarder.scoring(problem.id, problem.question, steps)))
        if asked[-1][1]:
            wanted[asked[-1][1].id] = asked[-1][1]
    if wanted:
        replies = yield list(wanted.values())
        found = dict(zip(wanted, replies, strict=True))
    return [
        {"problem_id": key.problem_id, "sample": key.sample, "cap": key.cap}
        | reward_layout.row(request and found[request.id])
        for key, request in asked
    ]


if __name__ == "__main__":
    cli.run(main)
