"""The frontiers of a study in tables: points on them or within their noise, hypervolume, best at a budget."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.analysis.frontier import budget_choice, pareto
from frontiers.analysis.points import COSTS
from frontiers.core.keys import KEY, MEAN, cap_order
from frontiers.statistics import intervals
from frontiers.statistics.bootstrap import Draws, generator

UNITS = {
    "flops": "FLOP per problem",
    "eflops": "FLOP equivalents per problem",
    "tokens": "tokens per problem",
    "seconds": "seconds per problem",
    "joules": "joules per problem",
    "dollars": "US dollars per problem",
}
KEPT = 0.05
"""A point off the frontier is listed when it is on it in at least this share of the draws."""
DRAWS_OF_PAIRS = 1000
"""Draws used where every point is compared with every other."""
SHIFTED = "joint bootstrap, percentiles shifted by twice the bias"
BRACKETED = "from below held-out halves, from above joint bootstrap shifted by twice the bias"
MAXIMUM = "largest paired difference, bootstrap"


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
    grids: budget_choice.Grids | None = None,
    samples: int = 1,
    seed: int = 0,
) -> tuple[pd.DataFrame, list[dict]]:
    """Return the table `frontier` and a summary per benchmark and cost.

    `points` has a column per cost; `draws.values` holds the same costs and `accuracy`. Points without a
    cost are on no frontier of that cost. `grids` are accuracies by problem in the order of the draws, with
    `samples` each, for what is chosen on one half of the problems (None: published figures).
    """
    column = _columns(points, draws.keys)
    tables, summaries = [], []
    for benchmark in [*benchmarks, MEAN]:
        here = np.flatnonzero(points["benchmark"] == benchmark)
        if not len(here):
            continue
        rows = points.iloc[here].reset_index(drop=True)
        accuracy = draws.values["accuracy"][:, column[here]]
        parts, noise = None, None
        if grids is not None:
            start = np.flatnonzero(draws.keys["benchmark"] == benchmark)[0]
            parts = [grid[:, column[here] - start] for grid in grids[benchmark]]
        for cost in costs:
            spent = draws.values[cost][:, column[here]]
            if parts is not None:
                noise = smoothing(
                    parts, rows[cost].to_numpy(float, na_value=np.nan), len(spent), samples, seed
                )
            frontier = Frontier(rows, cost, spent, accuracy, noise)
            tables.append(frontier.table(parts, samples, seed))
            summary = {"benchmark": benchmark, "cost": cost, "unit": UNITS[cost]}
            summaries.append(summary | frontier.summary(parts, samples, seed))
    return pd.concat(tables, ignore_index=True), summaries


def _columns(points: pd.DataFrame, keys: pd.DataFrame) -> np.ndarray:
    """Return the column of the draws that belongs to each point."""
    index = [pd.MultiIndex.from_frame(k[KEY].assign(cap=cap_order(k["cap"]))) for k in (keys, points)]
    column = index[0].get_indexer(index[1])
    if (column < 0).any():
        first = points.iloc[int(np.argmax(column < 0))][KEY].to_dict()
        raise ValueError(f"points and draws differ: no draws for {first}")
    return column


def smoothing(
    parts: Sequence[np.ndarray], cost: np.ndarray, draws: int, samples: int, seed: int
) -> np.ndarray:
    """Return noise for the accuracies in the draws, (draws, points), of the size that one problem decides.

    Where two points differ on no problem that was asked, no draw of these problems tells them apart, but
    another problem may. So each accuracy gets normal noise of standard deviation 1 / (n sqrt(samples)), as
    much as the two added problems of a paired difference (a smoothed bootstrap: Silverman & Young 1987,
    Biometrika 74, 469). Points equal in cost and in every answer are one computation and share their noise.
    `parts` are accuracies by problem, (problems, points) per benchmark averaged.
    """
    same = np.vstack([cost, *parts])
    group = np.unique(np.nan_to_num(same, nan=-1.0), axis=1, return_inverse=True)[1].ravel()
    size = np.sqrt(sum(1 / (samples * len(part) ** 2) for part in parts)) / len(parts)
    rng = generator(seed, "smoothing", str(same.shape))
    return (size * rng.standard_normal((draws, group.max() + 1)))[:, group]


class Frontier:
    """The points of one benchmark against one cost, with their draws."""

    def __init__(
        self,
        rows: pd.DataFrame,
        cost: str,
        cost_draws: np.ndarray,
        accuracy_draws: np.ndarray,
        noise: np.ndarray | None = None,
    ) -> None:
        """`rows` are the points; draws are (draws, points), `noise` what smooths those of the accuracy."""
        self.rows, self.cost, self.draws = rows, cost, (cost_draws, accuracy_draws)
        self.smoothed = self.draws if noise is None else (cost_draws, accuracy_draws + noise)
        self.value = rows[cost].to_numpy(float, na_value=np.nan)
        self.accuracy = rows["accuracy"].to_numpy(float)
        self.problems = int(rows["problems"].min())
        self.on = pareto.frontier(self.value, self.accuracy)
        self.share = pareto.membership(*self.smoothed)
        self.short = pareto.shortfall(self.value, self.accuracy)
        tails = [intervals.expanded_tail(self.problems, level) for level in (0.9, intervals.LEVEL)]
        few = accuracy_draws[:DRAWS_OF_PAIRS]
        self.short_low, self.short_high = pareto.shortfall_limits(self.value, self.accuracy, few, *tails)
        self.short_high = np.maximum(self.short_high, self.short)
        self.near = self.short_low <= 0
        listed = np.flatnonzero(self.on | self.near | (self.share >= KEPT))
        self.listed = listed[np.lexsort((self.accuracy[listed], self.value[listed]))]

    def table(self, parts: list[np.ndarray] | None, samples: int, seed: int) -> pd.DataFrame:
        """Return the listed points; those on the frontier with the band and the held-out accuracy there."""
        i = self.listed
        low, high = np.nan, np.nan
        if parts is not None:
            low, high = intervals.percentile_limits(self.draws[0][:, i], self.problems)
            low, high = np.minimum(low, self.value[i]), np.maximum(high, self.value[i])
        table = self.rows.iloc[i][[*KEY, "accuracy", "accuracy_low", "accuracy_high", "interval"]].assign(
            cost=self.cost,
            cost_value=self.value[i],
            cost_low=low,
            cost_high=high,
            on_frontier=self.on[i],
            p_on_frontier=self.share[i],
            shortfall=self.short[i],
            shortfall_low=self.short_low[i],
            shortfall_high=self.short_high[i],
            within_noise=self.near[i],
        )
        names = ["best_corrected", "best_low", "best_high", "held_out", "held_out_low", "held_out_high"]
        table = table.assign(**dict.fromkeys(names, np.nan)).reset_index(drop=True)
        spots = np.flatnonzero(self.on[i])
        at = self.value[i][spots]
        band = budget_choice.band(self.rows, self.value, self.draws, at)
        table.loc[spots, names[:3]] = band[["corrected", "low", "high"]].to_numpy()
        if parts is not None:
            held = budget_choice.held_out(parts, self.value, at, samples, seed)
            table.loc[spots, names[3:]] = np.column_stack(held)
        return table

    def summary(self, parts: list[np.ndarray] | None, samples: int, seed: int) -> dict:
        """Return what stands in the JSON of one benchmark and cost."""
        names = [_name(self.rows, i) for i in self.listed]
        few = [draws[:DRAWS_OF_PAIRS, self.listed] for draws in self.smoothed]
        return {
            "points": int(np.isfinite(self.value).sum()),
            "on_frontier": int(self.on.sum()),
            "within_noise": int(self.near.sum()),
            "without_cost": [_name(self.rows, i) for i in np.flatnonzero(np.isnan(self.value))],
            "hypervolume": self.hypervolume(parts, seed),
            **self.choices(parts, samples, seed),
            "domination": {"points": names, "probability": pareto.domination(*few).round(4).tolist()},
        }

    def hypervolume(self, parts: list[np.ndarray] | None, seed: int) -> dict | None:
        """Return the hypervolume in decades of cost, its interval and its reference.

        A maximum over noisy points lies too high, and in the draws twice so: their mean exceeds the estimate
        by the bias. Estimate and percentiles are lowered by it once and twice (Efron & Tibshirani 1993,
        sections 10.6 and 14.3). Among equally good points that is not enough; what the halves of the problems
        choose for each other lies too low instead, and gives the lower limit where it is the lower one. `share`
        is per decade: the mean over budgets of the best accuracy. None when no cost is positive.
        """
        if not (self.value > 0).any():
            return None
        box = pareto.reference_box(self.value)
        width = np.log10(box.ceiling / box.floor)
        value = float(pareto.hypervolume(self.value, self.accuracy, box))
        drawn = pareto.hypervolume(*self.draws, box)
        bias = float(drawn.mean()) - value
        low, high = (float(v) for v in intervals.percentile_limits(drawn, self.problems) - np.array(2 * bias))
        if parts is not None:
            mean, error = budget_choice.held_out_volume(parts, self.value, box, seed)
            reach = error * stats.t.ppf((1 + intervals.LEVEL) / 2, max(self.problems - 1, 1))
            low, high = min(low, mean - reach), max(high, mean + reach)
        limits = [float(np.clip(v, 0.0, width)) if np.isfinite(v) else None for v in (low, high)]
        reference = {"cost_floor": box.floor, "cost_ceiling": box.ceiling, "accuracy": 0.0}
        return {
            "value": value,
            "corrected": float(np.clip(value - bias, 0.0, width)),
            "low": limits[0],
            "high": limits[1],
            "interval": SHIFTED if parts is None else BRACKETED,
            "share": value / width,
            "reference": reference,
        }

    def choices(self, parts: list[np.ndarray] | None, samples: int, seed: int) -> dict[str, list[dict]]:
        """Return the best point at each budget, and the band of the best accuracy."""
        rows, value = self.rows, self.value
        band = budget_choice.band(rows, value, self.draws, budget_choice.budgets(value))
        held = np.full((3, len(band)), np.nan)
        if parts is not None and len(band):
            held = np.array(
                budget_choice.held_out(parts, value, band["budget"].to_numpy(float), samples, seed)
            )
        best = []
        for row, apart in zip(band.itertuples(index=False), held.T, strict=True):
            point = rows.iloc[row.chosen]
            best.append(
                {
                    "budget": row.budget,
                    **_name(rows, row.chosen),
                    "cost_value": float(value[row.chosen]),
                    **{c: float(point[c]) for c in ("accuracy", "accuracy_low", "accuracy_high")},
                    "interval": point["interval"],
                    **{
                        name: float(v) if np.isfinite(v) else None
                        for name, v in zip(("held_out", "held_out_low", "held_out_high"), apart, strict=True)
                    },
                    "held_out_interval": budget_choice.HELD_OUT if np.isfinite(apart[0]) else None,
                    "p_point": round(row.p_point, 4),
                    "p_model": round(row.p_model, 4),
                }
            )
        names = ("budget", "corrected", "low", "high")
        lines = [
            {
                **{name: getattr(row, name) for name in names},
                "accuracy": float(self.accuracy[row.chosen]),
                "interval": budget_choice.BAND,
            }
            for row in band.itertuples(index=False)
        ]
        return {"best_under": best, "band": lines}


def _name(rows: pd.DataFrame, i: int) -> dict:
    """Return model, strategy and cap of a point, as JSON knows them."""
    cap = rows["cap"].iloc[i]
    return {
        "model": rows["model"].iloc[i],
        "strategy": rows["strategy"].iloc[i],
        "cap": None if pd.isna(cap) else int(cap),
    }
