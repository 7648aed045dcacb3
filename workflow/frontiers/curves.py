"""Accuracy along the reasoning caps of one model, with the joint bootstrap draws of every point.

The draws of all curves of a study are the same draws of problems, so any difference between two curves, or
between two caps of one curve, is paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from frontiers.bootstrap import KEY, MEAN, joint_bootstrap
from frontiers.cli import UserError
from frontiers.intervals import answers_from_error
from frontiers.tables import cap_order

SAME_COMPUTE = 0.01  # caps whose mean compute differs by less than this share are one point of a fit


@dataclass(frozen=True)
class Curve:
    """One model, strategy and benchmark over K caps in ascending order, with D bootstrap draws.

    caps: tokens, infinity for uncapped (K,). flops: mean FLOPs per generation (K,). accuracy: share right
    (K,). trials: number of independent answers each accuracy stands for (K,). draws, flops_draws: accuracy
    and FLOPs in each draw (D, K). problems: number of problems, added up over benchmarks for the mean.
    """

    model: str
    strategy: str
    benchmark: str
    caps: np.ndarray
    flops: np.ndarray
    accuracy: np.ndarray
    trials: np.ndarray
    draws: np.ndarray
    flops_draws: np.ndarray
    problems: int

    @property
    def decades(self) -> np.ndarray:
        """log10 of the FLOPs, (K,)."""
        return np.log10(self.flops)


def read_curves(
    answers: pd.DataFrame, draws: int, seed: int, benchmarks: Sequence[str] | None = None
) -> list[Curve]:
    """Return the curves of all models, strategies and benchmarks in the table `answers`, the mean included.

    `benchmarks` are those to use and to average (default: all, in order of first appearance). Models that
    lack one have no mean. Raises `UserError` for a compute that is not positive or points that do not share
    their problems.
    """
    names = list(benchmarks) if benchmarks is not None else list(answers["benchmark"].drop_duplicates())
    rows = answers[answers["benchmark"].isin(names)]
    if not (rows["flops"] > 0).all():
        bad = rows[~(rows["flops"] > 0)].iloc[0]
        raise UserError(
            f"{bad['model']}, {bad['benchmark']}, problem {bad['problem_id']}: {bad['flops']} FLOPs, "
            "but must be positive; count it again with rule count_compute"
        )
    drawn = joint_bootstrap(rows, names, ["correct", "flops"], draws, seed)
    points = _points(rows, names)
    sizes = rows.groupby("benchmark")["problem_id"].nunique()
    keys = drawn.keys.assign(column=np.arange(len(drawn.keys)), order=cap_order(drawn.keys["cap"]))
    curves = []
    for (model, strategy, benchmark), part in keys.groupby(KEY[:3], sort=False):
        part = part.sort_values("order")
        mine = points.loc[model, strategy, benchmark].loc[part["order"].to_numpy()]
        curve = Curve(
            model=model,
            strategy=strategy,
            benchmark=benchmark,
            caps=part["order"].to_numpy(),
            flops=mine["flops"].to_numpy(),
            accuracy=mine["accuracy"].to_numpy(),
            trials=mine["trials"].to_numpy(),
            draws=drawn.values["correct"][:, part["column"]],
            flops_draws=drawn.values["flops"][:, part["column"]],
            problems=int(sizes.sum() if benchmark == MEAN else sizes[benchmark]),
        )
        curves.append(curve)
    return curves


def _points(answers: pd.DataFrame, benchmarks: Sequence[str]) -> pd.DataFrame:
    """Return accuracy, flops and trials indexed by model, strategy, benchmark and cap, the mean included.

    The trials of a mean are those of one proportion with the variance of the mean of equal proportions,
    B² / sum of 1 / trials.
    """
    frame = answers.assign(order=cap_order(answers["cap"]), correct=answers["correct"].astype(float))
    index = ["model", "strategy", "benchmark", "order"]
    by_problem = frame.groupby([*index, "problem_id"])[["correct", "flops"]].mean()
    points = by_problem.groupby(index).mean().rename(columns={"correct": "accuracy"})
    problems = by_problem.groupby(index).size().to_numpy(float)
    samples = frame.groupby(index).size().to_numpy(float) / problems
    error = (by_problem["correct"].groupby(index).std(ddof=1) / np.sqrt(problems)).to_numpy()
    several = answers_from_error(points["accuracy"].clip(0, 1), error, problems, samples)
    points["trials"] = np.where(samples == 1, problems, np.maximum(several, problems))
    over = points.assign(inverse=1 / points["trials"]).groupby(["model", "strategy", "order"])
    means = over[["accuracy", "flops"]].mean()
    means["trials"] = len(benchmarks) ** 2 / over["inverse"].sum()
    means = means[over.size() == len(benchmarks)]
    means = pd.concat({MEAN: means}, names=["benchmark"]).reorder_levels(index)
    return pd.concat([points, means]).sort_index()


def merge_equal_compute(curve: Curve) -> Curve:
    """Join caps of the same mean compute (within 1 %) into one point with their mean accuracy.

    Beyond the cap at which every trace has ended the points repeat each other; a likelihood that took them
    for new observations would be too sure of the plateau. The joined point keeps the smallest cap and the
    number of trials of one point.
    """
    order = np.argsort(curve.flops, kind="stable")
    groups: list[list[int]] = []
    for i in order:
        if groups and curve.flops[i] <= curve.flops[groups[-1][0]] * (1 + SAME_COMPUTE):
            groups[-1].append(int(i))
        else:
            groups.append([int(i)])

    def joined(values: np.ndarray) -> np.ndarray:
        return np.stack([values[..., group].mean(axis=-1) for group in groups], axis=-1)

    return replace(
        curve,
        caps=np.array([curve.caps[group].min() for group in groups]),
        **{n: joined(getattr(curve, n)) for n in ("flops", "accuracy", "trials", "draws", "flops_draws")},
    )
