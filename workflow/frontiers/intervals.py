"""Intervals of an accuracy: Wilson for one answer per problem, Wilson on the effective number for several.

Every interval of one benchmark is a Wilson interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209) on a number
of independent answers. With one sample per problem that number is the number of problems. With several it
is `p (1 - p) / se²`, where `se` is the cluster-robust standard error of the mean over problems (Miller 2024,
arXiv 2411.00640, eq. 4): the "modified Wilson" limits of survey statistics (Korn & Graubard 1998, Survey
Methodology 24, 193), which never leave [0, 1] and do not collapse at 0 and 1 as the normal ones do with few
problems (Bowyer et al. 2025, arXiv 2503.01747).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
WILSON = "wilson"
CLUSTERED = "wilson, clustered by problem"
REPORTED = "wilson, reported standard error"
COMBINED = "mover over benchmarks"

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


def accuracy_interval(problem_means: ArrayLike, samples: int, level: float = LEVEL) -> tuple[Limits, str]:
    """Return the limits of the accuracy and the name of the method.

    `problem_means` is (problems, ...): the share of right answers among the `samples` of each problem. The
    effective number is lowered by (z / t)², t with problems - 1 degrees of freedom, because the standard
    error is itself estimated, and lies between the number of problems and that of answers.
    """
    means = np.asarray(problem_means, float)
    problems = means.shape[0]
    accuracy = np.clip(means.mean(axis=0), 0.0, 1.0)
    if samples == 1:
        return wilson(accuracy, problems, level), WILSON
    tail = (1 + level) / 2
    shrink = (stats.norm.ppf(tail) / stats.t.ppf(tail, max(problems - 1, 1))) ** 2
    number = shrink * answers_from_error(accuracy, standard_error(means), problems, samples)
    return wilson(accuracy, np.maximum(number, problems), level), CLUSTERED


def answers_from_interval(
    accuracy: ArrayLike, low: ArrayLike, high: ArrayLike, level: float = LEVEL
) -> np.ndarray:
    """Return the number of answers whose Wilson interval is (low, high): the inverse of `wilson`.

    The limits are the roots of (1 + a) x² - (2 p + a) x + p² = 0 with a = z² / n, so their product is
    p² / (1 + a); the mirrored product is used for p < 1/2, where it is the better conditioned.
    """
    p, low, high = (np.asarray(a, float) for a in (accuracy, low, high))
    share = np.where(p >= 0.5, p, 1 - p)
    product = np.where(p >= 0.5, low * high, (1 - low) * (1 - high))
    return stats.norm.ppf((1 + level) / 2) ** 2 / (share**2 / product - 1)


def mean_interval(accuracy: ArrayLike, low: ArrayLike, high: ArrayLike) -> Limits:
    """Return the limits of the unweighted mean over axis 0 of accuracies on different benchmarks.

    Method of variance estimates recovery (Zou, Huang & Zhang 2009, Comput. Stat. Data Anal. 53, 1080): the
    distances of each limit from its estimate are squared and added, each side on its own.
    """
    accuracy, low, high = (np.asarray(a, float) for a in (accuracy, low, high))
    number, mean = accuracy.shape[0], accuracy.mean(axis=0)
    below = np.sqrt(((accuracy - low) ** 2).sum(axis=0)) / number
    above = np.sqrt(((high - accuracy) ** 2).sum(axis=0)) / number
    return np.clip(mean - below, 0.0, 1.0), np.clip(mean + above, 0.0, 1.0)
