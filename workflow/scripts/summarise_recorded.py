"""Turns recorded runs of real models into answers and points.

Inputs: a CSV with one row per run (schema `recorded_runs`), a parquet with verdict and tokens of every question and
epoch (schema `recorded_answers`) for the runs that have them, and the architectures of the models. Outputs: the table
`answers` (what each run would have answered at every cap, its compute in closed form) and the table `points`, as parquet
and as CSV. Where only the mean tokens of a run are known, its compute is that of the mean and of the spread that the
lengths of other runs on the benchmark have.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frontiers.analysis import recorded_points as recorded
from frontiers.compute import flops, precision
from frontiers.compute.architecture import Architecture
from frontiers.compute.architecture_reader import read_architecture
from frontiers.core.cli import UserError, run
from frontiers.core.tables import write_table
from frontiers.data import hardware
from frontiers.data.architecture_facts import read_facts


class Counter:
    """Counts the compute of answers with the architectures of a folder, memory traffic weighed for a device."""

    def __init__(self, folder: Path, device: Path) -> None:
        self._folder, self._intensity = folder, hardware.read(device).intensity()
        self._read: dict[str, tuple[Architecture, float]] = {}

    def architecture(self, name: str) -> Architecture:
        """Return the architecture `<name>.yaml`; raises `UserError` where there is none."""
        return self._of(name)[0]

    def _of(self, name: str) -> tuple[Architecture, float]:
        if name not in self._read:
            path = self._folder / f"{name}.yaml"
            config = read_facts(path)["config"]
            self._read[name] = (
                read_architecture(config, str(path)),
                precision.element_bytes(config, str(path), None),
            )
        return self._read[name]

    def compute(self, name: str, prompt: Sequence[int], output: Sequence[int]) -> pd.DataFrame:
        """Return the columns of `compute` for answers of so many tokens."""
        architecture, element_bytes = self._of(name)
        rows = pd.DataFrame({"prompt_tokens": prompt, "answer_tokens": output})
        rows = rows.assign(
            reasoning_tokens=0, end_tokens=0, problem_id=rows.index.astype(str), sample=0, cap=pd.NA
        )
        return flops.compute_table(rows, architecture, element_bytes, self._intensity)

    def spread_out(self, name: str, prompt: float, output: float, variances: np.ndarray) -> list[float]:
        """Return the mean FLOPs of answers of mean length `output` for each of the `variances` over the squared mean.

        Attention makes FLOPs a quadratic of the length, so mean and variance decide: f(m) + f''(m) variance / 2.
        """
        step = max(round(output / 2), 1)
        lengths = [round(output) - step, round(output), round(output) + step]
        below, at, above = self.compute(name, [round(prompt)] * 3, lengths)["flops"].astype(float)
        bend = (above - 2 * at + below) / step**2
        return [at + bend * variance * output**2 / 2 for variance in variances]


def facts_of(runs: pd.DataFrame, counter: Counter) -> dict[str, dict]:
    """Return what the points say of each model."""
    models = {}
    for row in runs.drop_duplicates("model").itertuples():
        architecture = counter.architecture(row.architecture)
        models[row.model] = {
            "label": row.label,
            "developer": row.developer,
            "release_date": row.release_date,
            "architecture": architecture.kind,
            "total_params": architecture.parameters(),
            "active_params": architecture.parameters(active=True),
        }
    return models


def tables(
    runs: pd.DataFrame,
    known: pd.DataFrame,
    counter: Counter,
    caps: Sequence[int | None],
    benchmarks: Sequence[str],
    bootstrap: Mapping[str, int],
    facts: Mapping[str, Mapping] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `answers` and `points`."""
    with_tokens = set(known.loc[known["output_tokens"].notna(), "run"])
    models = facts_of(runs, counter)
    parts = []
    for row in runs[runs["run"].isin(with_tokens)].to_dict("records"):
        rows = recorded.cut(row, known[known["run"] == row["run"]], caps)
        spent = counter.compute(row["architecture"], rows["prompt_tokens"], rows["output_tokens"])
        parts.append(recorded.answers_of(row, rows, spent))
    if not parts:
        raise UserError("no run has tokens per question; for means alone use a study of kind published")
    answers = pd.concat(parts, ignore_index=True)
    others = runs[~runs["run"].isin(with_tokens)].reset_index(drop=True)
    spreads = recorded.relative_variances(runs, known)
    counted = {}
    for row in others.to_dict("records"):
        seen = spreads.get(row["benchmark"], np.zeros(1))
        three = np.array([seen.min(), seen.mean(), seen.max()])
        counted[row["run"]] = counter.spread_out(
            row["architecture"], row["prompt_tokens"], row["output_tokens"], three
        )
    means = recorded.points_of_means(others, models, counted, benchmarks) if len(others) else None
    return answers, recorded.points_of(answers, means, models, benchmarks, **bootstrap, facts=facts)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="CSV of runs")
    parser.add_argument("--recorded", type=Path, required=True, help="parquet of verdicts and tokens")
    parser.add_argument(
        "--architectures", type=Path, default=Path("data/architectures"), help="folder of <name>.yaml"
    )
    parser.add_argument(
        "--device", type=Path, required=True, help="device whose FLOPs per byte weigh memory traffic"
    )
    parser.add_argument("--benchmarks", nargs="+", required=True, help="benchmarks to keep, in order")
    parser.add_argument(
        "--caps", nargs="+", required=True, help="tokens at which a run is cut, `none` for its end"
    )
    parser.add_argument(
        "--facts",
        type=json.loads,
        default={},
        help='JSON: {benchmark: {"chance": 0 to 1, "public_since": "YYYY-MM-DD"}}, each optional',
    )
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    parser.add_argument("--answers", type=Path, required=True, help="table of answers to write")
    parser.add_argument("--points", type=Path, required=True, help="table of points to write, also as CSV")
    args = parser.parse_args(argv)
    try:
        runs, known = pd.read_csv(args.runs), pd.read_parquet(args.recorded)
    except (OSError, ValueError) as error:
        raise UserError(f"{args.runs}, {args.recorded}: cannot be read ({error})") from error
    runs = recorded.check_runs(runs, str(args.runs))
    recorded.check_answers(known, runs, str(args.recorded))
    if unknown := sorted(set(args.benchmarks) - set(runs["benchmark"])):
        raise UserError(f"{args.runs}: no runs on {unknown}; it has {sorted(set(runs['benchmark']))}")
    runs = runs[runs["benchmark"].isin(args.benchmarks)].reset_index(drop=True)
    caps = [None if cap == "none" else int(cap) for cap in args.caps]
    settings = {"draws": args.draws, "seed": args.seed}
    facts = {name: args.facts.get(name, {}) for name in args.benchmarks}
    answers, points = tables(
        runs, known, Counter(args.architectures, args.device), caps, args.benchmarks, settings, facts
    )
    write_table(answers, args.answers, "answers")
    write_table(points, args.points, "points", csv=True)


if __name__ == "__main__":
    run(main)
