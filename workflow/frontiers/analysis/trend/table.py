"""Efficiency over release dates: three measures, each with its interval or the reason why there is none.

- `s_eff`: accuracy / log10(FLOPs) of each model, regressed on release date. Kept because it has been used;
  it depends on the unit of compute, and each row says how the slope changes with the unit.
- `accuracy_per_flop`: log10(accuracy / FLOPs) on release date, slope per year and doubling time; of the mean
  (least squares) and of the upper edge (0.9 quantile).
- `compute_at_accuracy`: compute needed for a fixed accuracy. With L = log-odds of accuracy, F = log10(FLOPs)
  and t in years, L = a + b t + c F, so that at fixed accuracy F changes by -b / c per year (Ho et al. 2024,
  arXiv 2403.05812, use the same device for training compute). The answer depends on which variable is
  taken to be without error, so c comes from least squares of L on F, from least squares of F on L
  ("inverse"), and from Deming regression, all three given the date.

One observation is one model at its largest cap, on one benchmark. Years have 365.25 days. Of the models on the
frontier at their date only the first two are followed, least squares alone: the selection, by compute and
accuracy, leaves no upper edge, and it changes how the one depends on the other.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from frontiers.analysis.trend.dated_points import (
    STRATEGIES,
    dated_points,
    empirical_odds,
    frontier_at_date,
    notes,
)
from frontiers.analysis.trend.fixed_accuracy import (
    BOOTSTRAP,
    ESTIMATORS,
    compute_slopes,
    fixed_accuracy,
    without_each,
)
from frontiers.analysis.trend.regressions import (
    CLUSTER,
    HC3,
    JACKKNIFE,
    JACKKNIFE_MODELS,
    RANK,
    edge_slope,
    empty,
    least_squares,
    months,
    selected_least_squares,
    slope_of,
    upper_edge,
)
from frontiers.core.tables import frame_of

COINCIDE = "accuracy scatters no more than its sampling error: the directions of regression coincide"
EDGE_ITSELF = "the models on the frontier at their date are an upper edge themselves"
CHOSEN_BY_BOTH = "chosen by compute and accuracy, these models do not tell how the one depends on the other"
NOTHING_RIGHT = "no model answered any problem right"
OMITTED = ("left_out_low", "left_out_high", "left_out_developer")


def fit(
    points: pd.DataFrame,
    draws: int = 2000,
    seed: int = 0,
    strategies: Sequence[str] = STRATEGIES,
    today: date | None = None,
) -> pd.DataFrame:
    """Return the table `trend`: one row per metric, selection, estimator, benchmark and standard error.

    `points` is the table `points` (costs in FLOPs per problem, release dates). Of each model the point at the
    largest cap is used, for the first of `strategies` it has. `draws` and `seed` are those of the bootstrap
    over models and of the permutations. Models without a date, with one after `today` (default: the day of
    the run) or with a cost that is not positive are left out and named in the column `note`.
    """
    chosen = dated_points(points, strategies, today)
    rows = []
    for benchmark, everything in chosen.groupby("benchmark", sort=False):
        usable, said = everything[everything["left_out"].isna()], notes(everything)
        developer = _developers(usable)
        fits = {"all": _fit_all(usable, developer, draws, seed)}
        fits["frontier_at_date"] = _fit_frontier(usable, developer)
        for selection, found in fits.items():
            kept = slice(None) if selection == "all" else frontier_at_date(usable)
            key = {"benchmark": benchmark, "selection": selection, "models": len(usable[kept])}
            key["developers"] = len(set(developer[kept]))
            for row in found:
                note = "; ".join(said + ([row["note"]] if row.get("note") else [])) or None
                rows.append(key | row | {"note": note})
    return frame_of(rows, "trend")


def _developers(points: pd.DataFrame) -> np.ndarray:
    """Return the developers of the points; a model without one is its own."""
    return points["developer"].where(points["developer"].notna(), points["model"]).to_numpy(str)


def _s_eff(accuracy: np.ndarray, compute: np.ndarray, when: np.ndarray, estimable: bool) -> dict:
    """Return the fields that say what the unit of compute does to the slope of S_eff."""
    unit = "depends on the unit of compute"
    if estimable and (compute > 3).all():
        other = slope_of(when, accuracy / (compute - 3))
        unit += f": counted in 1000 FLOP the slope is {other:.3g}"
    return {"metric": "s_eff", "unit_dependent": True, "note": unit}


def _fit_all(points: pd.DataFrame, developer: np.ndarray, draws: int, seed: int) -> list[dict]:
    """Return the rows of one benchmark over all models, without their key."""
    when, share = points["years"].to_numpy(float), points["share"].to_numpy(float)
    compute = np.log10(points["flops"].to_numpy(float))
    odds, noise = empirical_odds(share, points["answers"].to_numpy(float))
    accuracy = points["accuracy"].to_numpy(float)
    fails = NOTHING_RIGHT if len(accuracy) and not accuracy.any() else None
    rows = []
    for clusters, name in ((None, HC3), (developer, CLUSTER)):
        row = empty(fails) if fails else least_squares(when, accuracy / compute, clusters)
        row |= _s_eff(accuracy, compute, when, row["estimable"])
        row |= _without(row, developer, partial(_of_models, slope_of, when, accuracy / compute))
        rows.append(row | {"estimator": "ols", "standard_error": name})
    per_flop = np.log10(share) - compute
    fits = [("ols", HC3, least_squares(when, per_flop, None), slope_of)]
    fits.append(("ols", CLUSTER, least_squares(when, per_flop, developer), slope_of))
    fits.append(("quantile", RANK, upper_edge(when, per_flop, draws, seed), edge_slope))
    for estimator, name, row, slope in fits:
        row = empty(fails) if fails else row
        row |= {"metric": "accuracy_per_flop", "unit_dependent": False}
        row |= months(row["slope_per_year"], row["low"], row["high"])
        row |= _without(row, developer, partial(_of_models, slope, when, per_flop))
        rows.append(row | {"estimator": estimator, "standard_error": name})
    shared = {"metric": "compute_at_accuracy", "unit_dependent": False, "note": None}

    def slopes(weights: np.ndarray) -> dict[str, np.ndarray]:
        return compute_slopes(when, odds, compute, weights, noise)

    equal = slopes(np.full((1, len(when)), 1 / max(len(when), 1)))
    if np.isclose(equal["ols"], equal["inverse"]).all():
        shared["note"] = COINCIDE
    for (estimator, name), row in fixed_accuracy(when, odds, compute, noise, developer, draws, seed).items():
        row |= shared | _without(row, developer, lambda weights, e=estimator: slopes(weights)[e])
        rows.append(row | {"estimator": estimator, "standard_error": name})
    return rows


def _fit_frontier(points: pd.DataFrame, developer: np.ndarray) -> list[dict]:
    """Return the rows of one benchmark over the models of `points` on the frontier at their date."""
    when, share = points["years"].to_numpy(float), points["share"].to_numpy(float)
    compute = np.log10(points["flops"].to_numpy(float))
    accuracy = points["accuracy"].to_numpy(float)
    fails = NOTHING_RIGHT if len(accuracy) and not accuracy.any() else None

    def select(at_hand: np.ndarray) -> np.ndarray:
        chosen = np.zeros(len(points), bool)
        chosen[at_hand] = frontier_at_date(points[at_hand])
        return chosen

    current, rows = select(np.ones(len(points), bool)), []
    for metric, response in (("s_eff", accuracy / compute), ("accuracy_per_flop", np.log10(share) - compute)):
        for groups, name in ((None, JACKKNIFE_MODELS), (developer, JACKKNIFE)):
            row, left = (
                (empty(fails), np.empty(0))
                if fails
                else selected_least_squares(when, response, select, groups)
            )
            if metric == "s_eff":
                row |= _s_eff(accuracy[current], compute[current], when[current], row["estimable"])
            else:
                row |= {"metric": metric, "unit_dependent": False}
                row |= months(row["slope_per_year"], row["low"], row["high"])
            if groups is not None and len(left):
                row |= _range(row["slope_per_year"], left, np.unique(developer))
            rows.append(row | {"estimator": "ols", "standard_error": name})
    edge = {"metric": "accuracy_per_flop", "estimator": "quantile", "standard_error": RANK}
    rows.append(empty(fails or EDGE_ITSELF) | edge | {"unit_dependent": False})
    ratio = empty(CHOSEN_BY_BOTH) | {"metric": "compute_at_accuracy", "unit_dependent": False}
    return rows + [
        ratio | {"estimator": estimator, "standard_error": name}
        for estimator in ESTIMATORS
        for name in (BOOTSTRAP, JACKKNIFE)
    ]


def _of_models(
    slope: Callable[[np.ndarray, np.ndarray], float],
    when: np.ndarray,
    response: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Return the slope over the models of positive weight, row by row of `weights`."""
    return np.array([slope(when[row > 0], response[row > 0]) for row in weights])


def _without(row: dict, developer: np.ndarray, slopes: Callable[[np.ndarray], np.ndarray]) -> dict:
    """Return the range of slopes without each developer, and the one without whom it moves most."""
    if not row["estimable"] or len(set(developer)) < 2:
        return {}
    names, weights = without_each(developer)
    found = slopes(weights)
    if not np.isfinite(found).any():
        return {}
    return _range(row["slope_per_year"], found, names)


def _range(slope: float, without: np.ndarray, names: np.ndarray) -> dict:
    """Return the least and the greatest slope without each developer, and the one without whom it moves most."""
    largest = int(np.nanargmax(np.abs(without - slope)))
    return dict(zip(OMITTED, (np.nanmin(without), np.nanmax(without), names[largest]), strict=True))
