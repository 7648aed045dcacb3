"""What an architecture adds at equal compute, from a regression over models and benchmarks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import logit

from frontiers.analysis.trend.dated_points import empirical_odds
from frontiers.core.keys import CURVE, MEAN, cap_order
from frontiers.statistics.clustered_ols import ClusteredFit
from frontiers.statistics.intervals import LEVEL

MINIMUM_MODELS = 3
CLUSTERED = "least squares, CR2 errors clustered by model"
DELTA = "least squares, CR2 errors clustered by model, delta method"
NOTE = "each model at its largest cap; release date not held fixed"


def too_few(counts: Mapping[str, int]) -> str | None:
    """Return why kinds with so many models each cannot be told apart, None where they can."""
    few = [f"{kind}: {number}" for kind, number in counts.items() if number < MINIMUM_MODELS]
    if not few:
        return None
    return f"too few models to tell ({', '.join(few)}; at least {MINIMUM_MODELS} of each are needed)"


def regress(points: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> list[dict]:
    """Return the regression rows: log-odds of accuracy on log10 FLOPs, benchmark and architecture.

    Least squares over the points at the largest cap of each model, errors clustered by model (`clustered_ols`).
    The effect of a kind is its difference in log-odds at equal compute; over the slope on log10 FLOPs it
    gives the ratio of compute at equal accuracy, with limits by the delta method on log10. An accuracy of 0
    or 1 enters as half a problem; where guessing succeeds, odds are those of knowing an answer
    (`empirical_odds`). Release date is not held fixed: a newer kind gains from being newer.
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
        rows += _effects(used, a, b, reason, shared)
    return rows


def _effects(used: pd.DataFrame, a: str, b: str, reason: str | None, shared: dict) -> list[dict]:
    """Return difference of log-odds and ratio of compute of kinds `a` and `b`."""
    odds = shared | {"measure": "log_odds_at_matched_compute", "comparison": f"{a} - {b}", "note": NOTE}
    ratio = odds | {"measure": "compute_ratio_at_matched_accuracy", "comparison": f"{a} / {b}"}
    odds, ratio = odds | {"interval": CLUSTERED}, ratio | {"interval": DELTA}
    if reason is None:
        fit, names = _fit(used, b)
        if fit is None:
            reason = "too few models, or too alike in compute, for as many benchmarks and architectures"
    if reason is not None:
        return [row | {"estimable": False, "reason": reason} for row in (odds, ratio)]
    effect = np.array([float(name == a) for name in names])
    found = fit.contrast(effect)
    low, high = found.limits(LEVEL)
    odds |= {"estimable": True, "estimate": found.estimate, "low": low, "high": high}
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


def _fit(used: pd.DataFrame, baseline: str) -> tuple[ClusteredFit | None, list[str]]:
    """Return the fit with `baseline` as the kind left out, and the names of its coefficients."""
    accuracy, problems = (used[name].to_numpy(float) for name in ("accuracy", "problems"))
    half = 0.5 / (problems + 1)
    odds = logit(accuracy.clip(half, 1 - half))
    if "chance" in used:
        chance = used["chance"].astype(float).fillna(0.0).to_numpy()
        odds = np.where(chance > 0, empirical_odds(accuracy, problems, chance)[0], odds)
    kinds = pd.get_dummies(used["architecture"], dtype=float).drop(columns=baseline)
    parts = [np.log10(used["flops"].astype(float)).rename("decades")]
    design = pd.concat([*parts, pd.get_dummies(used["benchmark"], dtype=float), kinds], axis=1)
    enough = used["model"].nunique() > design.shape[1]
    try:
        fit = ClusteredFit(design.to_numpy(float), odds, used["model"].to_numpy(object)) if enough else None
    except ValueError:
        fit = None
    return fit, list(design.columns)
