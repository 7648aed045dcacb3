"""What the curves of several models say together about one benchmark: a random-effects estimate.

theta_i, the estimate of model i, is taken to vary around a common mean by its own error and by a true spread
tau between models. tau² is that of Paule & Mandel (1982), as `statsmodels` computes it; weights are
1 / (s_i² + tau²). Models answer the same problems, so that their errors are alike: the variance of the mean
uses the covariance S of the joint bootstrap,

    w' S w + tau² w' w,   or, if larger, Hartung & Knapp's (2001, Stat. Med. 20, 3875) from the spread seen,

with Student's t and k - 1 degrees of freedom. It speaks of models like these on problems like these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from frontiers.statistics.intervals import LEVEL

FEWEST = 3
FINITE = 0.8
"""Share of draws in which a curve must have the quantity to be pooled."""
LEVELS = "a break after which accuracy is shown to rise more slowly"
ONSET = "a break after which accuracy is shown to rise faster"
QUANTITIES = {
    "breakpoint_flops": LEVELS,
    "breakpoint_tokens": LEVELS,
    "plateau_slope": LEVELS,
    "onset_flops": ONSET,
    "onset_tokens": ONSET,
}
"""Quantity -> the curves that have it (`direction` of the table `saturation`). All but the slope are pooled as log10."""
SLOPE = "plateau_slope"


@dataclass(frozen=True)
class Estimate:
    """A quantity of one model's curve, log10 for all but the slope: its value and its bootstrap draws (D,)."""

    model: str
    value: float
    draws: np.ndarray


def pool(estimates: Sequence[Estimate]) -> dict[str, float]:
    """Return mean, limits, the spread between models tau and I² of estimates drawn together (see the module).

    Draws that are not finite are left out of the covariances.
    """
    values = np.array([e.value for e in estimates])
    draws = np.ma.masked_invalid(np.stack([e.draws for e in estimates]))
    spread = np.atleast_2d(np.asarray(np.ma.cov(draws), float))
    own = np.maximum(np.diag(spread), 1e-12)
    np.fill_diagonal(spread, own)
    with np.errstate(divide="ignore"):
        result = combine_effects(values, own, method_re="iterated")
        i2 = max(float(result.i2), 0.0)
    between = max(float(result.tau2), 0.0)
    weights = 1 / (own + between)
    weights /= weights.sum()
    mean, freedom = float(weights @ values), len(values) - 1
    known = weights @ spread @ weights + between * (weights**2).sum()
    seen = (weights * (values - mean) ** 2).sum() / freedom
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(max(known, seen))
    return {
        "estimate": mean,
        "low": mean - reach,
        "high": mean + reach,
        "between": np.sqrt(between),
        "i2": i2,
    }


def pooled_rows(
    fitted: Mapping[str, Sequence[Estimate]], curves: int, key: Mapping[str, object]
) -> list[dict]:
    """Return the rows of the table `saturation_pooled` of one strategy and benchmark.

    `fitted` has the estimates by quantity, `curves` is the number of models whose accuracy varies with the cap.
    """
    rows = []
    for quantity, what in QUANTITIES.items():
        usable = [e for e in fitted.get(quantity, ()) if np.isfinite(e.draws).mean() >= FINITE]
        row = {**key, "quantity": quantity, "models": len(usable), "curves": curves, "estimable": False}
        if len(usable) < FEWEST:
            row["reason"] = f"models with {what}: {len(usable)} of {curves}; at least {FEWEST} are needed"
        else:
            found = pool(usable)
            if quantity != SLOPE:
                found |= {name: 10 ** found[name] for name in ("estimate", "low", "high")}
            row |= found | {"estimable": True, "reason": None}
        rows.append(row)
    return rows
