"""Estimate the cost of a measured study before it runs, and compare with the finished part.

Inputs: the plan's part of config.yaml, the tables of published figures and of recorded
lengths of answers, the description of the device; each model's `config.json`, from the
downloaded or local checkpoint or from the facts in data/architectures/; and the
measured points and the provenance of finished jobs, if there are any. Outputs: the
table `plan` (parquet and CSV), its summary as text (tokens, FLOPs, device hours,
kWh, dollars), and as JSON the time and memory to request for a job of each model.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis import published_points
from frontiers.compute import config_json, memory, precision
from frontiers.compute.architecture_reader import read_architecture
from frontiers.core import cli, sealed, tables
from frontiers.core.files import write_whole
from frontiers.data import architecture_facts, hardware
from frontiers.planning import cuts, expected_lengths, job_resources, study_plan


def configuration(name: str, block: Mapping, downloads: Path) -> tuple[str, Mapping]:
    """Return (source, `config.json`) of a model; raise `UserError` if there is no description of it."""
    local = [downloads / f"{name}.config.json"]
    if "path" in block:
        local.append(Path(block["path"]) / "config.json")
    for path in local:
        if path.exists():
            return str(path), config_json.read_config(path)
    if facts := architecture_facts.by_repository().get(block.get("repository")):
        return str(facts), architecture_facts.read_facts(facts)["config"]
    raise cli.UserError(
        f"{name}: its architecture is not described. Download its configuration with "
        f"`snakemake {local[0]} --cores 1`, or add a file to data/architectures/ with its `repository`"
    )


def serving_of_model(
    name: str, block: Mapping, device: hardware.Hardware, downloads: Path
) -> study_plan.Serving:
    """Return how a model is served."""
    where, config = configuration(name, block, downloads)
    return study_plan.Serving(
        read_architecture(config, where),
        precision.read_precision(config, where),
        device,
        block["context"],
        block["batch"],
        block["devices"],
    )


def rows_of_model(
    name: str, request: Mapping, serving: study_plan.Serving, table: pd.DataFrame, recorded: pd.DataFrame
):
    """Yield the plan's rows of one model."""
    block = request["models"][name]
    family = Path(block.get("repository") or block["path"]).name.lower()
    lengths = expected_lengths.of_model(
        block["style"], family, block.get("effort"), request["benchmarks"], table, recorded
    )
    for benchmark, known in request["benchmarks"].items():
        number = known["rows"] * block["samples"][benchmark]
        rows = study_plan.plan_rows(
            serving, lengths[benchmark], block["caps"], request["answer_tokens"], number
        )
        for strategy in request["strategies"]:
            yield from ({"model": name, "strategy": strategy, "benchmark": benchmark, **row} for row in rows)


def download(models: Mapping, servings: Mapping[str, study_plan.Serving]) -> str:
    """Return, as text, how much disk the weights take that come from the Hub, each checkpoint once, and how much is free."""
    sizes = {
        block["repository"]: memory.weight_bytes(servings[name].architecture, servings[name].precision)
        for name, block in models.items()
        if "repository" in block
    }
    if not sizes:
        return "Nothing to download"
    free = shutil.disk_usage(".").free
    return (
        f"Weights to download: {sum(sizes.values()) / 1e9:.0f} GB in {len(sizes)} checkpoints; {free / 1e9:.0f} GB are free "
        "on this disk"
    )


def what_cuts_save(request: Mapping, table: pd.DataFrame) -> str:
    """Return, as text, what fewer samples or problems would save; samples are those of the model with most."""
    hours = study_plan.totals(table, "benchmark")["device_hours_likely"]
    sizes = {
        name: cuts.Size(block["rows"], max(model["samples"][name] for model in request["models"].values()))
        for name, block in request["benchmarks"].items()
    }
    known = {name: None if pd.isna(hours[name]) else float(hours[name]) for name in sizes}
    return cuts.table(sizes, known, request.get("interval"))


def job_hours(files: Sequence[Path], models: Mapping) -> dict[tuple[str, str], float]:
    """Return the device hours of finished jobs by (model, benchmark), from their provenance.

    A job that continued from a journal is left out: its time is only that of the rest.
    """
    hours: dict[tuple[str, str], float] = {}
    for path in files:
        facts = sealed.read(path)
        if not facts.get("journalled_requests"):
            key = facts["model"], facts["benchmark"]
            spent = facts["wall_seconds"] / 3600 * models[facts["model"]]["devices"]
            hours[key] = hours.get(key, 0.0) + spent
    return hours


def main(argv: Sequence[str] | None = None) -> None:
    """Estimate, compare, and write the table, its summary and the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--request", type=json.loads, required=True, help="JSON from frontiers.config.study.planned"
    )
    parser.add_argument("--published", type=Path, required=True, help="CSV of published figures")
    parser.add_argument("--lengths", type=Path, required=True, help="CSV of recorded lengths of answers")
    parser.add_argument("--device", type=Path, required=True, help="description of the device (YAML)")
    parser.add_argument(
        "--downloads", type=Path, default=Path("data/models"), help="folder of configurations"
    )
    parser.add_argument("--measures", type=Path, help="table of measured points, if there is one")
    parser.add_argument("--provenance", type=Path, nargs="*", default=[], help="JSON of finished jobs")
    parser.add_argument("--output", type=Path, required=True, help="table to write (parquet; CSV next to it)")
    parser.add_argument("--summary", type=Path, required=True, help="summary to write (text)")
    parser.add_argument("--jobs", type=Path, required=True, help="time and memory per model to write (JSON)")
    args = parser.parse_args(argv)
    device = hardware.read(args.device)
    known = published_points.check_published(pd.read_csv(args.published), str(args.published))
    request = args.request
    servings = {
        m: serving_of_model(m, block, device, args.downloads) for m, block in request["models"].items()
    }
    recorded = pd.read_csv(args.lengths)
    rows = [
        row for m, serving in servings.items() for row in rows_of_model(m, request, serving, known, recorded)
    ]
    measures = tables.read_table(args.measures, "points")[study_plan.COMPARED] if args.measures else None
    table = study_plan.compare(pd.DataFrame(rows), measures, job_hours(args.provenance, request["models"]))
    tables.write_table(table, args.output, "plan", csv=True)
    text = "\n".join(
        [
            study_plan.summary(table, device.label),
            download(request["models"], servings),
            what_cuts_save(request, table),
            f"By benchmark and cap: {args.output.with_suffix('.csv')}\n",
        ]
    )
    write_whole(args.summary, text.encode())
    hours = study_plan.totals(table, "model")["device_hours_high"]
    jobs = {
        m: job_resources.planned(
            hours[m],
            memory.weight_bytes(serving.architecture, serving.precision),
            request["models"][m].get("cache_gib", 0) * 2**30,
            request["models"][m],
        )
        for m, serving in servings.items()
    }
    write_whole(args.jobs, json.dumps(jobs, indent=1).encode() + b"\n")


if __name__ == "__main__":
    cli.run(main)
