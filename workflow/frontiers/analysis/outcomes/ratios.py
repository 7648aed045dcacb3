"""Ratios of the cost of failed to that of successful generations: raw, within problem, by difficulty.

All functions take counts (1 + D, problems): ones in row 0, then how often each problem is in each bootstrap
draw. They return an estimate with its draws, the estimate first.
"""

import numpy as np
import pandas as pd

RIDGE = 1e-10
CHUNK = 500
DECILES = 10


def sums(frame: pd.DataFrame, measure: str, problems: int) -> dict[str, np.ndarray]:
    """Return number, sum and sum of logs of `measure` per problem and outcome, each (problems, 2).

    Column 0 is failed, 1 successful; costs of 0 have no logarithm and are left out of `logs` and `positive`.
    """
    cell = frame["problem"].to_numpy() * 2 + frame["correct"].to_numpy()
    cost = frame[measure].to_numpy(float)
    logs = np.log(cost, out=np.zeros_like(cost), where=cost > 0)
    weights = {"number": np.ones_like(cost), "sum": cost, "positive": (cost > 0) * 1.0, "logs": logs}
    return {k: np.bincount(cell, w, 2 * problems).reshape(-1, 2) for k, w in weights.items()}


def raw(found: dict[str, np.ndarray], counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the log of the ratio of mean costs, its standard error, each (1 + D,), and both means (2,).

    The error is that of the ratio of sums over problems, by its first-order expansion (Cochran 1977, Sampling
    Techniques, section 6.4).
    """
    parts = np.stack([found[name][:, side] for side in (0, 1) for name in ("sum", "number")], axis=1)
    totals = counts @ parts
    squares = counts @ np.einsum("pi,pj->pij", parts, parts).reshape(len(parts), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = np.array([1, -1, -1, 1]) / totals
        variance = np.einsum("di,dij,dj->d", weights, squares.reshape(-1, 4, 4), weights)
        means = totals[:, [0, 2]] / totals[:, [1, 3]]
        return np.log(means[:, 0] / means[:, 1]), np.sqrt(np.maximum(variance, 0)), means[0]


def within(found: dict[str, np.ndarray], counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the geometric mean over problems of failed over successful cost, and both geometric means.

    Only problems with both outcomes count, each once, with the mean log of its samples.
    """
    both = (found["positive"] > 0).all(axis=1)
    means = np.where(both[:, None], found["logs"] / np.maximum(found["positive"], 1), 0)
    with np.errstate(invalid="ignore"):
        levels = (counts @ means) / (counts @ both)[:, None]
    return np.exp(levels[:, 0] - levels[:, 1]), np.exp(levels)


def cells(frame: pd.DataFrame, measure: str, problems: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the models and, each (models, problems), mean log cost and share failed; NaN where there is none.

    A mean log with a cost of 0 in it is NaN.
    """
    models, row = np.unique(frame["model"].to_numpy(dtype=object), return_inverse=True)
    cell, size = row * problems + frame["problem"].to_numpy(), len(models) * problems
    cost = frame[measure].to_numpy(float)
    logs = np.log(cost, out=np.full_like(cost, np.nan), where=cost > 0)
    with np.errstate(invalid="ignore"):
        means = [
            np.bincount(cell, values, size) / np.bincount(cell, minlength=size)
            for values in (logs, 1.0 - frame["correct"].to_numpy(float))
        ]
    y, d = (values.reshape(len(models), problems) for values in means)
    return list(models), y, d


def two_way(y: np.ndarray, d: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the coefficient of `d` in least squares of `y` with effects of rows and columns, (D,).

    `y`, `d`: (models, problems), complete; `weights`: (D, problems), how often a problem counts. Both are
    centred on the problem, then on the weighted mean of the model (Frisch, Waugh & Lovell). NaN where
    nothing of `d` is left.
    """
    y, d = y - y.mean(axis=0), d - d.mean(axis=0)
    total = weights.sum(axis=1)

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        model_part = ((weights @ a.T) * (weights @ b.T)).sum(axis=1) / total
        return weights @ (a * b).sum(axis=0) - model_part

    with np.errstate(invalid="ignore", divide="ignore"):
        left = product(d, d)
        return np.where(left > 1e-9 * total, product(y, d) / left, np.nan)


def each_model(y: np.ndarray, d: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a coefficient of `d` per row in least squares of `y` with effects of rows and columns, (D, M).

    As `two_way`, but failing may cost each model another share. The effect of a problem comes from all
    models that answered it. NaN for a model whose `d` does not vary in a draw.
    """
    models, problems = y.shape
    varies = np.flatnonzero(np.ptp(d, axis=1) > 0)
    centre = np.eye(models) - 1 / models
    stack = np.zeros((problems, models, models - 1 + len(varies)))
    stack[:, :, : models - 1] = centre[:, 1:]
    stack[:, :, models - 1 :] = centre[:, varies] * d[varies].T[:, None, :]
    size = stack.shape[2]
    squares = np.einsum("pmi,pmj->pij", stack, stack).reshape(problems, -1)
    products = np.einsum("pmi,mp->pi", stack, y - y.mean(axis=0))
    out = np.full((len(weights), models), np.nan)
    for start in range(0, len(weights), CHUNK):
        part = weights[start : start + CHUNK]
        left = (part @ squares).reshape(-1, size, size)
        left += RIDGE * part.sum(axis=1)[:, None, None] * np.eye(size)
        solved = np.linalg.solve(left, (part @ products)[..., None])[..., 0]
        out[start : start + CHUNK, varies] = solved[:, models - 1 :]
    failed = weights @ d.T
    lost = (failed <= 0) | (failed >= weights.sum(axis=1)[:, None])
    return np.where(lost, np.nan, out)


def difficulty_deciles(failed: np.ndarray) -> np.ndarray:
    """Return for each model and problem the decile of its difficulty, 1 (easiest) to 10, (models, problems).

    Difficulty is the share failed by the other models, so that a model's own outcome does not enter. Problems
    of equal difficulty share the decile of their mean rank.
    """
    others = (failed.sum(axis=0) - failed) / (len(failed) - 1)
    ranks = pd.DataFrame(others.T).rank(method="average").to_numpy().T
    return np.ceil(DECILES * (ranks - 0.5) / failed.shape[1]).astype(int)


def in_decile(y: np.ndarray, d: np.ndarray, inside: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the coefficient of `d` among the cells `inside` (models, problems), with effects of models, (D,)."""
    number, total_y, total_d, both, square = (
        weights @ np.where(inside, part, 0.0).T for part in (np.ones_like(y), y, d, y * d, d * d)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(number > 0, total_d / number, 0.0)
        left = (square - total_d * share).sum(axis=1)
        return np.where(left > 1e-9, (both - total_y * share).sum(axis=1) / left, np.nan)
