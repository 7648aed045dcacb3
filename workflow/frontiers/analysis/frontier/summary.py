"""The frontiers of a study in tables: points on them or within their noise, hypervolume, best at a budget."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from frontiers.analysis.frontier import budget_choice, pareto
from frontiers.analysis.frontier.cloud import (
    DRAWS_OF_PAIRS,
    ByProblem,
    Cloud,
    Membership,
    clouds,
    membership,
)
from frontiers.analysis.frontier.volume import hypervolume
from frontiers.analysis.points import COSTS
from frontiers.core.keys import KEY
from frontiers.statistics.bootstrap import Draws
from frontiers.statistics.intervals import percentile_limits

UNITS = {
    "flops": "FLOP per problem",
    "eflops": "FLOP equivalents per problem",
    "tokens": "tokens per problem",
    "seconds": "seconds per problem",
    "joules": "joules per problem",
    "dollars": "US dollars per problem",
}
APART = ["held_out", "held_out_low", "held_out_high"]


def costs_of(points: pd.DataFrame) -> list[str]:
    """Return the costs that at least one point has."""
    return [
        cost
        for cost, columns in COSTS.items()
        if set(columns) <= set(points) and points[list(columns)].notna().all(axis=1).any()
    ]


def extract(
    points: pd.DataFrame,
    draws: Draws,
    benchmarks: Sequence[str],
    costs: Sequence[str],
    measured: ByProblem | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, list[dict]]:
    """Return the table `frontier` and a summary per benchmark and cost.

    `points` has a column per cost; `draws.values` holds the same costs and `accuracy`. Points without a
    cost are on no frontier of that cost. `measured` has the accuracies by problem, for what is chosen on one
    half of the problems (None: published figures).
    """
    tables, summaries = [], []
    for benchmark, cloud in clouds(points, draws, benchmarks, costs, measured, seed):
        member = membership(cloud)
        at_points = choices(cloud, cloud.value[member.listed[member.on[member.listed]]])
        at_budgets = choices(cloud, budget_choice.budgets(cloud.value))
        tables.append(table_of(cloud, member, at_points))
        summary = {"benchmark": benchmark, "cost": cloud.cost, "unit": UNITS[cloud.cost]}
        summaries.append(summary | summary_of(cloud, member, at_budgets))
    return pd.concat(tables, ignore_index=True), summaries


def choices(cloud: Cloud, budgets: np.ndarray) -> pd.DataFrame:
    """Return the best point at each affordable budget: the band, and the held-out accuracy (NaN if unknown)."""
    band = budget_choice.band(cloud.rows, cloud.value, cloud.draws, budgets)
    held = np.full((3, len(band)), np.nan)
    if cloud.halved is not None:
        held = budget_choice.held_out(cloud.halved, cloud.value, band["budget"].to_numpy(float))
    return band.assign(**dict(zip(APART, held, strict=True)))


def table_of(cloud: Cloud, member: Membership, at_points: pd.DataFrame) -> pd.DataFrame:
    """Return the listed points; those on the frontier with the band and the held-out accuracy at their cost."""
    i, value = member.listed, cloud.value
    low, high = np.nan, np.nan
    if cloud.halved is not None:
        low, high = percentile_limits(cloud.draws[0][:, i], cloud.problems, estimate=value[i])
    keys = [*KEY, "accuracy", "accuracy_low", "accuracy_high", "interval"]
    bands = {"best_corrected": "corrected", "best_low": "low", "best_high": "high"} | {
        name: name for name in APART
    }
    table = cloud.rows.iloc[i][keys].assign(
        cost=cloud.cost,
        cost_value=value[i],
        cost_low=low,
        cost_high=high,
        on_frontier=member.on[i],
        p_on_frontier=member.share[i],
        shortfall=member.short[i],
        shortfall_low=member.short_low[i],
        shortfall_high=member.short_high[i],
        within_noise=member.near[i],
        **dict.fromkeys(bands, np.nan),
    )
    table = table.reset_index(drop=True)
    table.loc[np.flatnonzero(member.on[i]), list(bands)] = at_points[list(bands.values())].to_numpy()
    return table


def summary_of(cloud: Cloud, member: Membership, at_budgets: pd.DataFrame) -> dict:
    """Return what `frontier.json` holds of one benchmark and cost."""
    few = [draws[:DRAWS_OF_PAIRS, member.listed] for draws in cloud.smoothed]
    chosen = list(at_budgets.itertuples(index=False))
    return {
        "points": int(np.isfinite(cloud.value).sum()),
        "on_frontier": int(member.on.sum()),
        "within_noise": int(member.near.sum()),
        "without_cost": [_name(cloud.rows, i) for i in np.flatnonzero(np.isnan(cloud.value))],
        "hypervolume": hypervolume(cloud),
        "best_under": [_best(cloud, row) for row in chosen],
        "band": [_band(cloud, row) for row in chosen],
        "domination": {
            "points": [_name(cloud.rows, i) for i in member.listed],
            "probability": pareto.domination(*few).round(4).tolist(),
        },
    }


def _best(cloud: Cloud, row: Any) -> dict:
    """Return the point to take at a budget; `row` of `choices`."""
    point = cloud.rows.iloc[row.chosen]
    held = {name: getattr(row, name) for name in APART}
    return {
        "budget": row.budget,
        **_name(cloud.rows, row.chosen),
        "cost_value": float(cloud.value[row.chosen]),
        **{c: float(point[c]) for c in ("accuracy", "accuracy_low", "accuracy_high")},
        "interval": point["interval"],
        **{name: float(v) if np.isfinite(v) else None for name, v in held.items()},
        "held_out_interval": budget_choice.HELD_OUT if np.isfinite(row.held_out) else None,
        "p_point": round(row.p_point, 4),
        "p_model": round(row.p_model, 4),
    }


def _band(cloud: Cloud, row: Any) -> dict:
    """Return the best accuracy that a budget buys; `row` of `choices`."""
    return {
        **{name: getattr(row, name) for name in ("budget", "corrected", "low", "high")},
        "accuracy": float(cloud.accuracy[row.chosen]),
        "interval": budget_choice.BAND,
    }


def _name(rows: pd.DataFrame, i: int) -> dict:
    """Return model, strategy and cap of a point, as JSON knows them."""
    cap = rows["cap"].iloc[i]
    return {
        "model": rows["model"].iloc[i],
        "strategy": rows["strategy"].iloc[i],
        "cap": None if pd.isna(cap) else int(cap),
    }
