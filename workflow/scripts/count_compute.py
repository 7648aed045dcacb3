"""Count the compute of every generation of one model on one benchmark.

Inputs: the table `generations`, or the table `passes` of a strategy with more than
one chain; the checkpoint's `config.json` (and that of its reward model); and the
device whose FLOPs per byte weigh memory traffic. Output: the table `compute`, one
row per generation, or per problem of a tree: FLOPs in total, by phase and by
component, bytes of key-value cache read, memory-aware FLOPs, and joules where the
energy of the job was measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.compute import architecture_reader, config_json, flops, pass_flops, precision, thought_flops
from frontiers.core import cli, sealed, tables
from frontiers.data import hardware


def measured_joules(provenance: Path) -> float | None:
    """Return the energy of a job from the provenance of its generations, in joules.

    None where the device has no meter, and where the job continued from a journal,
    as it then measured only the rest. Raises `UserError` when the provenance is missing or damaged.
    """
    facts = sealed.read(provenance)
    return None if facts.get("journalled_requests") else facts.get("energy_joules")


def main(argv: Sequence[str] | None = None) -> None:
    """Read generations and configuration, count, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    counted = parser.add_mutually_exclusive_group(required=True)
    counted.add_argument("--generations", help="table of generations (parquet)")
    counted.add_argument("--passes", help="table of passes (parquet)")
    parser.add_argument("--config-json", required=True, help="config.json of the checkpoint")
    parser.add_argument("--reward-config-json", help="config.json of the reward model in --passes")
    parser.add_argument(
        "--thoughts",
        type=int,
        default=0,
        help="tokens per thought, for a model that thinks before every token",
    )
    parser.add_argument(
        "--kv-bytes",
        type=float,
        help="bytes of one number in the key-value cache (default: from config.json, or 2)",
    )
    parser.add_argument(
        "--device",
        type=Path,
        default=hardware.FOLDER / "kinetics.yaml",
        help="device whose FLOPs per byte weigh cache reads in eflops (default: that of Kinetics, arXiv 2506.05333)",
    )
    energy = parser.add_mutually_exclusive_group()
    energy.add_argument("--joules", type=float, help="energy measured over the whole job, in joules")
    energy.add_argument(
        "--provenance", type=Path, help="provenance of the generations (JSON), which has the energy"
    )
    parser.add_argument("--output", required=True, help="table of compute to write (parquet)")
    arguments = parser.parse_args(argv)
    config = config_json.read_config(arguments.config_json)
    if config == config_json.CLOSED:
        table = flops.uncounted(tables.read_table(arguments.generations, "generations"))
        tables.write_table(table, arguments.output, "compute")
        return
    architecture = architecture_reader.read_architecture(config, arguments.config_json)
    costs = (
        precision.element_bytes(config, arguments.config_json, arguments.kv_bytes),
        hardware.read(arguments.device).intensity(),
        measured_joules(arguments.provenance) if arguments.provenance else arguments.joules,
    )
    if arguments.passes:
        reward = arguments.reward_config_json
        scoring = pass_flops.read_scorer(config_json.read_config(reward), reward) if reward else None
        units = tables.read_table(arguments.passes, "passes")
        table = pass_flops.compute_table(units, architecture, scoring, *costs, arguments.thoughts)
    else:
        generations = tables.read_table(arguments.generations, "generations")
        table = flops.compute_table(generations, architecture, *costs)
        if arguments.thoughts:
            given = table, generations, architecture, arguments.thoughts
            table = thought_flops.with_thoughts(*given, *costs)
    tables.write_table(table, arguments.output, "compute")
    print(f"{len(table)} generations, {table['flops'].sum():.4g} FLOPs, {table['eflops'].sum():.4g} eFLOPs")


if __name__ == "__main__":
    cli.run(main)
