"""What stopping early would keep of the accuracy and save of the compute.

The rule: reason up to the smallest cap whose accuracy is within 1 point of the best. Its cap is chosen on one
half of the problems and judged on the other, both ways and over many random halvings, so that the gain of
choosing is not counted. Each problem then has a mean loss and a mean cost over the times it was judged.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.core.keys import MEAN
from frontiers.statistics.halving import halvings, judged
from frontiers.statistics.intervals import COMBINED, mover_reach
from frontiers.statistics.paired import PSEUDO, RARE, student_limits

TOLERANCE = 0.01
SIZE = 0.5
"""How much the two problems that are added to an interval differ: a problem is judged at several caps."""


class Stopping(NamedTuple):
    """By problem (problems,): accuracy and cost without and with the stop; caps chosen and how often."""

    full: np.ndarray
    stopped: np.ndarray
    full_cost: np.ndarray
    stopped_cost: np.ndarray
    caps: dict[float, float]
    samples: int

    @property
    def saved(self) -> float:
        """Share of the compute saved."""
        return float(1 - self.stopped_cost.sum() / self.full_cost.sum())

    def saving_limits(self) -> tuple[float, float]:
        """Return the limits of the share saved, by the first-order expansion of the ratio of sums.

        Each problem adds its saving over the mean cost; what it saves more or less than the mean share of its
        own cost makes the variance. Two problems are added as for a difference (see `paired`), so that traces
        which all ended before the stop do not say that none ever saves.
        """
        unit = (self.full_cost - self.stopped_cost - self.saved * self.full_cost) / self.full_cost.mean()
        rare = (self.full_cost != self.stopped_cost).sum() < RARE
        low, high = student_limits(unit, self.samples, size=1.0 if rare else max(np.abs(unit).max(), SIZE))
        return max(self.saved + float(low), 0.0), min(self.saved + float(high), 1.0)

    def loss_limits(self) -> tuple[float, float]:
        """Return the limits of the accuracy lost, paired by problem."""
        low, high = student_limits(self.full - self.stopped, self.samples, size=SIZE / np.sqrt(self.samples))
        return float(low), float(high)


def smallest_good_cap(accuracy: np.ndarray) -> np.ndarray:
    """Return the index of the smallest cap within 1 point of the best, along axis 0 (caps ascending)."""
    return np.argmax(accuracy >= accuracy.max(axis=0) - TOLERANCE - 1e-12, axis=0)


def stopping(curve: pd.DataFrame, problems: int, rng: np.random.Generator) -> Stopping:
    """Return what the rule does to one model's answers; at least 2 problems.

    `curve` has the columns order (cap, infinity for uncapped), problem (0 to problems - 1), correct, flops.
    """
    caps = np.unique(curve["order"])
    shape = (len(caps), problems)
    cell = np.searchsorted(caps, curve["order"]) * problems + curve["problem"].to_numpy()
    number, right, cost = (
        np.bincount(cell, w, shape[0] * shape[1]).reshape(shape)
        for w in (None, curve["correct"].to_numpy(float), curve["flops"].to_numpy(float))
    )
    right, cost = right / number, cost / number
    half = halvings(problems, rng)
    picks = smallest_good_cap(right @ half.T / half.sum(axis=1))
    stopped, spent = (judged(half, values[picks]) for values in (right, cost))
    chosen, often = np.unique(picks, return_counts=True)
    share = {float(caps[c]): float(o / len(picks)) for c, o in zip(chosen, often, strict=True)}
    return Stopping(right[-1], stopped, cost[-1], spent, share, int(number.max()))


def caps_in_words(caps: dict[float, float]) -> str:
    """Return the caps chosen and in which share of the halves."""
    parts = [f"{'uncapped' if np.isinf(cap) else f'{cap:.0f}'} ({share:.0%})" for cap, share in caps.items()]
    return "caps chosen on the halves: " + ", ".join(parts)


def unstoppable(curve: pd.DataFrame) -> str | None:
    """Return why no stop can be judged on the answers of one curve, None if it can."""
    if curve["problem_id"].nunique() < 2:
        return "one problem cannot be halved"
    return (
        "the architecture is unknown, so that compute is not counted" if curve["flops"].isna().any() else None
    )


def stopping_rows(stop: dict) -> list[dict]:
    """Return the two rows of one early stop: share of FLOPs saved, and accuracy lost."""
    found: Stopping | None = stop["found"]
    key = {k: stop[k] for k in ("strategy", "benchmark", "model")} | {"measure": "early_stopping"}
    if found is None:
        rows = ({"comparison": name} for name in ("flops_saved", "accuracy_lost"))
        return [key | row | {"estimable": False, "reason": stop["reason"], "n": 1} for row in rows]
    key |= {"n": len(found.full), "note": caps_in_words(found.caps), "estimable": True}
    low, high = found.saving_limits()
    saved = {"comparison": "flops_saved", "estimate": found.saved, "low": low, "high": high}
    saved |= {"failed": found.full_cost.mean(), "successful": found.stopped_cost.mean(), "interval": PSEUDO}
    full, stopped = found.full.mean(), found.stopped.mean()
    low, high = found.loss_limits()
    lost = {"comparison": "accuracy_lost", "estimate": full - stopped, "low": low, "high": high}
    return [key | saved, key | lost | {"failed": full, "successful": stopped, "interval": PSEUDO}]


def mean_stops(stops: Sequence[dict], benchmarks: Sequence[str]) -> list[dict]:
    """Return the early stops averaged over benchmarks, for models that have them all."""
    groups: dict[tuple, list[dict]] = {}
    for stop in stops:
        if stop["found"] is not None:
            groups.setdefault((stop["model"], stop["strategy"]), []).append(stop)
    rows = []
    for (model, strategy), parts in groups.items():
        if len(parts) != len(benchmarks) or len(parts) < 2:
            continue
        saved, lost = zip(*(stopping_rows(part) for part in parts), strict=True)
        key = {"model": model, "strategy": strategy, "benchmark": MEAN, "n": sum(row["n"] for row in saved)}
        key["note"] = "cap chosen per benchmark"
        rows.append(saved[0] | key | _combined(saved, [part["found"].full_cost.mean() for part in parts]))
        rows.append(lost[0] | key | _combined(lost, [1.0] * len(parts)))
    return rows


def _combined(rows: Sequence[dict], weights: Sequence[float]) -> dict:
    """Return the weighted mean of estimates with limits by variance recovery (MOVER)."""
    share = np.array(weights) / np.sum(weights)
    estimates, low, high = (np.array([row[c] for row in rows]) for c in ("estimate", "low", "high"))
    estimate = float(share @ estimates)
    below, above = mover_reach(estimates, low, high, share)
    return {
        "estimate": estimate,
        "low": estimate - float(below),
        "high": estimate + float(above),
        "interval": COMBINED,
        **{c: float(np.mean([row[c] for row in rows])) for c in ("failed", "successful")},
    }
