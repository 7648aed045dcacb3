"""One joint bootstrap over problems, shared by all intervals but those of accuracies.

Each draw takes the problems of a benchmark with replacement, once for all models, strategies and caps, so
that differences between points stay paired. A draw is a vector of counts per problem; all points of a
benchmark follow from one product of counts (draws x problems) and values (problems x points).

With several samples per problem the samples of a drawn problem stay together. The means of drawn problems then
already vary by what differs between samples; drawing the samples again would add that part a second time,
1 + (s - 1) / s times in all when problems are equally hard (Davison & Hinkley 1997, Bootstrap Methods and their
Application, section 3.8; Field & Welsh 2007, J. R. Stat. Soc. B 69, 369).

Every sum is exact: values are rounded to multiples of a power of two, fine enough to leave whole numbers as
they are and coarse enough that no sum needs more than the 52 bits of a float. Points that are equal in a
draw are therefore equal to the last bit, whatever the order of summation.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import KEY, MEAN, cap_order, caps_of
from frontiers.statistics.intervals import answers_from_interval

ELEMENTS = 4_000_000  # numbers in a temporary array: 32 MB


@dataclass(frozen=True)
class Cells:
    """The answers of one benchmark as arrays, ready to be weighted.

    keys: one row per point, columns model, strategy, benchmark, cap, samples; points of one model and
    strategy stand together. problems: their ids in order. values: one array (problems, samples, caps,
    measures) per model and strategy, in the order of `keys`.
    """

    keys: pd.DataFrame
    problems: np.ndarray
    values: list[np.ndarray]
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws of every point: `values[measure]` is (draws, points) in the row order of `keys`."""

    keys: pd.DataFrame
    values: dict[str, np.ndarray]


def arrange(answers: pd.DataFrame, benchmark: str, measures: Sequence[str]) -> Cells:
    """Bring the answers to one benchmark into arrays.

    Raises `UserError` when a model, strategy or cap misses a problem or a sample that another one has.
    """
    frame = answers[answers["benchmark"] == benchmark]
    frame = frame.assign(_cap=cap_order(frame["cap"])).sort_values(
        ["model", "strategy", "problem_id", "sample", "_cap"], kind="stable"
    )
    problems = np.unique(frame["problem_id"].to_numpy(dtype=object))
    keys, values = [], []
    for (model, strategy), rows in frame.groupby(["model", "strategy"], sort=True):
        caps = np.unique(rows["_cap"])
        samples = rows["sample"].nunique()
        where = f"{model}, {strategy}, {benchmark}"
        if len(rows) != len(problems) * samples * len(caps):
            raise UserError(
                f"{where}: {len(rows)} answers, expected {len(problems)} problems x {samples} samples x "
                f"{len(caps)} caps; generate this model's answers again so that all points share the problems"
            )
        grid = rows["_cap"].to_numpy().reshape(-1, len(caps))
        ids = rows["problem_id"].to_numpy(dtype=object).reshape(len(problems), -1)
        if (grid != caps).any() or (ids != problems[:, None]).any():
            raise UserError(f"{where}: an answer is missing or duplicated at some cap; generate it again")
        block = rows[list(measures)].to_numpy(dtype=float, na_value=np.nan)
        values.append(block.reshape(len(problems), samples, len(caps), len(measures)))
        keys.append(_keys(rows, model, strategy, benchmark, caps, samples))
    if not keys:
        raise UserError(f"benchmark `{benchmark}` has no answers; run its `generate` jobs first")
    return Cells(pd.concat(keys, ignore_index=True), problems, values, tuple(measures))


def _keys(
    rows: pd.DataFrame, model: str, strategy: str, benchmark: str, caps: np.ndarray, samples: int
) -> pd.DataFrame:
    """Return the keys of the points of one model and strategy, caps in ascending order."""
    fixed = {"model": model, "strategy": strategy, "benchmark": benchmark}
    return pd.DataFrame({**fixed, "cap": caps_of(caps), "samples": samples})


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return a random generator that depends on the seed and the names only, the same in every process."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def problem_counts(benchmark: str, problems: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each problem (in the order of its sorted id) is in each draw, (chunk, problems).

    The counts of a benchmark depend on its name, number of problems and the seed, not on the chunk: any
    analysis that asks for them gets the same draws.
    """
    rng = generator(seed, "problems", benchmark)
    chunk = max(1, ELEMENTS // problems)
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        picked = rng.integers(problems, size=(rows, problems))
        picked += np.arange(rows)[:, None] * problems
        yield np.bincount(picked.ravel(), minlength=rows * problems).reshape(rows, problems)


def fixed_point(values: np.ndarray, terms: int) -> tuple[np.ndarray, int]:
    """Round to multiples of 2^e and return (multiples, e): sums of `terms` of them are exact in a float.

    Whole numbers that leave room for the sum are not changed. Columns with NaN become 0.
    """
    values = np.nan_to_num(values, nan=0.0)
    room = 52 - int(np.ceil(np.log2(max(terms, 2))))
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1]) - room
    return np.rint(np.ldexp(values, -exponent)), exponent


def _scaled(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sums over samples as whole numbers (problems, columns), and per column their unit and how many.

    A column is a cap and a measure of a model and strategy. A mean is the weighted sum times the unit, a
    power of two, over the number, which is NaN for a column with gaps.
    """
    sums, units, numbers = [], [], []
    for block in cells.values:
        problems, samples, caps, measures = block.shape
        whole, exponents = np.empty_like(block), np.empty((caps, measures))
        for i in range(measures):
            whole[..., i], exponents[:, i] = fixed_point(block[..., i], problems * samples)
        sums.append(whole.sum(axis=1).reshape(problems, -1))
        units.append(np.exp2(exponents).ravel())
        gaps = np.isnan(block).any(axis=(0, 1)).ravel()
        numbers.append(np.where(gaps, np.nan, problems * samples))
    return np.concatenate(sums, axis=1), np.concatenate(units), np.concatenate(numbers)


def estimate(cells: Cells) -> dict[str, np.ndarray]:
    """Return the mean of every measure over problems and samples, each (points,).

    NaN where any answer of the point has no value.
    """
    sums, units, numbers = _scaled(cells)
    means = (sums.sum(axis=0) * units / numbers).reshape(-1, len(cells.measures))
    return {name: means[:, i] for i, name in enumerate(cells.measures)}


def draw(cells: Cells, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Return the bootstrap draws of every measure of one benchmark, each (draws, points)."""
    sums, units, numbers = _scaled(cells)
    out = np.empty((draws, len(units)))
    row = 0
    for counts in problem_counts(cells.keys["benchmark"].iloc[0], len(cells.problems), draws, seed):
        out[row : row + len(counts)] = counts.astype(float) @ sums * units / numbers
        row += len(counts)
    out = out.reshape(draws, -1, len(cells.measures))
    return {name: out[:, :, i] for i, name in enumerate(cells.measures)}


def mean_points(keys: pd.DataFrame, benchmarks: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the keys of the points `mean` and, for each, the rows of `keys` it averages.

    Only a model, strategy and cap with a point on every benchmark has a mean. Rows are (means, benchmarks).
    """
    frame = keys[KEY].assign(_row=np.arange(len(keys)), _cap=cap_order(keys["cap"]))
    rows = frame.pivot(index=["model", "strategy", "_cap"], columns="benchmark", values="_row")
    rows = rows.reindex(columns=list(benchmarks)).dropna().astype(int)
    index = rows.to_numpy().reshape(len(rows), len(benchmarks))
    return keys[KEY].iloc[index[:, 0]].assign(benchmark=MEAN).reset_index(drop=True), index


def left_out_of_mean(keys: pd.DataFrame, benchmarks: Sequence[str]) -> list[dict]:
    """Name each model and strategy without any point `mean`, with the benchmarks it misses."""
    keys = keys[keys["benchmark"] != MEAN]
    have = keys.groupby(["model", "strategy"])["benchmark"].agg(set)
    means = mean_points(keys, benchmarks)[0]
    kept = set(zip(means["model"], means["strategy"], strict=True))
    return [
        {"model": model, "strategy": strategy, "missing": [b for b in benchmarks if b not in there]}
        for (model, strategy), there in have.items()
        if (model, strategy) not in kept
    ]


def with_mean(draws: Draws, benchmarks: Sequence[str]) -> Draws:
    """Add the points `mean`: in each draw the unweighted mean over the benchmarks."""
    keys, rows = mean_points(draws.keys, benchmarks)
    values = {name: np.concatenate([v, _mean_of(v, rows)], axis=1) for name, v in draws.values.items()}
    return Draws(pd.concat([draws.keys[KEY], keys], ignore_index=True), values)


def joint_bootstrap(
    answers: pd.DataFrame,
    benchmarks: Sequence[str],
    measures: Sequence[str],
    draws: int,
    seed: int,
) -> Draws:
    """Draw every point of a study together, `mean` included.

    `answers` has one row per model, strategy, benchmark, cap, problem_id and sample with numeric columns
    `measures`. Raises `UserError` when points of a benchmark do not share problems and samples.
    """
    return joint_draws([arrange(answers, name, measures) for name in benchmarks], draws, seed)


def joint_draws(cells: Sequence[Cells], draws: int, seed: int) -> Draws:
    """Draw the points of several benchmarks, arranged with the same measures, and add the points `mean`."""
    names = [str(cell.keys["benchmark"].iloc[0]) for cell in cells]
    keys = pd.concat([cell.keys[KEY] for cell in cells], ignore_index=True)
    means, rows = mean_points(keys, names)
    values = {name: np.empty((draws, len(keys) + len(means))) for name in cells[0].measures}
    column = 0
    for cell in cells:
        ends = slice(column, column + len(cell.keys))
        for name, part in draw(cell, draws, seed).items():
            values[name][:, ends] = part
        column += len(cell.keys)
    for value in values.values():
        value[:, column:] = _mean_of(value, rows)
    return Draws(pd.concat([keys, means], ignore_index=True), values)


def side_by_side(drawn: Draws, others: Draws) -> Draws:
    """Return the draws of two sets of points; measures and number of draws are the same."""
    values = {
        name: np.concatenate([part, others.values[name]], axis=1) for name, part in drawn.values.items()
    }
    return Draws(pd.concat([drawn.keys[KEY], others.keys[KEY]], ignore_index=True), values)


def _mean_of(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the mean of the columns that each row of `rows` (means, benchmarks) names, (draws, means)."""
    total = np.zeros((len(values), len(rows)))
    for columns in rows.T:
        total += values[:, columns]
    return total / rows.shape[1]


def parametric(
    points: pd.DataFrame, benchmarks: Sequence[str], measures: Sequence[str], draws: int, seed: int
) -> Draws:
    """Draw published points, for which there are no answers by problem, `mean` included.

    An accuracy is binomial with the number of independent answers that its Wilson interval amounts to;
    costs are fixed. Points are drawn independently although they share problems, so that the probability
    of one point beating another is drawn towards one half: the cautious side.
    """
    points = points[points["benchmark"].isin(benchmarks)].reset_index(drop=True)
    return with_mean(parametric_points(points, measures, draws, seed), benchmarks)


def parametric_points(points: pd.DataFrame, measures: Sequence[str], draws: int, seed: int) -> Draws:
    """Draw these points as `parametric` does, every point by itself, one of the `mean` too."""
    number = answers_from_interval(points["accuracy"], points["accuracy_low"], points["accuracy_high"])
    number = np.maximum(np.rint(number), 1).astype(np.int64)
    values = {m: np.tile(points[m].to_numpy(float, na_value=np.nan), (draws, 1)) for m in measures}
    for i, key in enumerate(points[KEY].itertuples(index=False)):
        rng = generator(seed, "points", *map(str, key))
        values["accuracy"][:, i] = rng.binomial(number[i], points["accuracy"].iloc[i], size=draws) / number[i]
    return Draws(points[KEY], values)
