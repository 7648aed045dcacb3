"""The expected cost of a study before it runs: tokens, FLOPs, device hours, energy, money.

Every figure is a range. Its ends combine the shortest expected traces with the best
efficiency of the device, and the longest traces with the worst.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import generation_flops
from frontiers.compute.precision import Precision
from frontiers.data.hardware import Hardware
from frontiers.planning.expected_lengths import RANGE, Lengths, spread_out
from frontiers.planning.roofline import Estimate, estimate

KEY = ["model", "benchmark", "strategy", "cap"]
COMPARED = [*KEY, "reasoning_tokens", "flops"]
"""Columns of the measured points that a plan is compared with."""

SPENT = ("decoded_tokens", "spent_flops", "device_hours", "kwh", "dollars")


@dataclass(frozen=True)
class Serving:
    """A model on its devices: at most `batch` generations at once, each of at most `context` tokens."""

    architecture: Architecture
    precision: Precision
    hardware: Hardware
    context: int
    batch: int
    devices: int = 1

    def estimate(self, prompt: float, decoded: np.ndarray) -> Estimate:
        """Return the roofline estimate of generations of these tokens."""
        return estimate(
            self.architecture, self.precision, self.hardware, prompt, decoded, self.batch, self.devices
        )


def plan_rows(
    serving: Serving,
    lengths: Lengths,
    caps: Sequence[int | None],
    answer: Mapping[str, float],
    generations: int,
) -> list[dict]:
    """Return one row per cap of one model on one benchmark; see the table `plan`.

    `answer` is the range of tokens of an answer after a cut trace; a trace that ends by
    itself has its answer in its expected length. `reasoning_tokens` and `flops` are per
    generation, as if the cap had been run alone, as in the table of points. The columns
    `SPENT` are what the study really decodes: every trace once, to the largest cap, and
    at each cap the answers after the traces that it cuts, whose prefix is still in the
    engine's cache. If no lengths are known, all figures are None.
    """
    limits = [np.inf if cap is None else cap for cap in caps]
    rows: list[dict] = [{"cap": cap, "generations": generations, "lengths": lengths.source} for cap in caps]
    for place, name in enumerate(RANGE):
        for row, limit in zip(rows, limits, strict=True):
            figures = dict.fromkeys(("reasoning_tokens", "flops", *SPENT))
            if lengths.trace:
                room = serving.context - lengths.prompt - answer[name]
                whole = np.minimum(spread_out(lengths.trace[place]), room)
                figures = _figures(serving, lengths.prompt, whole, limit, answer[name], name)
                if limit == max(limits):
                    _add(figures, serving, lengths.prompt, whole, limit, name)
            scaled = {k: v if v is None or k not in SPENT else v * generations for k, v in figures.items()}
            row |= {f"{key}_{name}": value for key, value in scaled.items()}
    return rows


def _figures(
    serving: Serving, prompt: float, whole: np.ndarray, limit: float, answer: float, name: str
) -> dict[str, float | None]:
    """Return the figures of one generation at a cap; of what is spent only its answer after a cut trace."""
    trace, cut = np.minimum(whole, limit), whole > limit
    phases = generation_flops(serving.architecture, prompt, trace, 0, np.where(cut, answer + 1, 0))
    spent = dict.fromkeys(SPENT, 0.0)
    if cut.any():
        cost = serving.estimate(prompt + limit, np.array([answer]))
        seconds = float(getattr(cost.decode, name)[0]) * cut.mean()
        spent = _spent(serving, answer * cut.mean(), float(phases["answer"].total.mean()), seconds)
    return {
        "reasoning_tokens": float(trace.mean()),
        "flops": float(sum(phase.total for phase in phases.values()).mean()),
        **spent,
    }


def _add(figures: dict, serving: Serving, prompt: float, whole: np.ndarray, limit: float, name: str) -> None:
    """Add the cost of prompts and of traces up to the largest cap."""
    trace = np.minimum(whole, limit)
    seconds = float(getattr(serving.estimate(prompt, trace).seconds, name).mean())
    phases = generation_flops(serving.architecture, prompt, trace, 0, 0)
    flops = float((phases["prefill"] + phases["reasoning"]).total.mean())
    for key, value in _spent(serving, float(trace.mean()), flops, seconds).items():
        figures[key] = None if value is None else figures[key] + value


def _spent(serving: Serving, tokens: float, flops: float, seconds: float) -> dict[str, float | None]:
    hours, hardware = seconds * serving.devices / 3600, serving.hardware
    return {
        "decoded_tokens": tokens,
        "spent_flops": flops,
        "device_hours": hours,
        "kwh": None if hardware.power is None else hours * hardware.power / 1000,
        "dollars": None if hardware.price is None else hours * hardware.price,
    }


def compare(plan: pd.DataFrame, measures: pd.DataFrame | None, hours: Mapping[tuple, float]) -> pd.DataFrame:
    """Return the plan with measured values: mean tokens and FLOPs per generation, device hours.

    `measures` is the study's table of measured points, `hours` the device hours of
    finished jobs by (model, benchmark), which go into the row of the largest cap. Values
    that were not measured are missing.
    """
    plan = plan.assign(cap=plan["cap"].astype("Int64"))
    found = pd.DataFrame(columns=COMPARED) if measures is None else measures[COMPARED]
    found = found.astype({"cap": "Int64", "reasoning_tokens": float, "flops": float})
    plan = plan.merge(found.rename(columns=lambda c: c if c in KEY else f"measured_{c}"), on=KEY, how="left")
    place = plan["cap"].astype(float).fillna(np.inf)
    last = place == place.groupby([plan[k] for k in KEY[:3]]).transform("max")
    jobs = [hours.get(pair, np.nan) for pair in zip(plan["model"], plan["benchmark"], strict=True)]
    plan["measured_device_hours"] = np.where(last, jobs, np.nan)
    return plan


def totals(plan: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """Return the sums of the columns `SPENT` and of the measured hours, for the whole plan or by `by`.

    A sum with a missing figure is missing.
    """
    columns = [f"{key}_{name}" for key in SPENT for name in RANGE]
    groups = plan.groupby(by, sort=False) if by else plan.groupby(lambda _: "total")
    sums = groups[columns].agg(lambda values: values.sum(skipna=False))
    return sums.assign(measured_device_hours=groups["measured_device_hours"].sum(min_count=1))


def summary(plan: pd.DataFrame, device: str) -> str:
    """Return the plan's totals by model, and of all, as text for a terminal."""
    table = pd.concat([totals(plan, "model"), totals(plan)])
    shown = pd.DataFrame(
        {
            "tokens": _ranges(table, "decoded_tokens"),
            "FLOP": _ranges(table, "spent_flops"),
            "device hours": _ranges(table, "device_hours"),
            "kWh": _ranges(table, "kwh"),
            "US dollars": _ranges(table, "dollars"),
            "measured hours": [_short(v) for v in table["measured_device_hours"]],
        },
        index=table.index.rename(None),
    )
    head = (
        f"Estimate on {device}, not a measurement: likely (low–high) figures of decoding alone, without "
        "the start of engines, prefixes that left the cache, and the host's time per step, which small models wait for"
    )
    unknown = plan.loc[plan["flops_likely"].isna(), "lengths"].unique()
    notes = [f"Not estimated: {reason}" for reason in unknown]
    return "\n".join([head, shown.to_string(), *notes])


def _ranges(table: pd.DataFrame, key: str) -> list[str]:
    columns = (table[f"{key}_{name}"] for name in ("likely", "low", "high"))
    return [
        "n/a" if pd.isna(likely) else f"{_short(likely)} ({_short(low)}–{_short(high)})"
        for likely, low, high in zip(*columns, strict=True)
    ]


def _short(value: float) -> str:
    """Return a number with two digits and a suffix for thousands to trillions, larger ones as 2.4e18."""
    if pd.isna(value):
        return "n/a"
    if value == 0 or abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    if abs(value) >= 1e15:
        return f"{value:.1e}".replace("e+", "e")
    for suffix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.2g}{suffix}" if abs(value) < 100 * size else f"{value / size:.0f}{suffix}"
    raise AssertionError("a number of at least 1000 has a suffix")
