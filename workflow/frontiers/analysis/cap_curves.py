"""Accuracy along the reasoning caps of one model, with the joint bootstrap draws of every point.

The draws of all curves of a study are the same draws of problems, so any difference between two curves, or
between two caps of one curve, is paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import CURVE, MEAN, cap_order
from frontiers.statistics.bootstrap import Cells, arrange, joint_draws
from frontiers.statistics.intervals import answers_from_error, standard_error

SAME_COMPUTE = 0.01  # caps whose mean compute differs by less than this share are one point of a fit


@dataclass(frozen=True)
class Curve:
    """One model, strategy and benchmark over K caps in ascending order, with D bootstrap draws.

    caps: tokens, infinity for uncapped (K,). flops: mean FLOPs per generation (K,). accuracy: share right
    (K,). trials: number of independent answers each accuracy amounts to (K,). draws, flops_draws: accuracy
    and FLOPs in each draw (D, K). problems: number of problems, added up over benchmarks for the mean.
    right: per benchmark the share of right answers of every problem (problems, K), problems in the same order
    for all curves, and samples: the number of answers each share is of; empty if unknown.
    tokens: mean reasoning tokens (K,), None where unknown.
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
    right: tuple[np.ndarray, ...] = ()
    samples: tuple[int, ...] = ()
    tokens: np.ndarray | None = None

    @property
    def decades(self) -> np.ndarray:
        """log10 of the FLOPs, (K,)."""
        return np.log10(self.flops)


def read_curves(
    answers: pd.DataFrame, draws: int, seed: int, benchmarks: Sequence[str] | None = None
) -> list[Curve]:
    """Return the curves of all models, strategies and benchmarks in the table `answers`, the mean included.

    `benchmarks` are those to use and to average (default: all, in order of first appearance). Models without
    one of them have no mean, models whose compute is unknown no curve.
    Raises `UserError` for a compute that is not positive or points that do not share
    their problems.
    """
    names = list(benchmarks) if benchmarks is not None else list(answers["benchmark"].drop_duplicates())
    counted = answers.groupby("model")["flops"].transform("count") > 0
    rows = answers[answers["benchmark"].isin(names) & counted]
    if rows.empty:
        return []
    if not (rows["flops"] > 0).all():
        bad = rows[~(rows["flops"] > 0)].iloc[0]
        raise UserError(
            f"{bad['model']}, {bad['benchmark']}, problem {bad['problem_id']}: {bad['flops']} FLOPs, "
            "but must be positive; rerun snakemake with --forcerun count_compute"
        )
    measures = ["correct", "flops"] + ["reasoning_tokens"] * ("reasoning_tokens" in rows)
    cells = [arrange(rows, name, measures) for name in names]
    drawn = joint_draws(cells, draws, seed)
    single = {}
    for cell in cells:
        for key, block in zip(_blocks(cell), cell.values, strict=True):
            caps = cap_order(cell.keys.loc[(cell.keys[CURVE] == list(key)).all(axis=1), "cap"])
            single[key] = _means(block) | {"caps": caps.to_numpy()}
    keys = drawn.keys.assign(column=np.arange(len(drawn.keys)), order=cap_order(drawn.keys["cap"]))
    curves = []
    for (model, strategy, benchmark), part in keys.groupby(CURVE, sort=False):
        part = part.sort_values("order")
        caps = part["order"].to_numpy()
        among = names if benchmark == MEAN else [benchmark]
        mine = [single[model, strategy, name] for name in among]
        kept = [np.isin(one["caps"], caps) for one in mine]
        curve = Curve(
            model=model,
            strategy=strategy,
            benchmark=benchmark,
            caps=caps,
            draws=drawn.values["correct"][:, part["column"]],
            flops_draws=drawn.values["flops"][:, part["column"]],
            problems=sum(len(one["right"]) for one in mine),
            right=tuple(one["right"][:, k] for one, k in zip(mine, kept, strict=True)),
            samples=tuple(one["samples"] for one in mine),
            **_averaged(mine, kept),
        )
        curves.append(curve)
    return curves


def _blocks(cells: Cells) -> list[tuple]:
    """Return model, strategy and benchmark of every block of values."""
    return list(cells.keys[CURVE].drop_duplicates().itertuples(index=False, name=None))


def _means(block: np.ndarray) -> dict:
    """Return what a curve needs of the values (problems, samples, caps, measures) of one benchmark.

    The trials of an accuracy are the independent answers with its clustered standard error, at least one a
    problem.
    """
    problems, samples = block.shape[:2]
    by_problem = block.mean(axis=1)
    right, accuracy = by_problem[..., 0], by_problem[..., 0].mean(axis=0)
    several = answers_from_error(accuracy.clip(0, 1), standard_error(right), problems, samples)
    trials = np.full(len(accuracy), float(problems)) if samples == 1 else np.maximum(several, problems)
    means = dict(zip(("accuracy", "flops", "tokens"), by_problem.mean(axis=0).T, strict=False))
    return means | {"trials": trials, "right": right, "samples": samples}


def _averaged(mine: Sequence[dict], kept: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return accuracy, flops, tokens and trials averaged over benchmarks.

    The trials of a mean are those of one proportion with the variance of the mean of equal proportions,
    B² / sum of 1 / trials.
    """
    found = {
        name: np.mean([one[name][k] for one, k in zip(mine, kept, strict=True)], axis=0)
        for name in ("accuracy", "flops", "tokens")
        if name in mine[0]
    }
    inverse = np.sum([1 / one["trials"][k] for one, k in zip(mine, kept, strict=True)], axis=0)
    return found | {"trials": len(mine) ** 2 / inverse}


def merge_equal_compute(curve: Curve) -> Curve:
    """Join caps of the same mean compute (within 1 %) into one point with their mean accuracy.

    Beyond the cap at which every trace has ended the points repeat each other; a likelihood that counted them
    as new observations would be overconfident about the plateau. The joined point keeps the smallest cap and the
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

    names = ("flops", "accuracy", "trials", "draws", "flops_draws") + ("tokens",) * (curve.tokens is not None)
    return replace(
        curve,
        caps=np.array([curve.caps[group].min() for group in groups]),
        right=tuple(joined(right) for right in curve.right),
        **{name: joined(getattr(curve, name)) for name in names},
    )
