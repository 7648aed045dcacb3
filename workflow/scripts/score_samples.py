"""Score the steps of every generation of one model on one benchmark with a reward model.

Inputs: the table `generations`, the benchmark's problems and the reward model's manifest. Output: the table
`rewards`, one row per generation. Scores are kept in a journal; the same command continues from there.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from frontiers.core import cli, tables
from frontiers.core.single_writer import PATIENCE
from frontiers.data import manifests
from frontiers.data.problems import Problem, read_problems
from frontiers.generation import reward_layout, scheduler
from frontiers.generation.engines.lease import LeasedEngine
from frontiers.generation.engines.reward import RewardModel
from frontiers.generation.engines.vllm import prepare_environment
from frontiers.generation.journal import Journal
from frontiers.generation.requests import Episode


def main(argv: Sequence[str] | None = None) -> None:
    """Score what the journal lacks, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generations", required=True, help="table of generations (parquet)")
    parser.add_argument("--problems", type=Path, required=True, help="the benchmark's problems (JSONL)")
    parser.add_argument("--reward", type=json.loads, required=True, help="JSON: name, reward, context")
    parser.add_argument("--reward-manifest", type=Path, required=True, help="JSON written by download_model")
    parser.add_argument("--step", required=True, help="text that separates the steps of a trace")
    parser.add_argument("--engine", type=json.loads, required=True, help="JSON of the study's engine block")
    parser.add_argument("--gpus", type=int, default=0, help="number of GPUs that the model needs")
    parser.add_argument("--journal", type=Path, required=True, help="journal of the scores")
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    prepare_environment(arguments.engine["device"], arguments.journal.parent / "cache")
    trusted = arguments.reward.get("trust_remote_code", False)
    check = partial(manifests.verified, arguments.reward_manifest, trusted)
    check()
    model = RewardModel(arguments.reward, arguments.reward_manifest, arguments.engine)
    generations = tables.read_table(arguments.generations, "generations")
    problems = {problem.id: problem for problem in read_problems(arguments.problems)}
    episodes = [
        episode(problems[name], rows, arguments.step, model.layout)
        for name, rows in generations.groupby("problem_id", sort=False)
    ]
    run = scheduler.BenchmarkRun(Journal(arguments.journal, PATIENCE), episodes)
    started = model.engine(arguments.gpus, cli.say, alone=True)
    engine = LeasedEngine(started, arguments.gpus, cli.say, loaded=check)
    try:
        scheduler.drive([run], engine, cli.say)
    finally:
        engine.close()
        run.journal.close()
    check()
    table = pd.DataFrame([row for rows in run.results for row in rows])
    table = table.astype({"cap": "Int64", **dict.fromkeys(reward_layout.AGGREGATES, "Float64")})
    tables.write_table(table, arguments.output, "rewards")
    cli.say(f"{len(table):,} generations: {table['status'].value_counts().to_dict()}")


def episode(
    problem: Problem, generations: pd.DataFrame, step: str, layout: reward_layout.RewardLayout
) -> Episode[list[dict]]:
    """Score all generations of a problem, equal texts once; return their rows."""
    requests, unique, scores = [], {}, {}
    for key in generations[["problem_id", "sample", "cap", "reasoning", "answer"]].itertuples(index=False):
        steps = reward_layout.split_steps(key.reasoning, step) + (
            [key.answer.strip()] if key.answer.strip() else []
        )
        request = layout.scoring(problem.id, problem.question, steps)
        requests.append((key, request))
        if request:
            unique[request.id] = request
    if unique:
        replies = yield list(unique.values())
        scores = dict(zip(unique, replies, strict=True))
    return [
        {"problem_id": key.problem_id, "sample": key.sample, "cap": key.cap}
        | reward_layout.row(request and scores[request.id])
        for key, request in requests
    ]


if __name__ == "__main__":
    cli.run(main)
