"""Joins generations, grades and compute of a measured study and averages them into points.

Inputs: generations, grades and compute tables, found as `<kind>/<model>/<benchmark>.<strategy>.parquet`,
and one model description per model; answers made of several samples come as rows of `answers`.
Outputs: the table `answers` (one row per generation) and a table of the form
`points` (accuracy from 0 to 1; mean FLOP, tokens, seconds, joules and dollars per problem; 95 % intervals)
without labels, developers and dates, which `describe_points` adds: what is measured does not depend on them.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from frontiers.analysis import points
from frontiers.core import sealed
from frontiers.core.cli import UserError, run
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table, write_table

KINDS = ("generations", "grades", "compute")


def read_answers(
    paths: dict[str, list[Path]], usd_per_hour: float | None = None, combined: Sequence[Path] = ()
) -> pd.DataFrame:
    """Read and join the three tables of every model, benchmark and strategy; add the answers `combined`."""
    found = {kind: {name_of(path): path for path in paths[kind]} for kind in KINDS}
    for kind in KINDS[1:]:
        if odd := sorted(set(found["generations"]) ^ set(found[kind])):
            raise UserError(f"{odd[0]} has generations or {kind}, not both; give both paths")
    parts = [read_table(path, "answers") for path in combined]
    for name in found["generations"]:
        tables = [read_table(found[kind][name], kind) for kind in KINDS]
        model, benchmark, strategy = name
        keys = {"model": model, "strategy": strategy, "benchmark": benchmark}
        parts.append(points.join_answers(*tables, **keys, usd_per_hour=usd_per_hour))
    return pd.concat(parts, ignore_index=True)


def traced(card: Mapping) -> bool:
    """Return whether a model was counted from a trace and not by a family."""
    return any(part["kind"] == "traced" for layer in card.get("layers", []) for part in layer["parts"])


def read_models(paths: Sequence[Path]) -> dict[str, dict]:
    """Return what the points say of each model, from the descriptions `<model>.json`."""
    models = {}
    for path in paths:
        facts = sealed.read(path)
        models[path.name.removesuffix(".json")] = {
            "architecture": facts["kind"],
            "total_params": facts["total_params"],
            "active_params": facts["active_params"],
            "flops_method": "traced" if traced(facts) else "closed form",
        }
    return models


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for kind in KINDS:
        parser.add_argument(
            f"--{kind}",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            help=f"{kind} tables of the study",
        )
    parser.add_argument(
        "--combined", type=Path, nargs="+", default=[], help="answers that are made of several samples"
    )
    parser.add_argument(
        "--models",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="descriptions <model>.json, of closed models none",
    )
    parser.add_argument("--benchmarks", nargs="+", required=True, help="benchmarks of the study, in order")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    parser.add_argument(
        "--usd-per-hour", type=float, help="price of an hour of the device, for costs in dollars"
    )
    parser.add_argument("--answers", type=Path, required=True, help="table of answers to write")
    parser.add_argument("--measures", type=Path, required=True, help="table of points to write")
    args = parser.parse_args(argv)
    if args.usd_per_hour is not None and not 0 < args.usd_per_hour < float("inf"):
        raise UserError(
            f"--usd-per-hour {args.usd_per_hour}: a price must be positive; leave it out where unknown"
        )
    answers = read_answers({kind: getattr(args, kind) for kind in KINDS}, args.usd_per_hour, args.combined)
    write_table(answers, args.answers, "answers")
    unknown = dict.fromkeys(("architecture", "total_params", "active_params"))
    closed = answers.loc[answers["flops"].isna(), "model"].unique()
    models = {model: unknown for model in closed} | read_models(args.models)
    write_table(
        points.summarise(answers, args.benchmarks, models, args.draws, args.seed), args.measures, "points"
    )


if __name__ == "__main__":
    run(main)
