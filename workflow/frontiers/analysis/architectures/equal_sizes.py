"""Pairs of models of two kinds and of one size: the same number of active, or of all, parameters.

Each model at its largest cap. Where answers were measured a pair is compared problem by problem, as any two points of
the study; otherwise by the accuracies and their own intervals. What else differs is told: compute, and release date.
"""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
import pandas as pd

from frontiers.analysis import differences
from frontiers.analysis.architectures.matched_curves import compute_difference
from frontiers.analysis.architectures.regression import SIZES
from frontiers.analysis.cap_curves import merge_equal_compute, read_curves
from frontiers.core.keys import benchmarks_of, cap_order
from frontiers.core.tables import frame_of
from frontiers.statistics.intervals import mover_reach, percentile_limits
from frontiers.statistics.paired import holm

NEAR = 1.1
"""Largest ratio of two sizes that are called equal."""
EQUAL = {"active_params": "active parameters", "total_params": "total parameters"}
INDEPENDENT = "independent accuracies, variance recovery (MOVER)"


def fit(
    points: pd.DataFrame,
    answers: pd.DataFrame | None,
    kinds: Sequence[tuple[str, str]],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Return the table `size_pairs`: every pair of models of `kinds`, the first less the second, equal in one size.

    `points` needs architectures and numbers of parameters; `draws` and `seed` are those of the joint bootstrap of
    compute. Benchmarks of which a model has no point, or no accuracy of its own, are left out.
    """
    if set(SIZES) - set(points):
        return frame_of([], "size_pairs")
    used = points[points["architecture"].notna() & points["active_params"].notna()]
    used = used.assign(order=cap_order(used["cap"]))
    largest = used[used["order"] == used.groupby(["model", "strategy"])["order"].transform("max")]
    found = [pair for kind in kinds for pair in _equal(largest, *kind)]
    measured = answers is not None and not set(used["model"]) - set(answers["model"])
    compared = _answered(answers, found, points, draws, seed) if measured else {}
    rows = []
    for a, b, equal in found:
        for benchmark in dict.fromkeys(largest["benchmark"]):
            sides = [largest[_is(largest, key) & (largest["benchmark"] == benchmark)] for key in (a, b)]
            if any(len(side) != 1 for side in sides):
                continue
            first, second = (side.iloc[0] for side in sides)
            row = _facts(first, second, equal)
            rows.append(row | (compared[(benchmark, a, b)] if measured else _independent(first, second)))
    table = frame_of(rows, "size_pairs")
    for _, part in table.groupby(["benchmark", "equal"]):
        if part["p_value"].notna().all():
            table.loc[part.index, "p_holm"] = holm(part["p_value"])
    return table


Key = tuple[str, str]
"""Model and strategy."""


def _is(points: pd.DataFrame, key: Key) -> pd.Series:
    return (points["model"] == key[0]) & (points["strategy"] == key[1])


def _equal(largest: pd.DataFrame, kind_a: str, kind_b: str) -> list[tuple[Key, Key, str]]:
    """Return the pairs of a kind and another with one strategy that are near in a size, and which size."""
    known = largest.drop_duplicates(["model", "strategy"])
    sides = [known[known["architecture"] == kind] for kind in (kind_a, kind_b)]
    return [
        ((a.model, a.strategy), (b.model, b.strategy), equal)
        for equal in EQUAL
        for a, b in product(*(side.itertuples() for side in sides))
        if a.strategy == b.strategy and 1 / NEAR <= getattr(a, equal) / getattr(b, equal) <= NEAR
    ]


def _facts(first: pd.Series, second: pd.Series, equal: str) -> dict:
    """Return who is compared, and what differs besides the kind."""
    dates = [
        pd.to_datetime(side["release_date"], format="%Y-%m-%d", errors="coerce") for side in (first, second)
    ]
    apart = (dates[0] - dates[1]).days if all(map(pd.notna, dates)) else None
    return {
        "benchmark": first["benchmark"],
        "equal": EQUAL[equal],
        "kind_a": first["architecture"],
        "kind_b": second["architecture"],
        "model_a": first["model"],
        "model_b": second["model"],
        "strategy": first["strategy"],
        "cap": None if np.isinf(first["order"]) else first["order"],
        "size_ratio": first[equal] / second[equal],
        "days_apart": apart,
        "problems": min(first["problems"], second["problems"]),
    }


def _answered(
    answers: pd.DataFrame, found: list[tuple[Key, Key, str]], points: pd.DataFrame, draws: int, seed: int
) -> dict[tuple[str, Key, Key], dict]:
    """Return the comparisons of every pair by benchmark, paired by problem."""
    caps = answers.assign(order=cap_order(answers["cap"])).groupby(["model", "strategy"])["order"].max()
    pairs = {(a, b): tuple((*key, caps[key]) for key in (a, b)) for a, b, _ in found}
    if not pairs:
        return {}
    table = differences.fit(answers, benchmarks_of(points), draws, seed, list(pairs.values()))
    matched = _matched(answers, pairs, points, draws, seed)
    kept = ["difference", "low", "high", "interval", "p_value", "test"]
    kept += ["flops_ratio", "flops_low", "flops_high", "flops_interval"]
    return {
        (row["benchmark"], (row["model_a"], row["strategy_a"]), (row["model_b"], row["strategy_b"])): {
            name: row[name] for name in kept
        }
        | matched.get((row["benchmark"], row["model_a"], row["model_b"], row["strategy_a"]), {})
        for row in table.to_dict("records")
    }


def _matched(
    answers: pd.DataFrame, pairs: Iterable[tuple[Key, Key]], points: pd.DataFrame, draws: int, seed: int
) -> dict[tuple[str, str, str, str], dict]:
    """Return by benchmark, both models and strategy the ratio of the compute that either needs for the same accuracy.

    The mean of its logarithm over the accuracies that both reach, along their curves over caps; where they share none, or
    lose them in more than 2.5 % of the draws, there is no ratio.
    """
    involved = {key for pair in pairs for key in pair}
    rows = answers[[key in involved for key in zip(answers["model"], answers["strategy"], strict=True)]]
    merged = [merge_equal_compute(curve) for curve in read_curves(rows, draws, seed, benchmarks_of(points))]
    curves = {(curve.benchmark, curve.model, curve.strategy): curve for curve in merged}
    found = {}
    for (model_a, strategy), (model_b, _) in pairs:
        for benchmark in dict.fromkeys(curve.benchmark for curve in merged):
            sides = [curves.get((benchmark, model, strategy)) for model in (model_a, model_b)]
            values = None if None in sides else compute_difference(*sides)
            if values is None:
                continue
            low, high = percentile_limits(values[1:], sides[0].problems, estimate=values[0])
            if np.isfinite(low):
                limits = {"matched_ratio": values[0], "matched_low": low, "matched_high": high}
                found[benchmark, model_a, model_b, strategy] = {k: 10**v for k, v in limits.items()}
    return found


def _independent(first: pd.Series, second: pd.Series) -> dict:
    """Return the comparison of two accuracies of separate runs, with limits from their own (Newcombe 1998)."""
    difference = first["accuracy"] - second["accuracy"]
    a, b = (side[["accuracy", "accuracy_low", "accuracy_high"]].to_numpy(float) for side in (first, second))
    below, above = mover_reach([a[0], -b[0]], [a[1], -b[2]], [a[2], -b[1]])
    ratio = first["flops"] / second["flops"] if first["flops"] > 0 and second["flops"] > 0 else None
    return {
        "difference": difference,
        "low": max(difference - float(below), -1.0),
        "high": min(difference + float(above), 1.0),
        "interval": INDEPENDENT,
        "flops_ratio": ratio,
    }
