"""The points of one benchmark against one cost, with their draws, and which of them are on the frontier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frontiers.analysis.frontier import budget_choice, pareto
from frontiers.core.keys import KEY, MEAN, cap_order
from frontiers.statistics import intervals
from frontiers.statistics.bootstrap import Cells, Draws, generator, mean_points

KEPT = 0.05
"""A point off the frontier is listed when it is on it in at least this share of the draws."""
DRAWS_OF_PAIRS = 1000
"""Draws used where every point is compared with every other."""


@dataclass(frozen=True)
class ByProblem:
    """The accuracies by problem of a measured study, points in the order of its draws.

    grids: benchmark, `mean` included -> one array (problems, points) per benchmark that it averages. samples:
    the fewest answers to a problem.
    """

    grids: dict[str, list[np.ndarray]]
    samples: int


def by_problem(cells: Sequence[Cells]) -> ByProblem:
    """Return the accuracies by problem; `cells` are those of each benchmark with the accuracy as first measure."""
    single = [np.concatenate([block[..., 0].mean(axis=1) for block in cell.values], axis=1) for cell in cells]
    names = [str(cell.keys["benchmark"].iloc[0]) for cell in cells]
    _, rows = mean_points(pd.concat([cell.keys for cell in cells], ignore_index=True), names)
    starts = np.cumsum([0, *(grid.shape[1] for grid in single)])
    grids = {name: [grid] for name, grid in zip(names, single, strict=True)}
    grids[MEAN] = [grid[:, rows[:, i] - starts[i]] for i, grid in enumerate(single)]
    return ByProblem(grids, int(min(cell.keys["samples"].min() for cell in cells)))


@dataclass(frozen=True)
class Cloud:
    """The points of one benchmark against one cost.

    rows: the points. cost: the column of `rows` they are drawn against. draws: cost and accuracy in each draw,
    both (draws, points), and smoothed: the same with smoothed accuracies. halved: the points on halves of the
    problems, None for published figures.
    """

    rows: pd.DataFrame
    cost: str
    draws: tuple[np.ndarray, np.ndarray]
    smoothed: tuple[np.ndarray, np.ndarray]
    halved: budget_choice.Halved | None = None

    @property
    def value(self) -> np.ndarray:
        """Cost of each point, NaN where unknown, (points,)."""
        return self.rows[self.cost].to_numpy(float, na_value=np.nan)

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy of each point, (points,)."""
        return self.rows["accuracy"].to_numpy(float)

    @property
    def problems(self) -> int:
        """The smallest number of problems that a point rests on."""
        return int(self.rows["problems"].min())


@dataclass(frozen=True)
class Membership:
    """Which points of a cloud are on its frontier, how certainly, and how far the others are from it.

    on: on the frontier. share: share of draws on it. short, short_low, short_high: shortfall and its limits.
    near: within the noise of the frontier. All (points,). listed: the points to list, cheapest first.
    """

    on: np.ndarray
    share: np.ndarray
    short: np.ndarray
    short_low: np.ndarray
    short_high: np.ndarray
    near: np.ndarray
    listed: np.ndarray


def clouds(
    points: pd.DataFrame,
    draws: Draws,
    benchmarks: Sequence[str],
    costs: Sequence[str],
    measured: ByProblem | None,
    seed: int,
) -> Iterator[tuple[str, Cloud]]:
    """Yield each benchmark with its cloud for each cost; see `summary.extract`."""
    column = _columns(points, draws.keys)
    for benchmark in [*benchmarks, MEAN]:
        here = np.flatnonzero(points["benchmark"] == benchmark)
        if not len(here):
            continue
        rows, columns = points.iloc[here].reset_index(drop=True), column[here]
        halved = None
        if measured is not None:
            own = columns - np.flatnonzero(draws.keys["benchmark"] == benchmark)[0]
            accuracy = [grid[:, own] for grid in measured.grids[benchmark]]
            halved = budget_choice.halve(accuracy, measured.samples, seed)
        for cost in costs:
            drawn = (draws.values[cost][:, columns], draws.values["accuracy"][:, columns])
            yield benchmark, cloud_of(rows, cost, drawn, halved, seed)


def _columns(points: pd.DataFrame, keys: pd.DataFrame) -> np.ndarray:
    """Return the column of the draws that belongs to each point."""
    index = [pd.MultiIndex.from_frame(k[KEY].assign(cap=cap_order(k["cap"]))) for k in (keys, points)]
    column = index[0].get_indexer(index[1])
    if (column < 0).any():
        first = points.iloc[int(np.argmax(column < 0))][KEY].to_dict()
        raise ValueError(f"points and draws differ: no draws for {first}")
    return column


def cloud_of(
    rows: pd.DataFrame,
    cost: str,
    draws: tuple[np.ndarray, np.ndarray],
    halved: budget_choice.Halved | None = None,
    seed: int = 0,
) -> Cloud:
    """Return the cloud of `rows` against `cost`, its accuracies smoothed where they are known by problem."""
    smoothed = draws
    if halved is not None:
        value = rows[cost].to_numpy(float, na_value=np.nan)
        noise = smoothing(halved.accuracy, value, len(draws[0]), halved.samples, seed)
        smoothed = (draws[0], draws[1] + noise)
    return Cloud(rows, cost, draws, smoothed, halved)


def smoothing(
    accuracy: Sequence[np.ndarray], cost: np.ndarray, draws: int, samples: int, seed: int
) -> np.ndarray:
    """Return noise for the accuracies in the draws, (draws, points), of the size that a few problems decide.

    Where two points differ on no problem of the benchmark, no draw of these problems tells them apart, but
    another problem may. So each accuracy gets normal noise as from four more problems, of standard deviation
    2 sqrt(p (1 - p) / samples) / n, with p the accuracy when two of four more are right (a smoothed bootstrap:
    Silverman & Young 1987, Biometrika 74, 469; four added as by Agresti & Coull 1998, Am. Stat. 52, 119).
    Nothing is better than a point that is right on all problems: all such points of a benchmark share their
    noise, so that the cheapest dominates the others in every draw. Points equal in cost and in every answer are one
    computation and share theirs too. `accuracy`: by problem, (problems, points) per benchmark averaged.
    """
    same = np.vstack([cost, *accuracy])
    group = np.unique(np.nan_to_num(same, nan=-1.0), axis=1, return_inverse=True)[1].ravel()
    rng = generator(seed, "smoothing", str(same.shape))
    noise = np.zeros((draws, len(group)))
    for part in accuracy:
        place = np.where((part == 1).all(axis=0), group.max() + 1, group)
        p = (part.sum(axis=0) + 2) / (len(part) + 4)
        size = 2 * np.sqrt(p * (1 - p) / samples) / len(part)
        noise += size * rng.standard_normal((draws, group.max() + 2))[:, place]
    return noise / len(accuracy)


def membership(cloud: Cloud) -> Membership:
    """Return which points of the cloud are on its frontier and which are to be listed."""
    value, accuracy = cloud.value, cloud.accuracy
    on, share = pareto.frontier(value, accuracy), pareto.membership(*cloud.smoothed)
    short = pareto.shortfall(value, accuracy)
    tails = [intervals.expanded_tail(cloud.problems, level) for level in (0.9, intervals.LEVEL)]
    few = tuple(part[:DRAWS_OF_PAIRS] for part in cloud.draws)
    low, high = pareto.shortfall_limits(value, accuracy, few, *tails)
    near = on | ((low <= 0) & (share > 0))
    listed = np.flatnonzero(on | near | (share >= KEPT))
    listed = listed[np.lexsort((accuracy[listed], value[listed]))]
    return Membership(on, share, short, low, np.maximum(high, short), near, listed)
