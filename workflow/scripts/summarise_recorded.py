"""Turns recorded runs of real models into answers and points.

Inputs: a CSV with one row per run (schema `recorded_runs`), a parquet with verdict and tokens of every question and
epoch (schema `recorded_answers`) for the runs that have them, and the architectures of the models. Outputs: the table
`answers` (what each run would have answered at every cap, its compute in closed form) and the table `points`, as parquet
and as CSV. Where only the mean tokens of a run are known, its compute is that of the mean and of the spread that the
lengths of other runs on the benchmark have. With a table of prices (schema `prices`) an answer has its dollars, with a
serving device its seconds and joules by the roofline.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.analysis import recorded_points as recorded
from frontiers.compute import flops, precision
from frontiers.compute.architecture import Architecture
from frontiers.compute.architecture_reader import read_architecture
from frontiers.core.cli import UserError, run
from frontiers.core.tables import write_table
from frontiers.data import hardware, prices
from frontiers.data.architecture_facts import read_facts
from frontiers.planning import roofline

SPREAD = ("flops", "eflops", "seconds", "joules")
"""Costs that are no linear function of the length, so that its spread counts."""
UNKNOWN = prices.Price(np.nan, np.nan)


class Serving(NamedTuple):
    """Where answers are thought to be served: `devices` of a kind as one, `batch` answers at once."""

    device: hardware.Hardware
    devices: int
    batch: int


class Checkpoint(NamedTuple):
    """What a file of data/architectures/ says of a model."""

    architecture: Architecture
    precision: precision.Precision
    element_bytes: float


class Counter:
    """Counts what answers cost: FLOPs with the architectures of a folder, and time and energy where a `serving` is given.

    Memory traffic in eFLOPs is weighed for `device`.
    """

    def __init__(self, folder: Path, device: Path, serving: Serving | None = None) -> None:
        self._folder, self._intensity, self._serving = folder, hardware.read(device).intensity(), serving
        self._read: dict[str, Checkpoint] = {}

    def architecture(self, name: str | None) -> Architecture | None:
        """Return the architecture `<name>.yaml`, None without a name; raises `UserError` where there is no such file."""
        return self._of(name).architecture if isinstance(name, str) else None

    def _of(self, name: str) -> Checkpoint:
        if name not in self._read:
            path = self._folder / f"{name}.yaml"
            config = read_facts(path)["config"]
            self._read[name] = Checkpoint(
                read_architecture(config, str(path)),
                precision.read_precision(config, str(path)),
                precision.element_bytes(config, str(path), None),
            )
        return self._read[name]

    def compute(self, name: str | None, prompt: Sequence[int], output: Sequence[int]) -> pd.DataFrame:
        """Return the columns of `compute` for answers of so many tokens, and their `seconds` and `joules`.

        Without a name no number is known.
        """
        rows = pd.DataFrame({"prompt_tokens": prompt, "answer_tokens": output})
        rows = rows.assign(
            reasoning_tokens=0, end_tokens=0, problem_id=rows.index.astype(str), sample=0, cap=pd.NA
        )
        if not isinstance(name, str):
            return flops.uncounted(rows).assign(seconds=np.nan)
        model = self._of(name)
        table = flops.compute_table(rows, model.architecture, model.element_bytes, self._intensity)
        return table.assign(**self._served(model, rows["prompt_tokens"], rows["answer_tokens"]))

    def _served(self, model: Checkpoint, prompt: pd.Series, output: pd.Series) -> dict[str, np.ndarray]:
        """Return the likely seconds and joules of the roofline; NaN without a serving, or where the weights do not fit."""
        if self._serving is None:
            return {"seconds": np.nan, "joules": np.nan}
        device, devices, batch = self._serving
        try:
            found = roofline.estimate(
                model.architecture, model.precision, device, prompt, output, batch, devices
            )
        except UserError:
            return {"seconds": np.nan, "joules": np.nan}
        joules = np.nan if found.joules is None else found.joules.likely
        return {"seconds": found.seconds.likely, "joules": joules}

    def spread_out(
        self, name: str | None, prompt: float, output: float, variances: Sequence[float]
    ) -> dict[str, np.ndarray]:
        """Return the mean costs of answers of mean length `output` for each of the `variances` over the squared mean.

        Attention makes FLOPs a quadratic of the length, so mean and variance decide: f(m) + f''(m) variance / 2.
        """
        step = max(round(output / 2), 1)
        lengths = [round(output) - step, round(output), round(output) + step]
        costs = self.compute(name, [round(prompt)] * 3, lengths)[list(SPREAD)].to_numpy(float).T
        below, at, above = costs.T[:, :, None]
        bend = (above - 2 * at + below) / step**2
        return dict(zip(SPREAD, at + bend * np.asarray(variances) * output**2 / 2, strict=True))


def facts_of(runs: pd.DataFrame, counter: Counter) -> dict[str, dict]:
    """Return what the points say of each model."""
    models = {}
    for row in runs.drop_duplicates("model").itertuples():
        architecture = counter.architecture(row.architecture)
        models[row.model] = {
            "label": row.label,
            "developer": row.developer,
            "release_date": row.release_date,
            "mode": row.mode,
            "lineage": row.lineage,
            "architecture": architecture.kind if architecture else None,
            "total_params": architecture.parameters() if architecture else None,
            "active_params": architecture.parameters(active=True) if architecture else None,
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
    asked: Mapping[str, prices.Price] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `answers` and `points`; `asked` has the prices of models, those without have no dollars."""
    asked = asked or {}
    with_tokens = set(known.loc[known["output_tokens"].notna(), "run"])
    models = facts_of(runs, counter)
    parts = []
    for row in runs[runs["run"].isin(with_tokens)].to_dict("records"):
        rows = recorded.cut(row, known[known["run"] == row["run"]], caps)
        spent = counter.compute(row["architecture"], rows["prompt_tokens"], rows["output_tokens"])
        price = asked.get(row["model"], UNKNOWN)
        spent = spent.assign(dollars=price.of(rows["prompt_tokens"], rows["output_tokens"]))
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
        tokens = row["prompt_tokens"], row["output_tokens"]
        dollars = np.full(3, asked.get(row["model"], UNKNOWN).of(*tokens))
        counted[row["run"]] = counter.spread_out(row["architecture"], *tokens, three) | {"dollars": dollars}
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
    parser.add_argument("--prices", type=Path, help="CSV of offers, for costs in dollars")
    parser.add_argument("--serving", type=Path, help="device that serves, for seconds and joules")
    parser.add_argument("--devices", type=int, default=1, help="how many of it act as one (default 1)")
    parser.add_argument("--batch", type=int, default=1, help="answers served at once (default 1)")
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
    serving = Serving(hardware.read(args.serving), args.devices, args.batch) if args.serving else None
    counter = Counter(args.architectures, args.device, serving)
    asked = prices.read(args.prices) if args.prices else None
    answers, points = tables(runs, known, counter, caps, args.benchmarks, settings, facts, asked)
    write_table(answers, args.answers, "answers")
    write_table(points, args.points, "points", csv=True)


if __name__ == "__main__":
    run(main)
