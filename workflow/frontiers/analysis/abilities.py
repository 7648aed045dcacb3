"""One scale of ability over all benchmarks, so that a model that misses some of them still counts.

The log-odds of model m on benchmark b (of knowing an answer, where guessing succeeds) are taken as

    ability of m + easiness of b + what m has of its own on b + sampling error

with the easiness of benchmarks adding up to 0 (Rasch 1960, at the level of benchmarks). What a model has of its own on a
benchmark has one variance, estimated by moments (Paule & Mandel 1982, J. Res. Natl. Bur. Stand. 87, 377), so that a model
on one benchmark has a wider interval than one on several. Benchmarks are not given slopes of their own: few of them
cannot tell these from chance. Mixtures of experts are compared on the same scale (`architectures.regression`, whose
benchmarks have intercepts).
"""

from datetime import date

import numpy as np
import pandas as pd
from scipy import optimize, stats

from frontiers.analysis.trend.dated_points import dated_points, empirical_odds
from frontiers.analysis.trend.fixed_accuracy import fieller
from frontiers.analysis.trend.regressions import MINIMUM_DEVELOPERS, why_not
from frontiers.core.keys import MEAN
from frontiers.core.tables import frame_of
from frontiers.statistics.clustered_ols import ClusteredFit
from frontiers.statistics.intervals import LEVEL

FEWEST_FREE = 3
"""Fewest observations above the number of abilities and benchmarks."""
SPREADS = "moments for the spread over benchmarks, student t"
CLUSTERED, FIELLER = (
    "least squares, CR2 errors clustered by {}",
    "least squares, CR2 errors clustered by {}, fieller",
)
CLUSTERS = ("model", "developer")
PER_YEAR, PER_DECADE, COMPUTE = "log_odds_per_year", "log_odds_per_decade", "decades_per_year"


def fit(points: pd.DataFrame, today: date | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `abilities`, a row per model, and `ability_trend`, from the table `points`.

    Each model at its largest cap. The trend uses models with a date up to `today` (default: the day of the run).
    """
    used = dated_points(points[points["benchmark"] != MEAN], today=today).reset_index(drop=True)
    share, answers, chance = (used[name].to_numpy(float) for name in ("share", "answers", "chance"))
    odds, noise = empirical_odds(share, answers, chance)
    used = used.assign(odds=odds, noise=noise)
    dated = used[used["left_out"].isna()].reset_index(drop=True)
    return frame_of(abilities(used), "abilities"), frame_of(trend(dated), "ability_trend")


def abilities(used: pd.DataFrame) -> list[dict]:
    """Return the ability of every model: its log-odds on a benchmark of average easiness.

    `used` has a row per model and benchmark with its `odds` and their variance `noise`.
    """
    if used.empty:
        return []
    counts = used["model"].value_counts(sort=False)
    rows = [{"model": model, "benchmarks": int(number)} for model, number in counts.items()]
    models, easiness = (
        pd.get_dummies(used["model"], dtype=float)[list(counts.index)],
        _contrasts(used["benchmark"]),
    )
    design = np.hstack([models.to_numpy(), easiness])
    free = len(design) - design.shape[1]
    reason = None
    if np.linalg.matrix_rank(design) < design.shape[1]:
        reason = "no model links the benchmarks: they have no model in common"
    elif free < FEWEST_FREE:
        reason = "too few models on several benchmarks to tell how an ability varies between them"
    if reason is not None:
        return [row | {"estimable": False, "reason": reason} for row in rows]
    y, noise = used["odds"].to_numpy(), used["noise"].to_numpy()

    def solve(spread: float) -> tuple[np.ndarray, np.ndarray, float]:
        weights = 1 / (noise + spread)
        covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
        found = covariance @ design.T @ (weights * y)
        return found, covariance, float(weights @ (y - design @ found) ** 2)

    spread = 0.0
    if solve(0.0)[2] > free:
        most = float(((y - y.mean()) ** 2).sum())
        spread = optimize.brentq(lambda value: solve(value)[2] - free, 0.0, most)
    found, covariance, _ = solve(spread)
    reach = stats.t.ppf((1 + LEVEL) / 2, free) * np.sqrt(np.diag(covariance))
    return [
        row
        | {"ability": found[i], "low": found[i] - reach[i], "high": found[i] + reach[i], "interval": SPREADS}
        | {"own_spread": np.sqrt(spread), "estimable": True}
        for i, row in enumerate(rows)
    ]


def _contrasts(benchmarks: pd.Series) -> np.ndarray:
    """Return the columns (n, benchmarks - 1) of effects that add up to 0 over benchmarks."""
    dummies = pd.get_dummies(benchmarks, dtype=float).to_numpy()
    return dummies[:, :-1] - dummies[:, [-1]]


def trend(dated: pd.DataFrame) -> list[dict]:
    """Return how log-odds rise per year and per tenfold compute, and how the compute for fixed log-odds changes.

    Least squares of all points of `dated` on year, log10 compute and benchmark, errors clustered by model and by developer
    (the one to quote). The change of compute, in decades per year, is the ratio of both slopes with Fieller's limits.
    """
    developers = dated["developer"].where(dated["developer"].notna(), dated["model"]).astype(str)
    groups = {"model": dated["model"].astype(str), "developer": developers}
    counts = {
        "models": int(dated["model"].nunique()),
        "developers": int(developers.nunique()),
        "benchmarks": int(dated["benchmark"].nunique()),
    }
    rows = []
    for cluster in CLUSTERS:
        reason = why_not(dated.drop_duplicates("model")["years"].to_numpy(float))
        if reason is None and cluster == "developer" and counts["developers"] < MINIMUM_DEVELOPERS:
            reason = (
                f"developers: {counts['developers']}; errors by developer need at least {MINIMUM_DEVELOPERS}"
            )
        found = [{"quantity": name} for name in (PER_YEAR, PER_DECADE, COMPUTE)]
        if reason is None:
            found = _slopes(dated, groups[cluster].to_numpy(object))
        for row in found:
            how = (FIELLER if row["quantity"] == COMPUTE else CLUSTERED).format(cluster)
            rows.append({"estimable": False, "reason": reason} | row | counts | {"interval": how})
    return rows


def _slopes(dated: pd.DataFrame, groups: np.ndarray) -> list[dict]:
    """Return the rows of both slopes and of their ratio, or why there are none."""
    compute = np.log10(dated["flops"].to_numpy(float))
    when = dated["years"].to_numpy(float)
    design = np.column_stack([when - when.mean(), compute, pd.get_dummies(dated["benchmark"], dtype=float)])
    names = (PER_YEAR, PER_DECADE)
    if len(set(groups)) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        why = "too few models, or too alike in compute and date, for as many benchmarks"
        return [{"quantity": name, "reason": why} for name in (*names, COMPUTE)]
    fit = ClusteredFit(design, dated["odds"].to_numpy(), groups)
    contrasts = [fit.contrast(row) for row in np.eye(design.shape[1])[:2]]
    rows = []
    for name, found in zip(names, contrasts, strict=True):
        low, high = found.limits(LEVEL)
        row = {
            "quantity": name,
            "estimate": found.estimate,
            "low": low,
            "high": high,
            "p_value": found.p_value,
        }
        rows.append(row | {"estimable": True})
    year, decade = contrasts
    reach = stats.t.ppf((1 + LEVEL) / 2, min(year.freedom, decade.freedom))
    limits = fieller(
        -year.estimate, decade.estimate, np.diag([-1, 1]) @ fit.covariance[:2, :2] @ np.diag([-1, 1]), reach
    )
    if limits is None or decade.estimate <= 0:
        return [*rows, {"quantity": COMPUTE, "reason": "that accuracy rises with compute is not shown"}]
    ratio = {
        "estimate": -year.estimate / decade.estimate,
        "low": limits[0],
        "high": limits[1],
        "estimable": True,
    }
    return [*rows, {"quantity": COMPUTE, "p_value": year.p_value} | ratio]
