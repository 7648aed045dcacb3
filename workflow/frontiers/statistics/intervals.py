"""Intervals of an accuracy, chosen by design, and of what a bootstrap gives.

| design | interval |
|---|---|
| none or all of the answers right | Clopper & Pearson 1934 (Biometrika 26, 404), a problem counted once |
| one answer per problem | Wilson 1927 (J. Am. Stat. Assoc. 22, 209) |
| several answers per problem | Jeffreys, clustered by problem |

With several answers the problems are drawn, not the answers: their mean is that of a Bayesian bootstrap over
problems (Rubin 1981, Ann. Stat. 9, 130) in which half a problem is always solved and half a problem never. So no
interval collapses where all problems seen are alike, although problems of another kind may only have been missed.
With one answer this is the interval of Jeffreys (Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101); on effective
numbers of answers see Korn & Graubard 1998 (Surv. Methodol. 24, 193) and Franco, Little, Louis & Slud 2019 (J. Surv.
Stat. Methodol. 7, 334). A model of how chances are distributed, such as a beta-binomial, is narrower and fails where
they are not so: where some problems are always and the others sometimes solved, for instance. How often each interval
covers is simulated under `tests/simulation/`.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95

WILSON = "wilson"
EXACT = "clopper-pearson"
CLUSTERED = "jeffreys, clustered by problem"
REPORTED = "wilson, reported standard error"
COMBINED = "mover over benchmarks"
BOOTSTRAP = "joint bootstrap over problems, expanded percentiles"
SYMMETRIC = "joint bootstrap over problems, symmetric t"

Limits = tuple[np.ndarray, np.ndarray]


def wilson(accuracy: ArrayLike, answers: ArrayLike, level: float = LEVEL) -> Limits:
    """Return the Wilson limits of a share `accuracy` (0 to 1) seen in `answers` independent answers.

    Broadcasts; `answers` need not be whole. Limits are exactly 0 or 1 where the share is.
    """
    accuracy, answers = np.asarray(accuracy, float), np.asarray(answers, float)
    if not ((accuracy >= 0) & (accuracy <= 1)).all() or not (answers > 0).all():
        raise ValueError("an accuracy must lie between 0 and 1 and be seen in more than 0 answers")
    low, high = proportion_confint(accuracy * answers, answers, alpha=1 - level, method="wilson")
    low, high = np.minimum(low, accuracy), np.maximum(high, accuracy)
    return np.where(accuracy == 0, 0.0, low)[()], np.where(accuracy == 1, 1.0, high)[()]


def clopper_pearson(right: ArrayLike, answers: ArrayLike, level: float = LEVEL) -> Limits:
    """Return the exact limits of a share seen as `right` of `answers` (whole numbers); broadcasts."""
    right, answers = np.asarray(right, float), np.asarray(answers, float)
    low, high = proportion_confint(right + 0 * answers, answers + 0 * right, alpha=1 - level, method="beta")
    return np.nan_to_num(low, nan=0.0)[()], np.nan_to_num(high, nan=1.0)[()]


def standard_error(problem_means: ArrayLike) -> np.ndarray:
    """Return the cluster-robust standard error of the mean over axis 0, (problems, ...) -> (...).

    The sample variance of the problem means over the number of problems holds both what differs between
    problems and what differs between samples of one problem. NaN with fewer than two problems.
    """
    means = np.asarray(problem_means, float)
    if means.shape[0] < 2:
        return np.full(means.shape[1:], np.nan)
    return means.std(axis=0, ddof=1) / np.sqrt(means.shape[0])


def answers_from_error(
    accuracy: ArrayLike, error: ArrayLike, problems: ArrayLike, samples: ArrayLike
) -> np.ndarray:
    """Return how many independent answers have the standard error `error` at this accuracy.

    Never more than `problems * samples`. Where the error is unknown (NaN) or 0 nothing is known of how alike
    the samples of a problem are, and each problem counts once.
    """
    accuracy, error, problems, samples = np.broadcast_arrays(
        *(np.asarray(a, float) for a in (accuracy, error, problems, samples))
    )
    known = np.isfinite(error) & (error > 0) & (accuracy > 0) & (accuracy < 1)
    number = np.divide(accuracy * (1 - accuracy), error**2, out=problems.copy(), where=known)
    return np.minimum(number, problems * samples)


def clustered(problem_means: ArrayLike, samples: int, level: float = LEVEL) -> Limits:
    """Return the limits of the mean over problems, (problems, ...) -> (...), equal-tailed.

    `problem_means` are shares of right answers among `samples`, or any means in [0, 1]. With weights of the n
    problems, 1 and 0 that are Dirichlet(1, ..., 1, 1/2, 1/2) their mean has the expectation
    m = (sum x + 1/2) / (n + 1) and the variance ((sum x^2 + 1/2) / (n + 1) - m^2) / (n + 2). The variance is at
    least m (1 - m) / (n samples + 2), that of independent answers, and is multiplied by (t / z)^2 n / (n - 1), t with
    n - 1 degrees of freedom, because it is estimated (see `expanded_tail`). The limits are quantiles of the
    beta distribution with these moments, at its widest that of no problem, and hold the mean of the problems.
    """
    means = np.asarray(problem_means, float)
    problems, found = means.shape[0], np.clip(means.mean(axis=0), 0.0, 1.0)
    centre = (means.sum(axis=0) + 0.5) / (problems + 1)
    variance = (((means**2).sum(axis=0) + 0.5) / (problems + 1) - centre**2) / (problems + 2)
    variance = np.maximum(variance, centre * (1 - centre) / (problems * samples + 2))
    variance *= (stats.norm.ppf(expanded_tail(problems, level)) / stats.norm.ppf((1 - level) / 2)) ** 2
    strength = np.maximum(centre * (1 - centre) / variance - 1, 1.0)
    tails = np.array([1 - level, 1 + level]) / 2
    low, high = (stats.beta.ppf(tail, centre * strength, (1 - centre) * strength) for tail in tails)
    return np.minimum(low, found), np.maximum(high, found)


def accuracy_interval(
    problem_means: ArrayLike, samples: int, level: float = LEVEL
) -> tuple[Limits, np.ndarray]:
    """Return the limits of each accuracy and the names of their methods, (problems, ...) -> (...).

    `problem_means`: the share of right answers among the `samples` of each problem. The method is chosen by
    design (see the module).
    """
    means = np.asarray(problem_means, float)
    problems, accuracy = means.shape[0], np.clip(means.mean(axis=0), 0.0, 1.0)
    low, high = wilson(accuracy, problems, level) if samples == 1 else clustered(means, samples, level)
    method = WILSON if samples == 1 else CLUSTERED
    one_sided = (accuracy == 0) | (accuracy == 1)
    exact = clopper_pearson(np.where(one_sided, accuracy, 0) * problems, problems, level)
    low, high = (np.where(one_sided, e, found) for e, found in zip(exact, (low, high), strict=True))
    return (low[()], high[()]), np.where(one_sided, EXACT, np.array(method, dtype=object))[()]


def answers_from_interval(
    accuracy: ArrayLike, low: ArrayLike, high: ArrayLike, level: float = LEVEL
) -> np.ndarray:
    """Return the number of answers whose Wilson interval is as wide as (low, high), which may be of any kind.

    With a = z² / n the width w solves (w² - 1) a² + (2 w² - 4 p (1 - p)) a + w² = 0.
    """
    p, low, high = (np.asarray(a, float) for a in (accuracy, low, high))
    square = np.clip(high - low, 1e-12, 1 - 1e-12) ** 2
    half = square - 2 * p * (1 - p)
    a = square / (np.sqrt(half**2 + square * (1 - square)) - half)
    return stats.norm.ppf((1 + level) / 2) ** 2 / a


def mover_reach(estimates: ArrayLike, low: ArrayLike, high: ArrayLike, weights: ArrayLike = 1.0) -> Limits:
    """Return how far the limits of the weighted sum over axis 0 of independent estimates lie below and above it.

    Method of variance estimates recovery (Zou, Huang & Zhang 2009, Comput. Stat. Data Anal. 53, 1080): the
    distances of each limit from its estimate are squared and added, each side on its own.
    """
    estimates, low, high, weights = (np.asarray(a, float) for a in (estimates, low, high, weights))
    below, above = weights * (estimates - low), weights * (high - estimates)
    return np.sqrt((below**2).sum(axis=0)), np.sqrt((above**2).sum(axis=0))


def mean_interval(accuracy: ArrayLike, low: ArrayLike, high: ArrayLike) -> Limits:
    """Return the limits (MOVER) of the unweighted mean over axis 0 of accuracies on different benchmarks."""
    accuracy = np.asarray(accuracy, float)
    number, mean = accuracy.shape[0], accuracy.mean(axis=0)
    below, above = mover_reach(accuracy, low, high)
    return np.clip(mean - below / number, 0.0, 1.0), np.clip(mean + above / number, 0.0, 1.0)


def expanded_tail(problems: int, level: float = LEVEL) -> float:
    """Return the tail at which a bootstrap of few problems is cut: Phi(t sqrt(n / (n - 1))).

    The draws of n problems spread by sqrt((n - 1) / n) too little and know nothing of Student's t with n - 1
    degrees of freedom (Hesterberg 2015, Am. Stat. 69, 371, section 3.3).
    """
    freedom = max(problems - 1, 1)
    return float(stats.norm.cdf(np.sqrt(problems / freedom) * stats.t.ppf((1 - level) / 2, freedom)))


def percentile_limits(
    draws: ArrayLike, problems: int, level: float = LEVEL, estimate: ArrayLike | None = None
) -> Limits:
    """Return the expanded percentile limits of bootstrap draws, (draws, ...) -> (...), widened to hold `estimate`.

    NaN for one problem, and where more than 2.5 % of the draws are not finite.
    """
    draws = np.asarray(draws, float)
    if not draws.size:
        return np.empty(draws.shape[1:]), np.empty(draws.shape[1:])
    finite = np.isfinite(draws)
    enough = (finite.mean(axis=0) >= (1 + level) / 2) & (problems > 1)
    tail = expanded_tail(problems, level)
    held = np.where(enough, np.where(finite, draws, np.nan), 0.0)
    low, high = np.nanquantile(held, [tail, 1 - tail], axis=0)
    low, high = np.where(enough, low, np.nan)[()], np.where(enough, high, np.nan)[()]
    return (low, high) if estimate is None else (np.minimum(low, estimate), np.maximum(high, estimate))


def symmetric_limits(values: ArrayLike, errors: ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Return symmetric bootstrap-t limits from the estimate and the draws, (1 + draws,), and their errors.

    The reach is the `level` quantile of |draw - estimate| / error of the draw, times the error of the estimate
    (Hall 1992, The Bootstrap and Edgeworth Expansion, section 3.6); better than percentiles where errors
    vary with the estimate. NaN where more than 2.5 % of the draws have no error.
    """
    values, errors = np.asarray(values, float), np.asarray(errors, float)
    apart = np.abs(values[1:] - values[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(apart < 1e-12, 0.0, apart / errors[1:])
    known = np.isfinite(ratios)
    if not known.size or known.mean() < (1 + level) / 2:
        return np.nan, np.nan
    reach = float(np.quantile(ratios[known], level) * errors[0])
    return float(values[0]) - reach, float(values[0]) + reach
