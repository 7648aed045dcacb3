"""Have a reward model score the steps of every generation of one model on one benchmark.

Inputs: the table `generations`, the benchmark's problems and the reward model's manifest. Output: the table
`rewards`, one row per generation. What was scored is journalled; run again, it goes on from there.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers import cli, engine, rewarders, rewards, runners, schedule, tables
from frontiers.completions import Course
from frontiers.fence import PATIENCE
from frontiers.journal import Journal
from frontiers.problems import Problem, read_problems


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
    part = schedule.Part(Journal(arguments.journal, PATIENCE), courses)
    runner = runners.Lent(loaded.engine(arguments.gpus, cli.say, alone=True), arguments.gpus, cli.say)
    try:
        schedule.drive([part], runner, cli.say)
    finally:
        runner.close()
        part.journal.close()
    table = pd.DataFrame([row for rows in part.results for row in rows])
    table = table.astype({"cap": "Int64", **dict.fromkeys(rewards.AGGREGATES, "Float64")})
    tables.write_table(table, arguments.output, "rewards")
    cli.say(f"{len(table):,} generations: {table['status'].value_counts().to_dict()}")


def course(
    problem: Problem, generations: pd.DataFrame, step: str, rewarder: rewards.Rewarder
) -> Course[list[dict]]:
    """Course of the scores of all generations of a problem; texts that are the same are read once."""
    asked, wanted, found = [], {}, {}
    for key in generations[["problem_id", "sample", "cap", "reasoning", "answer"]].itertuples(index=False):
        steps = rewards.split_steps(key.reasoning, step) + (
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
        | rewards.row(request and found[request.id])
        for key, request in asked
    ]


if __name__ == "__main__":
    cli.run(main)
