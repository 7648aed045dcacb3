"""Dense models, mixtures of experts and hybrids compared at matched compute and at matched accuracy.

With answers by problem (measured studies) each model is its curve over caps. It makes two statements:

- these models: intervals come from the joint bootstrap over problems and cover what other problems would
  give with these very models;
- models of the kinds: what other models of the same kinds would give. With one model of a kind its
  architecture cannot be told from everything else about it, so at least three of each are needed; intervals come from the
  spread between models.

Over benchmarks, and for published figures, a regression makes the second (`regression`).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.analysis.architectures import equal_sizes
from frontiers.analysis.architectures.matched_curves import accuracy_difference, compute_difference, shares
from frontiers.analysis.architectures.regression import regress, too_few
from frontiers.analysis.cap_curves import Curve, merge_equal_compute, read_curves
from frontiers.core.keys import benchmarks_of
from frontiers.core.tables import frame_of
from frontiers.statistics.bootstrap import parametric
from frontiers.statistics.intervals import BOOTSTRAP, LEVEL, percentile_limits
from frontiers.statistics.paired import holm

KINDS = ("dense", "moe", "hybrid")
THESE, OTHERS = "these models", "models of the kinds"
WELCH = "student t over models, welch"
DRAWN = "accuracies drawn from their intervals, percentiles"


class Measure(NamedTuple):
    """A comparison of two curves: its name, "-" for differences or "/" for ratios, and what must overlap."""

    name: str
    sign: str
    compare: Callable[[Curve, Curve], np.ndarray | None]
    matched: str


MEASURES = (
    Measure("accuracy_at_matched_compute", "-", accuracy_difference, "compute"),
    Measure("compute_ratio_at_matched_accuracy", "/", compute_difference, "accuracy"),
)


def fit(
    points: pd.DataFrame, answers: pd.DataFrame | None = None, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return the table `architectures` from the tables `points` and, for a measured study, `answers`.

    `points` says which architecture a model has; models without one are left out. Where a model has no answers, all are
    compared by their points. `draws` and `seed` are those of the joint bootstrap.
    """
    known = points[points["architecture"].notna()]
    kinds = dict(zip(known["model"], known["architecture"], strict=True))
    benchmarks = benchmarks_of(points)
    rows = [row | {"scope": OTHERS} for row in regress(known, pairs(kinds))]
    if answers is None or set(known["model"]) - set(answers["model"]):
        return _corrected(
            frame_of([*rows, *_published_shares(known, benchmarks, draws, seed)], "architectures")
        )
    curves = [c for c in read_curves(answers, draws, seed, benchmarks) if c.model in kinds]
    for benchmark in dict.fromkeys(c.benchmark for c in curves):
        mine = [c for c in curves if c.benchmark == benchmark]
        rows += matched(mine, kinds)
        rows += measured_shares(mine, kinds)
    return _corrected(frame_of(rows, "architectures"))


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with p-values corrected for all that is asked with errors clustered alike (Holm)."""
    for _, family in table[table["p_value"].notna()].groupby("interval"):
        table.loc[family.index, "p_holm"] = holm(family["p_value"])
    return table


def size_pairs(
    points: pd.DataFrame, answers: pd.DataFrame | None = None, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return the table `size_pairs` of every two kinds that the points have (`equal_sizes.fit`)."""
    known = points[points["architecture"].notna()]
    kinds = dict(zip(known["model"], known["architecture"], strict=True))
    return equal_sizes.fit(points, answers, pairs(kinds), draws, seed)


def pairs(kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of kinds that occur, the plainer one second."""
    present = [kind for kind in KINDS if kind in kinds.values()]
    return [(b, a) for a, b in combinations(present, 2)]


def matched(curves: Sequence[Curve], kinds: Mapping[str, str]) -> list[dict]:
    """Return the rows of matched compute and matched accuracy of one benchmark, for both statements.

    Every pair of a model of one kind and a model of the other that share the strategy and a range counts
    equally. A model whose compute does not vary with the cap is no curve and is left out, by name.
    """
    merged = [merge_equal_compute(c) for c in curves]
    single = sorted({c.model for c in merged if len(c.flops) < 2})
    merged = [c for c in merged if len(c.flops) > 1]
    note = f"left out, compute does not vary with the cap: {', '.join(single)}" if single else None
    rows = []
    for pair in pairs(kinds):
        sides = {kind: [c for c in merged if kinds[c.model] == kind] for kind in pair}
        counts = {kind: len({c.model for c in side}) for kind, side in sides.items()}
        shared = {"benchmark": curves[0].benchmark, "problems": curves[0].problems, "note": note}
        shared |= dict(zip(("models_a", "models_b"), counts.values(), strict=True))
        for measure in MEASURES:
            row = shared | {"measure": measure.name, "comparison": f" {measure.sign} ".join(pair)}
            rows += [row | found for found in _both_scopes(measure, sides, counts, curves[0].problems)]
    return rows


def _both_scopes(
    measure: Measure, sides: Mapping[str, Sequence[Curve]], counts: Mapping[str, int], problems: int
) -> list[dict]:
    """Return what one measure says of two kinds, for these models and for models of the kinds."""
    a, b = sides.values()
    found = {(c.model, d.model): measure.compare(c, d) for c in a for d in b if c.strategy == d.strategy}
    found = {k: v for k, v in found.items() if v is not None and np.isfinite(v[0])}
    if not found:
        reason = "no {} and no {} model share a range of ".format(*sides) + measure.matched
        return [{"scope": scope, "estimable": False, "reason": reason} for scope in (THESE, OTHERS)]
    return [
        these_models(np.mean(list(found.values()), axis=0), problems, measure.sign),
        other_models({k: v[0] for k, v in found.items()}, counts, measure.sign),
    ]


def these_models(values: np.ndarray, problems: int, sign: str) -> dict:
    """Return estimate and interval over problems; `values` holds the estimate and the draws (1 + D,)."""
    row = {"scope": THESE, "interval": BOOTSTRAP}
    low, high = percentile_limits(values[1:], problems, estimate=values[0])
    if not np.isfinite(low):
        reason = "the common range is so short that it is lost in more than 2.5 % of the bootstrap draws"
        return row | {"estimable": False, "reason": reason}
    limits = {"estimate": values[0], "low": low, "high": high}
    return row | {"estimable": True} | _on_scale(limits, sign)


def other_models(values: Mapping[tuple[str, str], float], counts: Mapping[str, int], sign: str) -> dict:
    """Return the estimate over pairs (a, b) of models, with an interval from the spread between models.

    Each model of a kind stands for its mean over the models of the other kind; the variance is the sum of
    both kinds' variances over their numbers, as of a two-sample statistic (Hoeffding 1948, Ann. Math. Stat.
    19, 293), with Welch's degrees of freedom (Welch 1947, Biometrika 34, 28). `counts` are models by kind.
    """
    row = {"scope": OTHERS, "interval": WELCH}
    if reason := too_few(counts):
        return row | {"estimable": False, "reason": reason}
    grid = pd.Series(values).unstack()
    if grid.isna().any(axis=None):
        reason = "not every model of one kind shares a range with every model of the other"
        return row | {"estimable": False, "reason": reason}
    sides = [grid.mean(axis=1), grid.mean(axis=0)]
    parts = np.array([side.var(ddof=1) / len(side) for side in sides])
    estimate, variance = float(grid.to_numpy().mean()), parts.sum()
    freedom = variance**2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, sides, strict=True))
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(variance) if variance > 0 else 0.0
    limits = {"estimate": estimate, "low": estimate - reach, "high": estimate + reach}
    return row | {"estimable": True} | _on_scale(limits, sign)


def _on_scale(limits: dict[str, float], sign: str) -> dict[str, float]:
    """Return differences as they are, and differences of log10 as ratios."""
    return limits if sign == "-" else {k: 10**v for k, v in limits.items()}


def _share_rows(
    decades: np.ndarray, accuracy: np.ndarray, models: Sequence[str], kinds: Mapping[str, str], shared: dict
) -> list[dict]:
    """Return one row per kind; the estimate in row 0 of the arrays (1 + D, P), the draws below."""
    present = [kind for kind in KINDS if kind in {kinds[m] for m in models}]
    owner = np.array([present.index(kinds[m]) for m in models])
    values = shares(decades, accuracy, owner, len(present))
    rows = []
    for i, kind in enumerate(present):
        row = shared | {"measure": "frontier_share", "comparison": kind, "estimable": len(present) > 1}
        row |= {"scope": THESE, "models_a": len({m for m in models if kinds[m] == kind})}
        if not row["estimable"]:
            row["reason"] = f"all models are {kind}"
        elif not np.isfinite(values[0, i]):
            row |= {"estimable": False, "reason": "all points have one compute"}
        else:
            low, high = percentile_limits(values[1:, i], shared["problems"], estimate=values[0, i])
            row |= {"estimate": values[0, i], "low": low, "high": high}
        rows.append(row)
    return rows


def measured_shares(curves: Sequence[Curve], kinds: Mapping[str, str]) -> list[dict]:
    """Return the frontier shares of one benchmark, all models, strategies and caps together."""
    models = [c.model for c in curves for _ in c.caps]
    decades = np.log10(np.hstack([np.vstack([c.flops, c.flops_draws]) for c in curves]))
    accuracy = np.hstack([np.vstack([c.accuracy, c.draws]) for c in curves])
    shared = {"benchmark": curves[0].benchmark, "problems": curves[0].problems, "interval": BOOTSTRAP}
    return _share_rows(decades, accuracy, models, kinds, shared)


def _published_shares(points: pd.DataFrame, benchmarks: Sequence[str], draws: int, seed: int) -> list[dict]:
    """Return the frontier shares of published points, accuracies drawn from their own intervals."""
    kinds = dict(zip(points["model"], points["architecture"], strict=True))
    rows = []
    for benchmark in benchmarks:
        mine = points[(points["benchmark"] == benchmark) & (points["flops"] > 0)]
        if mine.empty:
            continue
        drawn = parametric(mine, [benchmark], ["accuracy"], draws, seed).values["accuracy"][:, : len(mine)]
        decades = np.log10(mine["flops"].to_numpy(float))
        shared = {"benchmark": benchmark, "problems": int(mine["problems"].max()), "interval": DRAWN}
        stacked = np.vstack([mine["accuracy"].to_numpy(float), drawn])
        wide = np.tile(decades, (len(stacked), 1))
        rows += _share_rows(wide, stacked, mine["model"].tolist(), kinds, shared)
    return rows
