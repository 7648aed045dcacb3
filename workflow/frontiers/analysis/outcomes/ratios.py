"""Ratios of the cost of failed to that of successful generations: raw, within problem, adjusted, by difficulty.

All functions take counts (1 + D, problems): ones in row 0, then how often each problem is in each bootstrap
draw. They return an estimate with its draws, the estimate first.
"""

import numpy as np
import pandas as pd

RIDGE = 1e-10
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
    """Return the mean over problems of the log of failed over successful cost, and both geometric means.

    Only problems with both outcomes count, each once, with the mean log of its samples.
    """
    both = (found["positive"] > 0).all(axis=1)
    means = np.where(both[:, None], found["logs"] / np.maximum(found["positive"], 1), 0)
    with np.errstate(invalid="ignore"):
        levels = (counts @ means) / (counts @ both)[:, None]
    return levels[:, 0] - levels[:, 1], np.exp(levels)


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


def adjusted(y: np.ndarray, d: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the log ratio of each model, failing over succeeding, adjusted for shared difficulty, (D, models).

    `y` (log cost) and `d` (share failed): (models, problems), complete, at least three models; `weights`:
    (D, problems), how often a problem counts. Model m spends y_m = a_m + l_m h + g_m d_m + error on a problem of
    difficulty h, so each model may slow down with difficulty at its own rate l_m. The best linear forecast of h from
    who failed is sum_j q_j d_j. The least squares of y_m on all d have thus the coefficients c_mj = l_m q_j, to which
    g_m is added for j = m. What m's own failure says of difficulty follows from the other models,
    l_m q_m = c_mj c_km / c_kj, a tetrad (Spearman 1904, Am. J. Psychol. 15, 201), here the ratio of its sums
    over all pairs j, k. What else lengthens the traces of several models, unrelated to failing, does not enter.
    NaN where the sum of c_kj is not positive: the others' costs do not rise with difficulty. The error holds
    difficulty for one model alone, if there is any, and then so does g.
    """
    models, problems = y.shape
    design = np.vstack([np.ones(problems), d])
    size = models + 1
    squares = np.einsum("ip,jp->pij", design, design).reshape(problems, -1)
    products = np.einsum("ip,mp->pim", design, y).reshape(problems, -1)
    left = (weights @ squares).reshape(-1, size, size)
    left += RIDGE * weights.sum(axis=1)[:, None, None] * np.eye(size)
    solved = np.linalg.solve(left, (weights @ products).reshape(-1, size, models))
    slopes = np.swapaxes(solved[:, 1:], 1, 2)
    own = np.einsum("dmm->dm", slopes)
    others = slopes * (1 - np.eye(models))
    row, column = others.sum(axis=2), others.sum(axis=1)
    between = others.sum(axis=(1, 2))[:, None] - row - column
    through = row * column - np.einsum("dmj,djm->dm", others, others)
    failed = weights @ d.T
    lost = (between <= 0) | (failed <= 0) | (failed >= weights.sum(axis=1)[:, None])
    return np.where(
        lost, np.nan, own - np.divide(through, between, out=np.zeros_like(own), where=between > 0)
    )


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
