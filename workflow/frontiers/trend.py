"""Efficiency over release dates: three measures, each with its interval or the reason why there is none.

- `s_eff`: accuracy / log10(FLOPs) of each model, regressed on release date. Kept because it has been used;
  it depends on the unit of compute, and each row says how the slope changes with the unit.
- `accuracy_per_flop`: log10(accuracy / FLOPs) on release date, slope per year and doubling time.
- `compute_at_accuracy`: compute needed for a fixed accuracy. With L = logit(accuracy), F = log10(FLOPs) and
  t in years, L = a + b t + c F, so that at fixed accuracy F changes by -b / c per year (Ho et al. 2024,
  arXiv 2403.05812, use the same device for training compute). The answer depends on which variable is
  taken to be without error, so c comes from least squares of L on F, from least squares of F on L
  ("inverse"), and from Deming regression, all three given the date.

One observation is one model at its largest cap, on one benchmark. Years have 365.25 days.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import logit

from frontiers.cli import UserError
from frontiers.rows import frame_of
from frontiers.tables import cap_order

LEVEL = 0.95
MINIMUM_MODELS = 5
MINIMUM_YEARS = 0.5
MINIMUM_DEVELOPERS = 5
SELECTIONS = ("all", "frontier_at_date")
ESTIMATORS = ("ols", "deming", "inverse")
LARGEST_LEVERAGE = 1 - 1e-9
LOG2 = float(np.log10(2))


def fit(
    points: pd.DataFrame,
    draws: int = 2000,
    seed: int = 0,
    strategies: Sequence[str] = ("cot", "reported"),
) -> pd.DataFrame:
    """Return the table `trend`: one row per metric, selection, estimator, benchmark and standard error.

    `points` is the table `points` (costs in FLOPs per problem, release dates). Of each model the point at the
    largest cap is used, for the first of `strategies` it has. `draws` and `seed` are those of the bootstrap
    over models. Models without a date or with a cost that is not positive are left out and named in the
    column `note`.
    """
    chosen = _one_point_per_model(points, strategies)
    chosen["years"] = _years(chosen)
    rows = []
    for benchmark in chosen["benchmark"].drop_duplicates():
        everything = chosen[chosen["benchmark"] == benchmark]
        usable, notes = _usable(everything)
        for selection in SELECTIONS:
            kept = usable if selection == "all" else usable[frontier_at_date(usable)]
            key = {"benchmark": benchmark, "selection": selection, "models": len(kept)}
            for row in _fit_selection(kept, draws, seed):
                note = "; ".join(notes + ([row["note"]] if row.get("note") else [])) or None
                rows.append(key | row | {"note": note})
    return frame_of(rows, "trend")


def _one_point_per_model(points: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the largest cap and the first strategy of each model and benchmark."""
    known = points[points["strategy"].isin(strategies)].copy()
    known["rank"] = known["strategy"].map({name: i for i, name in enumerate(strategies)})
    known["size"] = cap_order(known["cap"])
    known = known.sort_values(["rank", "size"], ascending=[True, False], kind="stable")
    return known.drop_duplicates(["model", "benchmark"]).sort_index().drop(columns=["rank", "size"])


def _years(points: pd.DataFrame) -> pd.Series:
    """Return release dates as years (of 365.25 days) since day 1 of the calendar, NaN where unknown."""
    known = dict(zip(points["model"], points["release_date"], strict=True))
    years = {}
    for model, day in known.items():
        if not isinstance(day, str) or not day:
            years[model] = np.nan
            continue
        try:
            years[model] = date.fromisoformat(day).toordinal() / 365.25
        except ValueError as error:
            raise UserError(
                f'release date {day!r} of model `{model}` is not a day; write "YYYY-MM-DD" in config.yaml'
            ) from error
    return points["model"].map(years).astype(float)


def _usable(points: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the points that can be fitted, with `share` in (0, 1), and what was done to the others.

    An accuracy of 0 or 1 has no logarithm or log-odds; it enters as half a problem, 0.5 / (problems + 1)
    away from the end. Nothing is dropped for being wrong everywhere: that would flatter the slope.
    """
    notes = []
    undated = points["years"].isna()
    if undated.any():
        notes.append("left out, without release date: " + ", ".join(points.loc[undated, "model"]))
    costless = ~undated & ~(points["flops"] > 1)
    if costless.any():
        notes.append("left out, without a positive compute: " + ", ".join(points.loc[costless, "model"]))
    usable = points[~undated & ~costless].copy()
    half = 0.5 / (usable["problems"].astype(float) + 1)
    usable["share"] = usable["accuracy"].clip(half, 1 - half)
    if (moved := usable["share"] != usable["accuracy"]).any():
        notes.append("accuracy of 0 or 1 entered as half a problem: " + ", ".join(usable.loc[moved, "model"]))
    return usable, notes


def frontier_at_date(points: pd.DataFrame) -> np.ndarray:
    """Return which points were non-dominated among those released up to their own date.

    A point is dominated by another that is not later, not dearer and not worse, and cheaper or better.
    Needs the columns years, flops, accuracy. Shape (points,), bool.
    """
    when, cost, accuracy = (points[c].to_numpy(float) for c in ("years", "flops", "accuracy"))
    weakly = (cost[None] <= cost[:, None]) & (accuracy[None] >= accuracy[:, None])
    strictly = (cost[None] < cost[:, None]) | (accuracy[None] > accuracy[:, None])
    return ~((when[None] <= when[:, None]) & weakly & strictly).any(axis=1)


def _fit_selection(points: pd.DataFrame, draws: int, seed: int) -> list[dict]:
    """Return the rows of one benchmark and selection, without their key."""
    when, share = points["years"].to_numpy(float), points["share"].to_numpy(float)
    compute = np.log10(points["flops"].to_numpy(float))
    developer = points["developer"].where(points["developer"].notna(), points["model"]).to_numpy(str)
    reason = why_not(when)
    efficiency = points["accuracy"].to_numpy(float) / compute
    rows = []
    for clusters, name in ((None, "HC3"), (developer, "cluster developer")):
        row, unit = _regression(when, efficiency, clusters, reason), "depends on the unit of compute"
        if row["estimable"] and (compute > 3).all():
            other = _regression(when, points["accuracy"].to_numpy(float) / (compute - 3), None, None)
            unit += f": counted in 1000 FLOP the slope is {other['slope_per_year']:.3g}"
        row |= {"metric": "s_eff", "unit_dependent": True, "note": unit}
        rows.append(row | {"estimator": "ols", "standard_error": name})
    for clusters, name in ((None, "HC3"), (developer, "cluster developer")):
        row = _regression(when, np.log10(share) - compute, clusters, reason)
        row |= {"metric": "accuracy_per_flop", "unit_dependent": False}
        row |= months(row["slope_per_year"], row["low"], row["high"])
        rows.append(row | {"estimator": "ols", "standard_error": name})
    shared = {"metric": "compute_at_accuracy", "unit_dependent": False}
    shared["standard_error"] = "bootstrap over models"
    for estimator, row in _fixed_accuracy(when, logit(share), compute, draws, seed, reason).items():
        rows.append(row | shared | {"estimator": estimator})
    return rows


def why_not(years: np.ndarray) -> str | None:
    """Return why a trend over these release dates cannot be estimated, None when it can."""
    if len(years) < MINIMUM_MODELS:
        return f"models with a release date: {len(years)}; at least {MINIMUM_MODELS} are needed"
    if (span := float(np.ptp(years))) < MINIMUM_YEARS:
        return f"release dates span {12 * span:.1f} months; at least {12 * MINIMUM_YEARS:.0f} are needed"
    centred = (years - years.mean()) ** 2
    if centred.max() / centred.sum() + 1 / len(years) > LARGEST_LEVERAGE:
        return "all models but one share one release date: a single model would decide the slope"
    return None


def _empty(reason: str) -> dict:
    """Return the fields of a row that could not be estimated."""
    empty = dict.fromkeys(("slope_per_year", "low", "high", "r2"), np.nan)
    return empty | {"estimable": False, "reason": reason}


def _regression(
    when: np.ndarray, response: np.ndarray, clusters: np.ndarray | None, reason: str | None
) -> dict:
    """Return slope, interval and R² of least squares of `response` on years, with Student's t limits.

    Covariance HC3 (MacKinnon & White 1985) without `clusters`, else clustered with G - 1 degrees of freedom.
    """
    if reason is None and clusters is not None and (number := len(set(clusters))) < MINIMUM_DEVELOPERS:
        reason = f"developers: {number}; errors clustered by developer need at least {MINIMUM_DEVELOPERS}"
    if reason is not None:
        return _empty(reason)
    model = sm.OLS(response, sm.add_constant(when - when.mean()))
    if clusters is None:
        result = model.fit(cov_type="HC3", use_t=True)
    else:
        groups = np.unique(clusters, return_inverse=True)[1]
        result = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    low, high = result.conf_int(1 - LEVEL)[1]
    fields = {"slope_per_year": result.params[1], "low": low, "high": high, "r2": result.rsquared}
    return {k: float(v) for k, v in fields.items()} | {"estimable": True, "reason": None}


def months(slope: float, low: float, high: float) -> dict[str, float]:
    """Return the doubling time in months and its limits for a slope in decades (log10) per year.

    Negative for a falling quantity. Where (low, high) holds zero the set of doubling times has no bound on
    that side, and the limit is NaN.
    """
    slopes = np.array([slope, high, low], float)
    with np.errstate(divide="ignore"):
        estimate, lower, upper = 12 * LOG2 / slopes
    if low <= 0 <= high:
        lower, upper = (lower, np.nan) if slope > 0 else (np.nan, upper)
    finite = [v if np.isfinite(v) else np.nan for v in (estimate, lower, upper)]
    return dict(zip(("doubling_months", "doubling_low", "doubling_high"), map(float, finite), strict=True))


def compute_slopes(
    when: np.ndarray, odds: np.ndarray, compute: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the yearly change of log10 compute at fixed accuracy, by estimator, each (draws,).

    `when` (years), `odds` (log-odds of accuracy), `compute` (log10 FLOPs): shape (models,); `weights`:
    (draws, models), summing to 1. The exact column t is projected out of L and F; what is left has second
    moments S_LL, S_LF, S_FF, and c is S_LF / S_FF ("ols"), S_LL / S_LF ("inverse") or, taking the errors of L
    and F to be in proportion to those moments, sqrt(S_LL / S_FF) ("deming"; Fuller 1987, section 1.3). NaN
    where accuracy does not rise with compute (S_LF <= 0) or all weight lies on one date.
    """
    centred = [v[None] - (weights @ v)[:, None] for v in (when, odds, compute)]

    def moment(a: int, b: int) -> np.ndarray:
        return (weights * centred[a] * centred[b]).sum(axis=1)

    with np.errstate(divide="ignore", invalid="ignore"):
        odds_rate, compute_rate = moment(0, 1) / moment(0, 0), moment(0, 2) / moment(0, 0)
        both = moment(1, 2) - odds_rate * moment(0, 2)
        of_odds = moment(1, 1) - odds_rate * moment(0, 1)
        of_compute = moment(2, 2) - compute_rate * moment(0, 2)
        rises = both > 1e-12 * np.sqrt(np.abs(of_odds * of_compute))
        gains = {
            "ols": both / of_compute,
            "deming": np.sqrt(of_odds / of_compute),
            "inverse": of_odds / both,
        }
        return {k: np.where(rises, compute_rate - odds_rate / c, np.nan) for k, c in gains.items()}


def _fixed_accuracy(
    when: np.ndarray, odds: np.ndarray, compute: np.ndarray, draws: int, seed: int, reason: str | None
) -> dict[str, dict]:
    """Return the rows of `compute_at_accuracy` by estimator; months are positive where compute falls."""
    if reason is not None:
        return {name: _empty(reason) for name in ESTIMATORS}
    number = len(when)
    slopes = compute_slopes(when, odds, compute, np.full((1, number), 1 / number))
    counts = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=draws)
    drawn = compute_slopes(when, odds, compute, counts / number)
    given = {"ols": (odds, compute), "inverse": (compute, odds)}
    rows = {}
    for name in ESTIMATORS:
        slope, sample = float(slopes[name][0]), drawn[name]
        if not np.isfinite(slope):
            rows[name] = _empty("accuracy does not rise with compute among these models")
            continue
        failed = float(np.mean(~np.isfinite(sample)))
        if failed > (1 - LEVEL) / 2:
            rows[name] = _empty(
                f"no interval: accuracy does not rise with compute in {failed:.0%} of the draws"
            )
            continue
        low, high = np.nanpercentile(sample, 100 * np.array([1 - LEVEL, 1 + LEVEL]) / 2)
        row = {"slope_per_year": slope, "low": low, "high": high, "estimable": True, "reason": None}
        if name in given:
            left, right = given[name]
            design = sm.add_constant(np.column_stack([when - when.mean(), right]))
            row["r2"] = float(sm.OLS(left, design).fit().rsquared)
        rows[name] = row | months(-slope, -high, -low)
    return rows
