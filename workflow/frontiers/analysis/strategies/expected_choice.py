"""One answer made of n samples: the expected accuracy over all subsets of n of the samples.

Instead of one lucky draw of n, every subset of the N samples counts alike (the unbiased estimate that Chen et al.
2021, arXiv 2107.03374, use for pass@k). Ties are shared evenly. A class is a set of answers that are the same.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations

import numpy as np

MOST_SUBSETS = 20_000
"""Up to this many subsets are enumerated; of more, this many are drawn."""

TIE = 1e-9
RIGHT = "right"
Polynomial = list[list[int]]
"""Coefficients by members taken and classes that tie."""


def majority(classes: Sequence[Hashable | None], right: Hashable, n: int) -> float:
    """Return the chance that a majority vote of `n` of the samples is `right`, exactly.

    `classes` has the class of each sample's answer, None for one that cannot be read and so does not vote. A
    subset in which the class `right` has j votes counts 1 / (1 + t) if no other class has more and t have
    as many. How many such subsets there are is a coefficient of a product of polynomials, one per class
    (multivariate hypergeometric): class i of size m gives sum over a < j of C(m, a) x^a + y C(m, j) x^j.
    """
    _check(classes, n)
    votes = Counter(c for c in classes if c is not None)
    mine = votes.pop(right, 0)
    silent = len(classes) - mine - sum(votes.values())
    sizes = Counter(votes.values())
    good = 0.0
    for j in range(1, min(mine, n) + 1):
        others: Polynomial = [[math.comb(silent, a)] for a in range(min(silent, n - j) + 1)]
        for size, times in sizes.items():
            for _ in range(times):
                others = _times(others, size, j, n - j)
        ways = others[n - j] if n - j < len(others) else []
        good += math.comb(mine, j) * sum(w / (t + 1) for t, w in enumerate(ways))
    return good / math.comb(len(classes), n)


def _times(others: Polynomial, size: int, j: int, most: int) -> Polynomial:
    """Return a polynomial times that of one more class of `size`, no power of x beyond `most`."""
    degree = min(len(others) - 1 + min(size, j), most)
    ties = len(others[0]) + (size >= j)
    found = [[0] * ties for _ in range(degree + 1)]
    for taken, row in enumerate(others):
        for a in range(min(size, j, degree - taken) + 1):
            ways, tied = math.comb(size, a), a == j
            into = found[taken + a]
            for t, value in enumerate(row):
                if value:
                    into[t + tied] += ways * value
    return found


def best(scores: Sequence[float | None], correct: Sequence[float], n: int) -> float:
    """Return the chance that the best scored of `n` samples is correct, exactly.

    Equal scores share; samples without a score come last. With the samples in order of their scores, those of
    one score are the best of C(up to them, n) - C(below them, n) subsets.
    """
    _check(scores, n)
    values = np.array([-np.inf if s is None or not math.isfinite(s) else s for s in scores])
    right, total = np.asarray(correct, float), 0.0
    for value in np.unique(values):
        here, below = values == value, int((values < value).sum())
        subsets = math.comb(below + int(here.sum()), n) - math.comb(below, n)
        total += subsets / math.comb(len(values), n) * right[here].mean()
    return float(total)


def weighted(
    classes: Sequence[Hashable | None],
    right: Hashable,
    scores: Sequence[float | None],
    n: int,
    seed: int,
    most: int = MOST_SUBSETS,
) -> tuple[float, float]:
    """Return the chance that the class whose scores sum to most is `right`, and its standard error.

    Over every subset of `n` samples if there are at most `most`, with an error of 0; else over `most` drawn
    by `seed`. Samples without a class do not vote, those without a score weigh nothing.
    """
    _check(classes, n)
    names = sorted({c for c in classes if c is not None}, key=str)
    if right not in names:
        return 0.0, 0.0
    weights = np.zeros((len(classes), len(names)))
    votes = np.zeros((len(classes), len(names)), bool)
    for row, (name, score) in enumerate(zip(classes, scores, strict=True)):
        if name is not None:
            weights[row, names.index(name)] = 0.0 if score is None or not math.isfinite(score) else score
            votes[row, names.index(name)] = True
    found = []
    for chosen in _subsets(len(classes), n, seed, most):
        sums = np.where(votes[chosen].any(axis=1), weights[chosen].sum(axis=1), -1.0)
        top = sums.max(axis=1, keepdims=True)
        tied = (sums >= top - TIE) & (top > -1.0)
        found.append(tied[:, names.index(right)] / np.maximum(tied.sum(axis=1), 1))
    values = np.concatenate(found)
    drawn = math.comb(len(classes), n) > most
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if drawn else 0.0
    return float(values.mean()), error


def _subsets(number: int, n: int, seed: int, most: int) -> Iterator[np.ndarray]:
    """Yield subsets of `n` of `number`, (rows, n): all of them, or `most` drawn by `seed`."""
    if math.comb(number, n) <= most:
        yield np.array(list(combinations(range(number), n)))
        return
    rng = np.random.default_rng(seed)
    for start in range(0, most, 1000):
        yield rng.random((min(1000, most - start), number)).argpartition(n - 1, axis=1)[:, :n]


def expected_maximum(values: Sequence[float], n: int) -> float:
    """Return the expected largest of `n` of the values: for samples that run in parallel, when the slowest is done."""
    _check(values, n)
    total = math.comb(len(values), n)
    return sum(value * math.comb(below, n - 1) / total for below, value in enumerate(sorted(values)))


def classes_of(correct: Sequence[bool], extracted: Sequence[str | None]) -> list[str | None]:
    """Return the class of each answer: `RIGHT` for all that the grader accepts, else its text.

    The grade is used only to put differently written right answers into one class; wrong ones are in one class
    where their texts are equal but for spaces and case.
    """
    found: list[str | None] = []
    for right, text in zip(correct, extracted, strict=True):
        plain = None if text is None or text != text else "".join(str(text).split()).lower()
        found.append(RIGHT if right else None if not plain else f"={plain}")
    return found


def _check(samples: Sequence, n: int) -> None:
    if not 1 <= n <= len(samples):
        raise ValueError(f"an answer of {n} samples cannot be made of {len(samples)}")
