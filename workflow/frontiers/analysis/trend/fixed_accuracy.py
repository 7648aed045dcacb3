"""The compute needed for a fixed accuracy over release dates, by three directions of regression.

Intervals as in `regressions`: one over models, and one over developers, which is the one to quote.
"""

import numpy as np
import statsmodels.api as sm
from scipy import stats

from frontiers.analysis.trend.regressions import (
    JACKKNIFE,
    empty,
    found,
    months,
    two_sided,
    why_not,
    why_not_clustered,
)
from frontiers.statistics.intervals import LEVEL

RATIO_MODELS = 8
"""Models needed for three coefficients and a bootstrap over them."""
ESTIMATORS = ("ols", "deming", "inverse")
BOOTSTRAP = "bootstrap over models"


def ratio_parts(
    when: np.ndarray,
    odds: np.ndarray,
    compute: np.ndarray,
    weights: np.ndarray,
    noise: np.ndarray | float = 0.0,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return numerator and denominator of the yearly change of log10 compute at fixed accuracy, by estimator.

    `when` (years), `odds` (log-odds of accuracy), `compute` (log10 FLOPs), `noise` (variance of the odds
    from the number of answers): shape (models,); `weights`: (draws, models), summing to 1; each part (draws,).
    The exact column t is projected out of L and F; what is left has second moments S_LL, S_LF, S_FF, with the
    mean noise taken off S_LL as far as S_LF allows (Fuller 1987, Measurement Error Models, section 1.2). With
    slopes b_L and b_F on date the change is b_F - b_L / c, where c is S_LF / S_FF ("ols"), S_LL / S_LF
    ("inverse") or, taking what is left of the errors of L and F to be in proportion to those moments,
    sqrt(S_LL / S_FF) ("deming"; Fuller, section 1.3). NaN where accuracy does not rise with compute
    (S_LF <= 0) or all weight lies on one date.
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
        of_odds = np.maximum(of_odds - weights @ np.broadcast_to(noise, odds.shape), both**2 / of_compute)
        least, middle = both / of_compute, np.sqrt(of_odds / of_compute)
        parts = {
            "ols": (compute_rate * least - odds_rate, least),
            "deming": (compute_rate * middle - odds_rate, middle),
            "inverse": (compute_rate - odds_rate * both / of_odds, np.ones_like(both)),
        }
    return {k: (np.where(rises, a, np.nan), np.where(rises, b, np.nan)) for k, (a, b) in parts.items()}


def compute_slopes(
    when: np.ndarray,
    odds: np.ndarray,
    compute: np.ndarray,
    weights: np.ndarray,
    noise: np.ndarray | float = 0.0,
) -> dict[str, np.ndarray]:
    """Return the yearly change of log10 compute at fixed accuracy, by estimator, each (draws,)."""
    return {k: a / b for k, (a, b) in ratio_parts(when, odds, compute, weights, noise).items()}


def fieller(top: float, bottom: float, spread: np.ndarray, reach: float) -> tuple[float, float] | None:
    """Return the limits of top / bottom, all ratios r with |top - r bottom| <= reach · its standard error.

    `spread` is the covariance (2, 2) of top and bottom. None where bottom may be 0 and the set has no bounds
    (Fieller 1954, J. R. Stat. Soc. B 16, 175).
    """
    square = reach**2
    a = bottom**2 - square * spread[1, 1]
    b = top * bottom - square * spread[0, 1]
    if a <= 0:
        return None
    root = np.sqrt(max(b**2 - a * (top**2 - square * spread[0, 0]), 0.0))
    return (b - root) / a, (b + root) / a


def without_each(developers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the developers (G,) and, for each, equal weights of the models of all others (G, models)."""
    names = np.unique(developers)
    kept = (developers[None] != names[:, None]).astype(float)
    with np.errstate(invalid="ignore"):
        return names, kept / kept.sum(axis=1, keepdims=True)


def fixed_accuracy(
    when: np.ndarray,
    odds: np.ndarray,
    compute: np.ndarray,
    noise: np.ndarray,
    developers: np.ndarray,
    draws: int,
    seed: int,
) -> dict[tuple[str, str], dict]:
    """Return the rows of `compute_at_accuracy` by estimator and standard error; arrays as in `ratio_parts`.

    "bootstrap over models": percentiles of draws of models with replacement, cut at the tail
    Phi(t sqrt(n / (n - 1))) with n - 3 degrees of freedom (Hesterberg 2015, Am. Stat. 69, 371). "jackknife
    over developers": Fieller's limits with the covariance of the estimates without each developer and
    Student's t with G - 1 degrees of freedom, as in the clustered errors of least squares. Months are positive
    where compute falls.
    """
    if (reason := why_not(when, RATIO_MODELS)) is not None:
        return {(name, error): empty(reason) for name in ESTIMATORS for error in (BOOTSTRAP, JACKKNIFE)}
    number = len(when)
    whole = ratio_parts(when, odds, compute, np.full((1, number), 1 / number), noise)
    counts = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=draws)
    drawn = compute_slopes(when, odds, compute, counts / number, noise)
    clustered = why_not_clustered(when, developers)
    left = ratio_parts(when, odds, compute, without_each(developers)[1], noise) if clustered is None else {}
    rows = {}
    for name in ESTIMATORS:
        top, bottom = (float(part[0]) for part in whole[name])
        shares = {}
        if name != "deming" and np.isfinite(top):
            outcome, given = (odds, compute) if name == "ols" else (compute, odds)
            design = sm.add_constant(np.column_stack([when - when.mean(), given]))
            shares = {"r2": float(sm.OLS(outcome, design).fit().rsquared)}
        limits = {BOOTSTRAP: _drawn_limits(drawn[name], number), JACKKNIFE: clustered}
        if clustered is None:
            limits[JACKKNIFE] = _left_limits(top, bottom, np.array(left[name]))
        for error, given in limits.items():
            if not np.isfinite(top):
                given = "accuracy does not rise with compute among these models"
            if isinstance(given, str):
                rows[name, error] = empty(given)
                continue
            p_value = _p_value(top, np.array(left[name])) if error == JACKKNIFE else np.nan
            row = found(top / bottom, *given, p_value=p_value) | shares
            rows[name, error] = row | months(-top / bottom, -given[1], -given[0])
    return rows


def _drawn_limits(sample: np.ndarray, number: int) -> tuple[float, float] | str:
    """Return the limits from draws of `number` models, or why there are none."""
    failed = float(np.mean(~np.isfinite(sample)))
    if failed > (1 - LEVEL) / 2:
        return f"no interval: accuracy does not rise with compute in {failed:.1%} of the draws"
    wide = np.sqrt(number / (number - 1)) * stats.t.ppf((1 - LEVEL) / 2, number - 3)
    tail = float(stats.norm.cdf(wide))
    low, high = np.nanquantile(sample, [tail, 1 - tail])
    return float(low), float(high)


def _p_value(top: float, left: np.ndarray) -> float:
    """Return the p-value of no change, which is a numerator of 0, from the parts without each developer (2, G)."""
    groups = left.shape[1]
    error = float(np.sqrt((groups - 1) / groups * ((left[0] - top) ** 2).sum()))
    return two_sided(top, error, groups - 1)


def _left_limits(top: float, bottom: float, left: np.ndarray) -> tuple[float, float] | str:
    """Return the limits of top / bottom from the parts without each developer (2, G), or why there are none."""
    groups = left.shape[1]
    apart = left - np.array([[top], [bottom]])
    reach = float(stats.t.ppf((1 + LEVEL) / 2, groups - 1))
    limits = None
    if np.isfinite(apart).all():
        limits = fieller(top, bottom, (groups - 1) / groups * apart @ apart.T, reach)
    return limits or "no interval: that accuracy rises with compute hangs on single developers"
