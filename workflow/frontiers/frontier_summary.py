"""The frontiers of a study in tables: points on them, hypervolume, band and the best choice at a budget."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from frontiers import pareto
from frontiers.bootstrap import KEY, MEAN, Draws
from frontiers.points import COSTS
from frontiers.tables import cap_order

UNITS = {
    "flops": "FLOP per problem",
    "eflops": "FLOP equivalents per problem",
    "tokens": "tokens per problem",
    "seconds": "seconds per problem",
    "joules": "joules per problem",
}
KEPT = 0.05
"""A point off the frontier is listed when it is on it in at least this share of the draws."""


def costs_of(points: pd.DataFrame) -> list[str]:
    """Return the costs that at least one point has."""
    return [cost for cost, columns in COSTS.items() if points[list(columns)].notna().all(axis=1).any()]


def budgets(cost: np.ndarray) -> np.ndarray:
    """Return budgets 1, 2, 5, 10, ... from below the cheapest positive cost to above the dearest."""
    positive = cost[np.isfinite(cost) & (cost > 0)]
    if not len(positive):
        return np.zeros(1)
    decades = np.arange(np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max())) + 1)
    steps = (10.0 ** decades[:, None] * np.array([1, 2, 5])).ravel()
    first = np.searchsorted(steps, positive.min(), side="right") - 1
    return steps[max(first, 0) : np.searchsorted(steps, positive.max()) + 1]


def extract(
    points: pd.DataFrame, draws: Draws, benchmarks: Sequence[str], costs: Sequence[str]
) -> tuple[pd.DataFrame, list[dict]]:
    """Return the table `frontier` and a summary per benchmark and cost.

    `points` has a column per cost; `draws.values` holds the same costs and `accuracy`. Points without a
    cost are on no frontier of that cost.
    """
    column = _columns(points, draws.keys)
    tables, summaries = [], []
    for benchmark in [*benchmarks, MEAN]:
        here = np.flatnonzero(points["benchmark"] == benchmark)
        for cost in costs if len(here) else ():
            rows = points.iloc[here].reset_index(drop=True)
            sampled = {m: draws.values[m][:, column[here]] for m in ("accuracy", cost)}
            table, summary = _one_frontier(rows, cost, sampled[cost], sampled["accuracy"])
            tables.append(table)
            summaries.append({"benchmark": benchmark, "cost": cost, "unit": UNITS[cost], **summary})
    return pd.concat(tables, ignore_index=True), summaries


def _columns(points: pd.DataFrame, keys: pd.DataFrame) -> np.ndarray:
    """Return the column of the draws that belongs to each point."""
    index = [pd.MultiIndex.from_frame(k[KEY].assign(cap=cap_order(k["cap"]))) for k in (keys, points)]
    column = index[0].get_indexer(index[1])
    if (column < 0).any():
        first = points.iloc[int(np.argmax(column < 0))][KEY].to_dict()
        raise ValueError(f"points and draws differ: no draws for {first}")
    return column


def _one_frontier(
    rows: pd.DataFrame, cost: str, cost_draws: np.ndarray, accuracy_draws: np.ndarray
) -> tuple[pd.DataFrame, dict]:
    """Return the listed points and the summary of one benchmark and cost."""
    value, accuracy = rows[cost].to_numpy(float, na_value=np.nan), rows["accuracy"].to_numpy(float)
    on = pareto.frontier(value, accuracy)
    share = pareto.membership(cost_draws, accuracy_draws)
    listed = np.flatnonzero(on | (share >= KEPT))
    listed = listed[np.lexsort((accuracy[listed], value[listed]))]
    table = rows.iloc[listed][[*KEY, "accuracy"]].assign(
        cost=cost, cost_value=value[listed], on_frontier=on[listed], p_on_frontier=share[listed]
    )
    summary = {
        "points": int(np.isfinite(value).sum()),
        "on_frontier": int(on.sum()),
        "without_cost": [_name(rows, i) for i in np.flatnonzero(np.isnan(value))],
        "hypervolume": _hypervolume(value, accuracy, cost_draws, accuracy_draws),
        **_choices(rows, value, accuracy, cost_draws, accuracy_draws),
        "domination": {
            "points": [_name(rows, i) for i in listed],
            "probability": pareto.domination(cost_draws[:, listed], accuracy_draws[:, listed])
            .round(4)
            .tolist(),
        },
    }
    return table, summary


def _name(rows: pd.DataFrame, i: int) -> dict:
    """Return model, strategy and cap of a point, as JSON knows them."""
    cap = rows["cap"].iloc[i]
    return {
        "model": rows["model"].iloc[i],
        "strategy": rows["strategy"].iloc[i],
        "cap": None if pd.isna(cap) else int(cap),
    }


def _hypervolume(
    cost: np.ndarray, accuracy: np.ndarray, cost_draws: np.ndarray, accuracy_draws: np.ndarray
) -> dict | None:
    """Return the hypervolume in decades of cost, its basic bootstrap interval and its reference.

    A maximum over noisy points lies too high, and in the draws twice so; the basic interval (2 estimate -
    quantile) turns the excess round (Davison & Hinkley 1997, section 5.2). `share` is per decade: the mean
    over budgets of the best accuracy. None when no cost is positive.
    """
    if not (cost > 0).any():
        return None
    box = pareto.reference_box(cost)
    width = np.log10(box.ceiling / box.floor)
    value = float(pareto.hypervolume(cost, accuracy, box))
    upper, lower = np.quantile(pareto.hypervolume(cost_draws, accuracy_draws, box), [0.975, 0.025])
    low, high = np.clip([2 * value - upper, 2 * value - lower], 0.0, width)
    reference = {"cost_floor": box.floor, "cost_ceiling": box.ceiling, "accuracy": 0.0}
    return {
        "value": value,
        "low": float(low),
        "high": float(high),
        "share": value / width,
        "reference": reference,
    }


def _choices(
    rows: pd.DataFrame,
    cost: np.ndarray,
    accuracy: np.ndarray,
    cost_draws: np.ndarray,
    accuracy_draws: np.ndarray,
) -> dict[str, list[dict]]:
    """Return the best point at each budget, and the band: its accuracy with what choosing it adds taken off.

    The gain from choosing is how much higher the best of a draw is than the estimate, on average. It is
    taken off the estimate and off the lower limit of the chosen point, not off the upper one.
    """
    models, best, band = rows["model"].to_numpy(dtype=object), [], []
    for budget in budgets(cost):
        chosen = int(pareto.best_under(cost, accuracy, budget))
        if chosen < 0:
            continue
        picks = pareto.best_under(cost_draws, accuracy_draws, budget)
        affordable = picks[picks >= 0]
        top = np.take_along_axis(accuracy_draws, np.maximum(picks, 0)[:, None], 1)[picks >= 0, 0]
        gain = max(float(top.mean()) - accuracy[chosen], 0.0) if len(top) else 0.0
        low, high = (float(rows[c].iloc[chosen]) for c in ("accuracy_low", "accuracy_high"))
        best.append(
            {
                "budget": float(budget),
                **_name(rows, chosen),
                "cost_value": float(cost[chosen]),
                "accuracy": float(accuracy[chosen]),
                "accuracy_low": low,
                "accuracy_high": high,
                "p_point": round(float((picks == chosen).mean()), 4),
                "p_model": round(float((models[affordable] == models[chosen]).sum() / len(picks)), 4),
            }
        )
        band.append(
            {
                "budget": float(budget),
                "accuracy": float(accuracy[chosen]),
                "corrected": max(float(accuracy[chosen]) - gain, 0.0),
                "low": max(low - gain, 0.0),
                "high": high,
            }
        )
    return {"best_under": best, "band": band}
