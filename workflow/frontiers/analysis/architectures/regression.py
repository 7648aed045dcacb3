"""What an architecture adds at equal compute, from a regression over models and benchmarks."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit

from frontiers.analysis.trend.dated_points import empirical_odds
from frontiers.core.keys import CURVE, MEAN, cap_order
from frontiers.statistics.clustered_ols import ClusteredFit
from frontiers.statistics.intervals import LEVEL

MINIMUM_MODELS = 3
CLUSTERED = "least squares, CR2 errors clustered by {}"
DELTA = CLUSTERED + ", delta method"
CLUSTERS = ("model", "developer")
MINIMUM_DEVELOPERS = 6
"""Fewest developers that errors are clustered by."""
NOTE = "each model at its largest cap"
UNDATED = "fewer than 6 months of release dates"
SIZES = ("total_params", "active_params", "flops_2n")
SHORTEST = 0.5  # years that release dates must span to be held fixed


class Held(NamedTuple):
    """What a regression holds fixed: its name, the compute of a point in FLOP, and whether the release date too."""

    name: str
    compute: Callable[[pd.DataFrame], pd.Series]
    dated: bool = False


def _flops(points: pd.DataFrame) -> pd.Series:
    return points["flops"].astype(float)


def _total(points: pd.DataFrame) -> pd.Series:
    """Return 2 x all parameters x tokens: what a model of this size would cost if none were idle."""
    idle = points["total_params"].astype(float) / points["active_params"].astype(float)
    return points["flops_2n"].astype(float) * idle


HELD = (
    Held("compute", _flops),
    Held("compute and release date", _flops, dated=True),
    Held("total parameters x tokens", _total),
    Held("total parameters x tokens and release date", _total, dated=True),
)
"""A newer kind gains from being newer: of all newer models being of one kind, only the dated rows allow for it."""


def too_few(counts: Mapping[str, int]) -> str | None:
    """Return why kinds with so many models each cannot be told apart, None where they can."""
    few = [f"{kind}: {number}" for kind, number in counts.items() if number < MINIMUM_MODELS]
    if not few:
        return None
    return f"too few models to tell ({', '.join(few)}; at least {MINIMUM_MODELS} of each are needed)"


def regress(
    points: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    held_fixed: Sequence[Held] = HELD,
    leaving_out: bool = True,
) -> list[dict]:
    """Return the regression rows: log-odds of accuracy on log10 FLOPs, benchmark and architecture.

    Least squares over the points at the largest cap of each model, errors clustered (`clustered_ols`).
    The effect of a kind is its difference in log-odds at equal compute; over the slope on log10 FLOPs it
    gives the ratio of compute at equal accuracy, with limits by the delta method on log10. An accuracy of 0
    or 1 enters as half a problem; where guessing succeeds, odds are those of knowing an answer
    (`empirical_odds`). There are two rows for each of `HELD` and of `CLUSTERS`; those with the release date hold its
    slope fixed too. Errors are clustered by model, which takes every model for a draw of its own, and by developer,
    whose models share data and methods: that is the interval to quote. `left_out_low` and `left_out_high` are the
    least and largest difference of log-odds with one model left out, and `left_out_model` the model whose leaving
    moves it most; they stand in the rows by model, unless `leaving_out` is off.
    """
    used = points[(points["benchmark"] != MEAN) & (points["flops"] > 0)]
    used = used.assign(order=cap_order(used["cap"]))
    largest = used.groupby(CURVE)["order"].transform("max")
    used = used[used["order"] == largest].reset_index(drop=True)
    kinds = used.drop_duplicates("model").set_index("model")["architecture"]
    counts = kinds.value_counts().to_dict()
    rows = []
    for a, b in pairs:
        shared = {"benchmark": "all", "models_a": counts.get(a, 0), "models_b": counts.get(b, 0)}
        reason = too_few({a: shared["models_a"], b: shared["models_b"]})
        for held in held_fixed:
            why = reason or (UNDATED if held.dated and _span(used) < SHORTEST else None)
            if why is None and held.compute is _total and set(SIZES) - set(used):
                why = "the points have no numbers of parameters"
            for cluster in CLUSTERS:
                here = _dated(used) if held.dated else used
                reasons = why or _few(here, cluster)
                rows += _effects(here, a, b, reasons, shared, held, cluster, leaving_out)
    return rows


def quoted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the regression rows to quote: with errors by developer where these can be had, else by model."""
    known = rows[rows["estimable"].astype(bool)]
    order = known["interval"].str.contains("developer").sort_values(ascending=False, kind="stable").index
    key = ["comparison", "measure", "held_fixed"]
    return known.loc[order].drop_duplicates(key).sort_index()


def _few(used: pd.DataFrame, cluster: str) -> str | None:
    """Return why errors cannot be clustered by developer, None where they can."""
    if cluster == "model":
        return None
    number = used["developer"].nunique() if "developer" in used and used["developer"].notna().all() else 0
    if number >= MINIMUM_DEVELOPERS:
        return None
    return f"developers: {number}; errors by developer need at least {MINIMUM_DEVELOPERS}"


def _years(used: pd.DataFrame) -> pd.Series:
    """Return the release dates in years, NaN where unknown."""
    if "release_date" not in used:
        return pd.Series(np.nan, index=used.index)
    days = pd.to_datetime(used["release_date"], format="%Y-%m-%d", errors="coerce")
    return (days - pd.Timestamp("2023-01-01")).dt.days / 365.25


def _span(used: pd.DataFrame) -> float:
    years = _years(used)
    return float(years.max() - years.min()) if years.notna().any() else 0.0


def _dated(used: pd.DataFrame) -> pd.DataFrame:
    return used[_years(used).notna()].reset_index(drop=True)


def _effects(
    used: pd.DataFrame,
    a: str,
    b: str,
    reason: str | None,
    shared: dict,
    held: Held,
    cluster: str,
    leaving_out: bool,
) -> list[dict]:
    """Return difference of log-odds and ratio of compute of kinds `a` and `b`, errors clustered by a column."""
    odds = shared | {"measure": "log_odds_at_matched_compute", "comparison": f"{a} - {b}", "note": NOTE}
    odds |= {"held_fixed": held.name}
    ratio = odds | {"measure": "compute_ratio_at_matched_accuracy", "comparison": f"{a} / {b}"}
    odds, ratio = (
        row | {"interval": how.format(cluster)} for row, how in ((odds, CLUSTERED), (ratio, DELTA))
    )
    if reason is None:
        fit, names = _fit(used, b, held, cluster)
        if fit is None:
            reason = "too few models, or too alike in compute, for as many benchmarks and architectures"
    if reason is not None:
        return [row | {"estimable": False, "reason": reason} for row in (odds, ratio)]
    effect = np.array([float(name == a) for name in names])
    found = fit.contrast(effect)
    low, high = found.limits(LEVEL)
    odds |= {
        "estimable": True,
        "estimate": found.estimate,
        "low": low,
        "high": high,
        "p_value": found.p_value,
    }
    if cluster == "model" and leaving_out:
        odds |= _leaving_out(used, a, b, held, found.estimate)
    slope = fit.contrast(np.array([float(name == "decades") for name in names]))
    if slope.limits(LEVEL)[0] <= 0:
        reason = "accuracy is not shown to rise with compute in the regression"
        return [odds, ratio | {"estimable": False, "reason": reason}]
    decades = -found.estimate / slope.estimate
    gradient = -effect / slope.estimate
    gradient[names.index("decades")] = found.estimate / slope.estimate**2
    spread = fit.contrast(gradient)
    reach = spread.limits(LEVEL)[1] - spread.estimate
    limits = {"estimate": 10**decades, "low": 10 ** (decades - reach), "high": 10 ** (decades + reach)}
    return [odds, ratio | limits | {"estimable": True}]


def _leaving_out(used: pd.DataFrame, a: str, b: str, held: Held, estimate: float) -> dict:
    """Return the range of the effect of `a` with one model left out, and the model that moves it most."""
    effects = {}
    for model in used["model"].unique():
        fit, names = _fit(used[used["model"] != model].reset_index(drop=True), b, held)
        if fit is not None and a in names:
            effects[model] = fit.contrast(np.array([float(name == a) for name in names])).estimate
    if not effects:
        return {}
    most = max(effects, key=lambda model: abs(effects[model] - estimate))
    limits = {"left_out_low": min(effects.values()), "left_out_high": max(effects.values())}
    return limits | {"left_out_model": most}


def _fit(
    used: pd.DataFrame, baseline: str, held: Held, cluster: str = "model"
) -> tuple[ClusteredFit | None, list[str]]:
    """Return the fit with `baseline` as the kind left out, and the names of its coefficients."""
    accuracy, problems = (used[name].to_numpy(float) for name in ("accuracy", "problems"))
    half = 0.5 / (problems + 1)
    odds = logit(accuracy.clip(half, 1 - half))
    if "chance" in used:
        chance = used["chance"].astype(float).fillna(0.0).to_numpy()
        odds = np.where(chance > 0, empirical_odds(accuracy, problems, chance)[0], odds)
    kinds = pd.get_dummies(used["architecture"], dtype=float).drop(columns=baseline, errors="ignore")
    parts = [np.log10(held.compute(used)).rename("decades")] + [_years(used).rename("years")] * held.dated
    design = pd.concat([*parts, pd.get_dummies(used["benchmark"], dtype=float), kinds], axis=1)
    enough = used["model"].nunique() > design.shape[1]
    try:
        fit = ClusteredFit(design.to_numpy(float), odds, used[cluster].to_numpy(object)) if enough else None
    except ValueError:
        fit = None
    return fit, list(design.columns)
