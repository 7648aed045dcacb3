"""Make one answer of several samples, or of the leaves of a tree: expected accuracy and cost.

Inputs: the tables `generations`, `grades` and `compute` of the strategy that decoded them, `rewards` where a
reward model chooses, `passes` of a tree, and the config.json of the models. Outputs: rows of the table `answers`,
and a JSON with how subsets of samples were taken and the largest standard error of those drawn.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from frontiers.analysis.strategies import combined_answers, costs_of_samples, costs_of_trees
from frontiers.compute import architecture_reader, config_json, pass_flops
from frontiers.core import cli, tables
from frontiers.core.files import write_whole
from frontiers.core.keys import GENERATION


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, combine, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generations", required=True, help="table of generations, a row per sample or leaf")
    parser.add_argument("--grades", required=True, help="table of their grades")
    parser.add_argument("--compute", required=True, help="table of their compute; of trees a row per problem")
    parser.add_argument("--rewards", help="table of their rewards")
    parser.add_argument("--passes", help="table of passes, of a tree")
    parser.add_argument("--selection", type=json.loads, required=True, help="JSON: select, aggregate and n")
    parser.add_argument("--names", type=json.loads, required=True, help="JSON: model, strategy, benchmark")
    parser.add_argument("--config-json", required=True, help="config.json of the model")
    parser.add_argument("--reward-config-json", help="config.json of the reward model")
    parser.add_argument("--seed", type=int, required=True, help="seed of the subsets that are drawn")
    parser.add_argument("--usd-per-hour", type=float, help="price of an hour of the device")
    parser.add_argument(
        "--output", type=Path, required=True, help="table to write; the JSON gets the same name"
    )
    arguments = parser.parse_args(argv)
    read = {
        name: tables.read_table(getattr(arguments, name), name)
        for name in ("generations", "grades", "compute", "rewards", "passes")
        if getattr(arguments, name)
    }
    selection = arguments.selection
    samples = read["generations"][[*GENERATION, "truncated", "seconds"]].merge(
        read["grades"][[*GENERATION, "correct", "extracted", "looping"]], on=GENERATION, validate="one_to_one"
    )
    if "rewards" in read:
        scored = read["rewards"][[*GENERATION, selection["aggregate"]]].rename(
            columns={selection["aggregate"]: "score"}
        )
        samples = samples.merge(scored, on=GENERATION, validate="one_to_one")
    if "passes" in read:
        costs = costs_of_trees(read["compute"], read["passes"])
    else:
        reward = arguments.reward_config_json
        costs = costs_of_samples(
            read["generations"],
            read["compute"],
            read.get("rewards"),
            selection["n"],
            architecture_reader.read_architecture(
                config_json.read_config(arguments.config_json), arguments.config_json
            ),
            pass_flops.read_scorer(config_json.read_config(reward), reward) if reward else None,
        )
    table, taken = combined_answers(
        samples, costs, selection, arguments.names, arguments.seed, arguments.usd_per_hour
    )
    tables.write_table(table, arguments.output, "answers")
    write_whole(
        arguments.output.with_suffix(".json"), json.dumps(taken | selection, indent=1).encode() + b"\n"
    )
    print(f"{len(table)} answers, {table['correct'].mean():.1%} right; {taken}")


if __name__ == "__main__":
    cli.run(main)
