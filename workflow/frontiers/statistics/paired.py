"""Differences between two points that answered the same problems: interval and exact test.

One answer per problem: the score interval of a paired difference of proportions (Tango 1998, Stat. Med. 17,
891). Several: Student's t over the differences of problem means (Miller 2024, arXiv 2411.00640, eq. 7, with
t for z), to which two made-up problems of opposite sign are added, so that few differing problems do not
make it too narrow (after Bonett & Price 2012, J. Educ. Behav. Stat. 37, 479, who add one of each kind).

The test flips the sign of each problem's difference, all ways equally probable, which is exact when the two
points are exchangeable on every problem. With one answer per problem it is McNemar's exact test. Where an
answer counts by its expected value, which is any number from 0 to 1, the sum under flips is taken as normal.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import signal, stats

from frontiers.statistics.intervals import LEVEL

SCORE = "tango score"
PSEUDO = "student t over problems, two added"
MCNEMAR = "mcnemar exact"
SIGNS = "sign flips over problems, exact"
NORMAL = "sign flips over problems, normal"
RARE = 5
"""With fewer differing problems the made-up ones differ wholly, as they do with one answer per problem."""
BISECTIONS = 60


class Difference(NamedTuple):
    """Accuracy of a less that of b (-1 to 1), limits, method, two-sided p-value, test, wins of a and of b."""

    estimate: float
    low: float
    high: float
    interval: str
    p_value: float
    test: str
    better: int
    worse: int


def score_limits(
    better: ArrayLike, worse: ArrayLike, problems: ArrayLike, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return Tango's limits of the difference (better - worse) / problems; broadcasts.

    `better`: problems that only a has right, `worse`: only b. A limit is where the score
    (b - c - n D) / sqrt(n (2 q + D (1 - D))) reaches the normal quantile, with q the most likely share of
    problems only b has right given the difference D (eqs. 5 and 8); found by bisection.
    """
    better, worse, problems = np.broadcast_arrays(*(np.asarray(a, float) for a in (better, worse, problems)))
    z, found = stats.norm.ppf((1 + level) / 2), (better - worse) / problems

    def score(d: np.ndarray) -> np.ndarray:
        linear = -better - worse + (2 * problems - better + worse) * d
        root = np.sqrt(np.maximum(linear**2 + 8 * problems * worse * d * (1 - d), 0.0))
        spread = problems * (2 * (root - linear) / (4 * problems) + d * (1 - d))
        gap = better - worse - problems * d
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, gap / np.sqrt(spread), np.sign(gap) * np.inf)

    sign = np.array([1.0, -1.0]).reshape(2, *(1,) * found.ndim)  # the lower limit, the upper
    inside, outside = np.broadcast_to(found, (2, *found.shape)), -sign
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        beyond = sign * score(middle) > z
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return inside[0][()], inside[1][()]


def student_limits(
    differences: ArrayLike, samples: int, level: float = LEVEL, size: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return t limits of the mean over axis 0 of the problems' differences, with two problems added.

    The added ones are + and - 1 / sqrt(samples), about the spread of one problem's difference of means; or
    + and - 1 where fewer than 5 problems differ. `differences` is (problems, ...).
    """
    values = np.asarray(differences, float)
    problems = values.shape[0]
    size = _size_added(values, samples) if size is None else size
    number = problems + 2
    mean = values.sum(axis=0) / number
    variance = ((values**2).sum(axis=0) + 2 * size**2 - number * mean**2) / (number - 1)
    reach = stats.t.ppf((1 + level) / 2, max(problems - 1, 1)) * np.sqrt(variance / number)
    return np.clip(mean - reach, -1, 1), np.clip(mean + reach, -1, 1)


def with_two_added(differences: np.ndarray, samples: int) -> np.ndarray:
    """Return the problems' differences (problems,) with the two that `student_limits` adds."""
    return np.append(differences, np.array([1.0, -1.0]) * _size_added(differences, samples))


def _size_added(differences: np.ndarray, samples: int) -> np.ndarray:
    return np.where((differences != 0).sum(axis=0) < RARE, 1.0, 1 / np.sqrt(samples))


def mcnemar(better: ArrayLike, worse: ArrayLike) -> np.ndarray:
    """Return McNemar's exact two-sided p-value from the numbers of discordant problems; broadcasts.

    Twice the smaller binomial tail, at most 1 (McNemar 1947, Psychometrika 12, 153, in its exact form).
    """
    better, worse = np.asarray(better, float), np.asarray(worse, float)
    return np.minimum(2 * stats.binom.cdf(np.minimum(better, worse), better + worse, 0.5), 1.0)[()]


def sign_flips(steps: ArrayLike) -> float:
    """Return the exact two-sided p-value of the sum of whole-number differences under flips of sign.

    The distribution of the sum is the convolution of one two-point distribution per problem.
    """
    sizes = np.abs(np.asarray(steps, int))
    sizes = sizes[sizes > 0]
    parts = [np.bincount([0, 2 * size], minlength=2 * size + 1) / 2 for size in sizes]
    while len(parts) > 1:
        pairs = [
            signal.convolve(a, b, method="direct") for a, b in zip(parts[::2], parts[1::2], strict=False)
        ]
        parts = pairs + (parts[-1:] if len(parts) % 2 else [])
    if not parts:
        return 1.0
    total, centre = abs(int(np.asarray(steps, int).sum())), int(sizes.sum())
    sums = np.abs(np.arange(len(parts[0])) - centre)
    return float(min(parts[0][sums >= total].sum(), 1.0))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected for their number (Holm 1979, Scand. J. Stat. 6, 65), in their order.

    The numbers of statsmodels' `multipletests`, without its garbage collection at every call.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def compare(a: ArrayLike, b: ArrayLike, level: float = LEVEL) -> Difference:
    """Return the accuracy of `a` less that of `b`; each (problems, samples) from 0 to 1, problems in order.

    The numbers of samples may differ. Raises ValueError when the problems do.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b) or not len(a):
        raise ValueError(f"points with different problems cannot be paired: {a.shape} against {b.shape}")
    if (a % 1).any() or (b % 1).any():
        return _of_expectations(a.mean(axis=1) - b.mean(axis=1))
    samples = (a.shape[1], b.shape[1])
    unit = int(np.lcm(*samples))
    steps = np.rint(a.sum(axis=1) * (unit // samples[0]) - b.sum(axis=1) * (unit // samples[1])).astype(int)
    better, worse = int((steps > 0).sum()), int((steps < 0).sum())
    estimate = float(steps.sum() / unit / len(steps))
    if unit == 1:
        low, high = score_limits(better, worse, len(steps), level)
        return Difference(
            estimate, float(low), float(high), SCORE, float(mcnemar(better, worse)), MCNEMAR, better, worse
        )
    low, high = student_limits(steps / unit, min(samples), level)
    low, high = min(float(low), estimate), max(float(high), estimate)
    return Difference(estimate, low, high, PSEUDO, sign_flips(steps), SIGNS, better, worse)


def _of_expectations(steps: np.ndarray, level: float = LEVEL) -> Difference:
    """Return the difference of points some of whose answers count by their expected value, (problems,)."""
    estimate, spread = float(steps.mean()), float(np.sqrt((steps**2).sum()))
    low, high = student_limits(steps, 1, level)
    low, high = min(float(low), estimate), max(float(high), estimate)
    p_value = float(2 * stats.norm.sf(abs(steps.sum()) / spread)) if spread else 1.0
    better, worse = int((steps > 0).sum()), int((steps < 0).sum())
    return Difference(estimate, low, high, PSEUDO, p_value, NORMAL, better, worse)
