"""Efficiency over release dates: three measures, each with its interval or the reason why it has none.

- `s_eff`: accuracy / log10(FLOPs) of each model, regressed on release date. Kept because others report it;
  it depends on the unit of compute, and each row says how the slope changes with the unit.
- `accuracy_per_flop`: log10(accuracy / FLOPs) on release date, slope per year and doubling time; of the mean
  (least squares) and of the upper edge (0.9 quantile).
- `compute_at_accuracy`: compute needed for a fixed accuracy. With L = log-odds of accuracy, F = log10(FLOPs)
  and t in years, L = a + b t + c F, so that at fixed accuracy F changes by -b / c per year (Ho et al. 2024,
  arXiv 2403.05812, use the same device for training compute). The answer depends on which variable is
  taken to be without error, so c comes from least squares of L on F, from least squares of F on L
  ("inverse"), and from Deming regression, all three given the date. On a benchmark where guessing succeeds, L are
  the odds of knowing an answer (`dated_points.empirical_odds`), and `compute_at_accuracy_uncorrected` has the
  same estimates from the odds of being right.

One observation is one model at its largest cap, on one benchmark. Years have 365.25 days. Of the models on the
frontier at their date only the first two are followed, least squares alone: the selection, by compute and
accuracy, leaves no upper edge, and it changes how the one depends on the other.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.analysis.trend.dated_points import (
    STRATEGIES,
    dated_points,
    empirical_odds,
    frontier_at_date,
    guessing,
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
from frontiers.core.keys import MEAN
from frontiers.core.tables import frame_of
from frontiers.statistics.paired import holm

COINCIDE = "accuracy scatters no more than its sampling error: the directions of regression coincide"
EDGE_ITSELF = "the models on the frontier at their date are an upper edge themselves"
CHOSEN_BY_BOTH = "chosen by compute and accuracy, these models do not tell how the one depends on the other"
NOTHING_RIGHT = "no model answered any problem right"
UNCORRECTED = "compute_at_accuracy_uncorrected"
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
    rows = []
    for benchmark, dated in dated_points(points, strategies, today).groupby("benchmark", sort=False):
        usable, shared_notes = dated[dated["left_out"].isna()], notes(dated)
        models = _models(usable)
        on = frontier_at_date(usable)
        for selection, kept, found in (
            ("all", np.ones_like(on), _fit_all(usable, models, draws, seed)),
            ("frontier_at_date", on, _fit_frontier(usable, models)),
        ):
            key = {"benchmark": benchmark, "selection": selection, "models": int(kept.sum())}
            key["developers"] = len(set(models.developer[kept]))
            for row in found:
                note = "; ".join(shared_notes + ([row["note"]] if row.get("note") else [])) or None
                rows.append(key | row | {"note": note})
    table = frame_of(rows, "trend")
    return table.assign(p_holm=_corrected(table))


def _corrected(table: pd.DataFrame) -> pd.Series:
    """Return p-values corrected for the number of benchmarks on which a question is asked; the mean is none of them."""
    corrected = pd.Series(np.nan, table.index)
    asked = table[table["p_value"].notna() & (table["benchmark"] != MEAN)]
    for _, family in asked.groupby(["metric", "selection", "estimator", "standard_error"]):
        corrected[family.index] = holm(family["p_value"])
    return corrected


class Models(NamedTuple):
    """The dated models of one benchmark, each array (models,).

    when: years. accuracy, and share: the same within (0, 1). compute: log10 FLOPs. odds: log-odds of the
    accuracy, or of knowing an answer, with the variance `noise`. developer: whose it is; a model without
    a developer is its own.
    """

    when: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray
    compute: np.ndarray
    odds: np.ndarray
    noise: np.ndarray
    developer: np.ndarray

    @property
    def fails(self) -> str | None:
        """Why models that are all wrong everywhere have no trend, else None."""
        return NOTHING_RIGHT if len(self.accuracy) and not self.accuracy.any() else None

    @property
    def s_eff(self) -> np.ndarray:
        """Accuracy per log10 FLOPs."""
        return self.accuracy / self.compute

    @property
    def per_flop(self) -> np.ndarray:
        """log10 of the accuracy per FLOP."""
        return np.log10(self.share) - self.compute


def _models(points: pd.DataFrame, corrected: bool = True) -> Models:
    """Return the models of dated points, with odds of knowing, or not `corrected`, of being right."""
    when, accuracy, share, flops, answers, chance = (
        points[name].to_numpy(float) for name in ("years", "accuracy", "share", "flops", "answers", "chance")
    )
    developer = points["developer"].where(points["developer"].notna(), points["model"]).to_numpy(str)
    odds, noise = empirical_odds(share, answers, chance if corrected else 0.0)
    return Models(when, accuracy, share, np.log10(flops), odds, noise, developer)


def _s_eff(accuracy: np.ndarray, compute: np.ndarray, when: np.ndarray, estimable: bool) -> dict:
    """Return the fields that say what the unit of compute does to the slope of S_eff."""
    unit = "depends on the unit of compute"
    if estimable and (compute > 3).all():
        other = slope_of(when, accuracy / (compute - 3))
        unit += f": counted in 1000 FLOP the slope is {other:.3g}"
    return {"metric": "s_eff", "unit_dependent": True, "note": unit}


def _per_flop(row: dict) -> dict:
    """Return the fields of a slope of the accuracy per FLOP."""
    doubling = months(row["slope_per_year"], row["low"], row["high"])
    return {"metric": "accuracy_per_flop", "unit_dependent": False} | doubling


def _fit_all(points: pd.DataFrame, models: Models, draws: int, seed: int) -> list[dict]:
    """Return the rows of one benchmark over all models, without their key."""
    rows = [*_s_eff_rows(models), *_per_flop_rows(models, draws, seed)]
    if not (points["chance"] > 0).any():
        return [*rows, *_compute_rows(models, draws, seed)]
    plain = _compute_rows(_models(points, corrected=False), draws, seed)
    rows += _compute_rows(models, draws, seed, guessing(points))
    return rows + [row | {"metric": UNCORRECTED} for row in plain]


def _s_eff_rows(models: Models) -> Iterator[dict]:
    """Yield the rows of `s_eff` over all models."""
    for developer, name in ((None, HC3), (models.developer, CLUSTER)):
        row = empty(models.fails) if models.fails else least_squares(models.when, models.s_eff, developer)
        row |= _s_eff(models.accuracy, models.compute, models.when, row["estimable"])
        row |= _without(row, models.developer, partial(_of_models, slope_of, models.when, models.s_eff))
        yield row | {"estimator": "ols", "standard_error": name}


def _per_flop_rows(models: Models, draws: int, seed: int) -> Iterator[dict]:
    """Yield the rows of `accuracy_per_flop` over all models."""
    when, response = models.when, models.per_flop
    fits = (
        ("ols", HC3, least_squares(when, response, None), slope_of),
        ("ols", CLUSTER, least_squares(when, response, models.developer), slope_of),
        ("quantile", RANK, upper_edge(when, response, draws, seed), edge_slope),
    )
    for estimator, name, row, slope in fits:
        row = empty(models.fails) if models.fails else row
        row |= _per_flop(row)
        row |= _without(row, models.developer, partial(_of_models, slope, when, response))
        yield row | {"estimator": estimator, "standard_error": name}


def _compute_rows(models: Models, draws: int, seed: int, note: str | None = None) -> Iterator[dict]:
    """Yield the rows of `compute_at_accuracy` over all models, with a `note` on them."""
    when, odds, compute, noise = models.when, models.odds, models.compute, models.noise

    def slopes(weights: np.ndarray) -> dict[str, np.ndarray]:
        return compute_slopes(when, odds, compute, weights, noise)

    shared = {"metric": "compute_at_accuracy", "unit_dependent": False, "note": note}
    equal = slopes(np.full((1, len(when)), 1 / max(len(when), 1)))
    if np.isclose(equal["ols"], equal["inverse"]).all():
        shared["note"] = "; ".join(filter(None, (note, COINCIDE)))
    found = fixed_accuracy(when, odds, compute, noise, models.developer, draws, seed)
    for (estimator, name), row in found.items():
        row |= shared | _without(row, models.developer, lambda weights, e=estimator: slopes(weights)[e])
        yield row | {"estimator": estimator, "standard_error": name}


def _fit_frontier(points: pd.DataFrame, models: Models) -> list[dict]:
    """Return the rows of one benchmark over the models of `points` on the frontier at their date."""

    def select(among: np.ndarray) -> np.ndarray:
        chosen = np.zeros(len(points), bool)
        chosen[among] = frontier_at_date(points[among])
        return chosen

    current, rows = select(np.ones(len(points), bool)), []
    for metric, response in (("s_eff", models.s_eff), ("accuracy_per_flop", models.per_flop)):
        for groups, name in ((None, JACKKNIFE_MODELS), (models.developer, JACKKNIFE)):
            row, left = empty(models.fails), np.empty(0)
            if not models.fails:
                row, left = selected_least_squares(models.when, response, select, groups)
            if metric == "s_eff":
                used = (values[current] for values in (models.accuracy, models.compute, models.when))
                row |= _s_eff(*used, row["estimable"])
            else:
                row |= _per_flop(row)
            if groups is not None and len(left):
                row |= _range(row["slope_per_year"], left, np.unique(models.developer))
            rows.append(row | {"estimator": "ols", "standard_error": name})
    edge = {"metric": "accuracy_per_flop", "estimator": "quantile", "standard_error": RANK}
    rows.append(empty(models.fails or EDGE_ITSELF) | edge | {"unit_dependent": False})
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
