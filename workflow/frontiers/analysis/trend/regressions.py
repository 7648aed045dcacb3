"""Regressions on release date, each with an interval that has been shown to cover, or a reason for none.

How often the intervals hold a known truth is simulated by `tests/simulation/coverage_trend.py`; the methods
here are those that passed. Developers release several models that resemble each other, so that the interval
to quote is the one by developer; the one over models takes every model for a new draw.
"""

from collections.abc import Callable

import numpy as np
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import linprog

from frontiers.statistics.intervals import LEVEL

MINIMUM_MODELS = 5
MINIMUM_YEARS = 0.5
MINIMUM_DEVELOPERS = 5
EDGE = 0.9
"""Quantile taken as the upper edge."""
EDGE_MODELS = 20
"""Models of which at least two lie above the edge."""
LARGEST_LEVERAGE = 1 - 1e-9
LOG2 = float(np.log10(2))

HC3 = "HC3"
CLUSTER = "cluster developer"
JACKKNIFE = "jackknife over developers"
JACKKNIFE_MODELS = "jackknife over models"
RANK = "rank inversion"


def why_not(years: np.ndarray, least: int = MINIMUM_MODELS) -> str | None:
    """Return why a trend over these release dates cannot be estimated, None when it can."""
    if len(years) < MINIMUM_MODELS:
        return f"models with a release date: {len(years)}; at least {MINIMUM_MODELS} are needed"
    if (span := float(np.ptp(years))) < MINIMUM_YEARS:
        return f"release dates span {12 * span:.1f} months; at least {12 * MINIMUM_YEARS:.0f} are needed"
    centred = (years - years.mean()) ** 2
    if centred.max() / centred.sum() + 1 / len(years) > LARGEST_LEVERAGE:
        return "all models but one share one release date: a single model would decide the slope"
    if len(years) < least:
        return f"models with a release date: {len(years)}; at least {least} are needed for this estimate"
    return None


def why_not_clustered(years: np.ndarray, developers: np.ndarray) -> str | None:
    """Return why errors cannot be clustered by developer, None when they can."""
    names = np.unique(developers)
    if len(names) < MINIMUM_DEVELOPERS:
        return f"developers: {len(names)}; errors by developer need at least {MINIMUM_DEVELOPERS}"
    for name in names:
        if np.ptp(years[developers != name]) == 0:
            return f"without {name} all models share one release date"
    return None


def empty(reason: str) -> dict:
    """Return the fields of a row that could not be estimated."""
    fields = dict.fromkeys(("slope_per_year", "low", "high", "r2", "p_value"), np.nan)
    return fields | {"estimable": False, "reason": reason}


def found(slope: float, low: float, high: float, r2: float = np.nan, p_value: float = np.nan) -> dict:
    """Return the fields of a row that could be estimated; `p_value` is two-sided, of no slope."""
    values = {"slope_per_year": slope, "low": low, "high": high, "r2": r2, "p_value": p_value}
    return {k: float(v) for k, v in values.items()} | {"estimable": True, "reason": None}


def least_squares(when: np.ndarray, response: np.ndarray, developers: np.ndarray | None) -> dict:
    """Return slope, interval and R² of least squares of `response` on years, with Student's t limits.

    Covariance HC3 with n - 2 degrees of freedom (MacKinnon & White 1985, J. Econometrics 29, 305) without
    `developers`, else clustered by them as CV3 with G - 1 (Bell & McCaffrey 2002, Surv. Methodol. 28, 169;
    MacKinnon, Nielsen & Webb 2023, J. Appl. Econometrics 38, 671): the usual clustered errors, CV1, covered
    88 to 92 % with 5 to 12 developers.
    """
    if (reason := why_not(when)) is None and developers is not None:
        reason = why_not_clustered(when, developers)
    if reason is not None:
        return empty(reason)
    model = sm.OLS(response, sm.add_constant(when - when.mean()))
    if developers is None:
        result = model.fit(cov_type="HC3", use_t=True)
    else:
        groups = np.unique(developers, return_inverse=True)[1]
        result = model.fit(cov_type="cluster-crv3", cov_kwds={"groups": groups}, use_t=True)
    low, high = result.conf_int(1 - LEVEL)[1]
    return found(result.params[1], low, high, result.rsquared, result.pvalues[1])


def selected_least_squares(
    when: np.ndarray,
    response: np.ndarray,
    select: Callable[[np.ndarray], np.ndarray],
    developers: np.ndarray | None,
) -> tuple[dict, np.ndarray]:
    """Return slope, interval and R² of least squares through selected models, and the slopes without each group.

    `select` gets the mask of the models to choose from (models,) and returns the mask of the chosen ones. The groups, each
    left out once, are the `developers`, or without them the models; the choice is made anew each time, so that
    the interval allows for another draw choosing others. With G groups and Student's t (G - 1 degrees
    of freedom for developers, chosen models - 2 for models) the variance is

        (G - 1) / G · sum over g of (slope without g - slope)²

    the jackknife of Tukey (1958, Ann. Math. Stat. 29, 614), which without a choice is CV3 and nearly HC3.
    """
    groups = np.arange(len(when)) if developers is None else np.unique(developers, return_inverse=True)[1]
    chosen = select(np.ones(len(when), bool))
    nothing = np.empty(0)
    if (reason := why_not(when[chosen])) is None and developers is not None:
        reason = why_not_clustered(when[chosen], developers[chosen])
    if reason is not None:
        return empty(reason), nothing
    masks = [select(groups != group) for group in range(groups.max() + 1)]
    left = np.array([slope_of(when[mask], response[mask]) for mask in masks])
    if not np.isfinite(left).all():
        return empty("without one of them the models that are chosen share one release date"), nothing
    fit = sm.OLS(response[chosen], sm.add_constant(when[chosen] - when[chosen].mean())).fit()
    slope, number = float(fit.params[1]), len(left)
    freedom = chosen.sum() - 2 if developers is None else number - 1
    error = np.sqrt((number - 1) / number * ((left - slope) ** 2).sum())
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    return found(slope, slope - reach, slope + reach, fit.rsquared, two_sided(slope, error, freedom)), left


def two_sided(estimate: float, error: float, freedom: float) -> float:
    """Return the p-value of Student's t for an estimate of what is 0."""
    return float(2 * stats.t.sf(abs(estimate) / error, freedom)) if error > 0 else float(estimate == 0)


def slope_of(when: np.ndarray, response: np.ndarray) -> float:
    """Return the slope of least squares, NaN where all dates are one."""
    if not len(when):
        return np.nan
    centred = when - when.mean()
    return float(centred @ response / (centred @ centred)) if np.ptp(when) > 0 else np.nan


def edge_slope(when: np.ndarray, response: np.ndarray, quantile: float = EDGE) -> float:
    """Return the slope of the quantile regression of `response` on years (Koenker & Bassett 1978).

    Solved as a linear program, whose optimum is exact: Econometrica 46, 33, section 3.
    """
    number = len(when)
    cost = np.concatenate([[0, 0], np.full(number, quantile), np.full(number, 1 - quantile)])
    line = np.column_stack([np.ones(number), when - when.mean(), np.eye(number), -np.eye(number)])
    bounds = [(None, None)] * 2 + [(0, None)] * (2 * number)
    return float(linprog(cost, A_eq=line, b_eq=response, bounds=bounds, method="highs").x[1])


def upper_edge(when: np.ndarray, response: np.ndarray, draws: int, seed: int) -> dict:
    """Return slope and interval of the upper edge, the 0.9 quantile of `response` at each date.

    The interval holds every slope b for which the dates of the tenth of the models with the largest
    `response - b t` look like dates drawn at random from all: the rank test of quantile regression (Gutenbrunner
    & Jurečková 1992, Ann. Stat. 20, 305; Koenker 1994) with its distribution by permutation, `draws` of them.
    """
    if (reason := why_not(when, EDGE_MODELS)) is not None:
        return empty(reason)
    number, above = len(when), max(1, int((1 - EDGE) * len(when) + 1e-9))
    rng = np.random.default_rng(seed)
    drawn = [when[rng.permutation(number)[:above]].sum() for _ in range(max(draws, 1000))]
    tails = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    first, second = np.triu_indices(number, 1)
    apart = when[first] != when[second]
    steps = (response[first] - response[second])[apart] / (when[first] - when[second])[apart]
    knots = np.unique(steps)
    between = np.concatenate([[knots[0] - 1], (knots[1:] + knots[:-1]) / 2, [knots[-1] + 1]])

    def dates(i: int) -> float:
        """Sum of the dates above a line of a slope between two knots; falls as the slope grows."""
        return float(when[np.argpartition(between[i] * when - response, above - 1)[:above]].sum())

    start = _first(len(between), lambda i: dates(i) <= tails[1])
    end = _first(len(between), lambda i: dates(i) < tails[0])
    if not start or not 0 < end < len(between):
        return empty("no interval: the models at the edge are too few to bound the slope")
    slope = edge_slope(when, response)
    return found(slope, min(knots[start - 1], slope), max(knots[end - 1], slope))


def _first(number: int, holds: Callable[[int], bool]) -> int:
    """Return the first of 0 … number - 1 from which on `holds` is true, `number` where it never is."""
    low, high = 0, number
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def months(slope: float, low: float, high: float) -> dict[str, float]:
    """Return the doubling time in months and its limits for a slope in decades (log10) per year.

    Negative for a falling quantity. Where (low, high) holds zero, or has no such end, the set of doubling
    times has no bound on that side, and the limit is NaN.
    """
    slopes = np.array([slope, high, low], float)
    with np.errstate(divide="ignore"):
        estimate, lower, upper = 12 * LOG2 / slopes
    if not low > 0 and not high < 0:
        lower, upper = (lower, np.nan) if slope > 0 else (np.nan, upper)
    finite = [v if np.isfinite(v) else np.nan for v in (estimate, lower, upper)]
    return dict(zip(("doubling_months", "doubling_low", "doubling_high"), map(float, finite), strict=True))
