"""Dense models, mixtures of experts and hybrids compared at matched compute and at matched accuracy.

With answers by problem (measured studies) each model is its curve over caps, interpolated linearly in log10
FLOPs, and intervals come from the joint bootstrap over problems. They cover what other problems would
give with these models; with one or a few models of a kind they say nothing about other models of the kind.

Without answers (published figures) a regression over models and benchmarks takes their place.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import logit

from frontiers.bootstrap import MEAN, parametric
from frontiers.curves import Curve, merge_equal_compute, read_curves
from frontiers.rows import frame_of

KINDS = ("dense", "moe", "hybrid")
LEVEL = 0.95
GRID = 33
MINIMUM_MODELS = 3
FINITE_SHARE = 0.975
ONLY_THESE = "interval over problems; holds for these models only"


def fit(
    points: pd.DataFrame, answers: pd.DataFrame | None = None, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return the table `architectures` from the tables `points` and, for a measured study, `answers`.

    `points` says which architecture a model has; models without one are left out. `draws` and `seed` are
    those of the joint bootstrap.
    """
    known = points[points["architecture"].notna()]
    kinds = dict(zip(known["model"], known["architecture"], strict=True))
    benchmarks = [name for name in dict.fromkeys(points["benchmark"]) if name != MEAN]
    if answers is None:
        return frame_of(
            [*regress(known), *_published_shares(known, benchmarks, draws, seed)], "architectures"
        )
    curves = [c for c in read_curves(answers, draws, seed, benchmarks) if c.model in kinds]
    rows = []
    for benchmark in dict.fromkeys(c.benchmark for c in curves):
        mine = [c for c in curves if c.benchmark == benchmark]
        rows += matched(mine, kinds)
        rows += measured_shares(mine, kinds)
    return frame_of(rows, "architectures")


def _interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the percentile limits of the finite draws, NaN when too few are finite."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < FINITE_SHARE * len(draws):
        return np.nan, np.nan
    low, high = np.percentile(finite, 100 * np.array([1 - LEVEL, 1 + LEVEL]) / 2)
    return float(low), float(high)


def _pairs(kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of kinds that occur, the plainer one second."""
    present = [kind for kind in KINDS if kind in kinds.values()]
    return [(b, a) for a, b in combinations(present, 2)]


def interpolate(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate linearly, row by row: `at` (..., G), ascending `x` (..., K) and `y` (..., K) -> (..., G).

    NaN outside the range of `x`. Equal values of `x` beside each other give the first of them.
    """
    upper = np.clip((x[..., None, :] < at[..., :, None]).sum(axis=-1), 1, x.shape[-1] - 1)
    x0, x1, y0, y1 = (np.take_along_axis(v, upper + d, axis=-1) for v in (x, y) for d in (-1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(x1 > x0, (at - x0) / (x1 - x0), 0.0)
    inside = (at >= x[..., :1]) & (at <= x[..., -1:])
    return np.where(inside, y0 + share * (y1 - y0), np.nan)


def _stacked(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Return log10 FLOPs and accuracy, the estimate in row 0 and the draws below, compute ascending."""
    decades = np.log10(np.vstack([curve.flops, curve.flops_draws]))
    accuracy = np.vstack([curve.accuracy, curve.draws])
    order = np.argsort(decades, axis=1, kind="stable")
    return np.take_along_axis(decades, order, axis=1), np.take_along_axis(accuracy, order, axis=1)


def accuracy_difference(a: Curve, b: Curve) -> np.ndarray | None:
    """Return accuracy of `a` less that of `b`, averaged over log10 compute where both have points.

    The estimate first, then the draws (1 + D,); None when the ranges do not overlap. In a draw the few
    points of the grid that fall outside its own range are left out of the average.
    """
    low, high = max(a.decades.min(), b.decades.min()), min(a.decades.max(), b.decades.max())
    if high <= low:
        return None
    at = np.broadcast_to(np.linspace(low, high, GRID), (len(a.draws) + 1, GRID))
    return _mean_inside(interpolate(at, *_stacked(a)) - interpolate(at, *_stacked(b)))


def compute_difference(a: Curve, b: Curve) -> np.ndarray | None:
    """Return log10 of the compute `a` needs less that of `b`, averaged over the accuracies both reach.

    The compute for an accuracy is where the running maximum of the curve first reaches it, interpolated in
    log10 FLOPs; each curve's own lowest accuracy needs its least compute. Form as in `accuracy_difference`.
    """
    low, high = max(a.accuracy.min(), b.accuracy.min()), min(a.accuracy.max(), b.accuracy.max())
    if high <= low:
        return None
    at = np.broadcast_to(np.linspace(low, high, GRID), (len(a.draws) + 1, GRID))
    parts = []
    for curve in (a, b):
        decades, accuracy = _stacked(curve)
        parts.append(interpolate(at, np.maximum.accumulate(accuracy, axis=1), decades))
    return _mean_inside(parts[0] - parts[1])


def _mean_inside(values: np.ndarray) -> np.ndarray:
    """Average the rows of (1 + D, G) without NaN; NaN where more than half of a row is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=1)
    enough = known.sum(axis=1) >= values.shape[1] / 2
    return np.where(enough, total / np.maximum(known.sum(axis=1), 1), np.nan)


def matched(curves: Sequence[Curve], kinds: Mapping[str, str]) -> list[dict]:
    """Return the rows of matched compute and matched accuracy of one benchmark.

    Every pair of a model of one kind and a model of the other that share the strategy and a range counts
    equally. A model whose compute does not vary with the cap is no curve and is left out, by name.
    """
    merged = [merge_equal_compute(c) for c in curves]
    single = sorted({c.model for c in merged if len(c.flops) < 2})
    merged = [c for c in merged if len(c.flops) > 1]
    left_out = [f"left out, compute does not vary with the cap: {', '.join(single)}"] if single else []
    note = "; ".join([ONLY_THESE, *left_out])
    rows = []
    for kind_a, kind_b in _pairs(kinds):
        a, b = ([c for c in merged if kinds[c.model] == kind] for kind in (kind_a, kind_b))
        shared = {"benchmark": curves[0].benchmark, "problems": curves[0].problems, "note": note}
        shared |= {"models_a": len({c.model for c in a}), "models_b": len({c.model for c in b})}
        for measure, sign, compare in (
            ("accuracy_at_matched_compute", "-", accuracy_difference),
            ("compute_ratio_at_matched_accuracy", "/", compute_difference),
        ):
            found = [compare(c, d) for c in a for d in b if c.strategy == d.strategy]
            found = [f for f in found if f is not None and np.isfinite(f[0])]
            row = shared | {"measure": measure, "comparison": f"{kind_a} {sign} {kind_b}"}
            if not found:
                what = "compute" if sign == "-" else "accuracy"
                reason = f"no {kind_a} and no {kind_b} model share a range of {what}"
                rows.append(row | {"estimable": False, "reason": reason})
                continue
            values = np.mean(found, axis=0)
            values = 10**values if sign == "/" else values
            low, high = _interval(values[1:])
            rows.append(row | {"estimable": True, "estimate": values[0], "low": low, "high": high})
    return rows


def shares(decades: np.ndarray, accuracy: np.ndarray, owner: np.ndarray, kinds: int) -> np.ndarray:
    """Return the share of log10 compute over which each kind holds the frontier, (D, kinds).

    `decades` and `accuracy`: (D, P); `owner`: kind of each point, 0 to kinds - 1. The range goes from the
    cheapest to the dearest point; at each compute the frontier is held by the best point that is not dearer
    (of equals the cheaper one). NaN where all points have one compute.
    """
    order = np.lexsort((-accuracy, decades), axis=1)
    x, y = np.take_along_axis(decades, order, axis=1), np.take_along_axis(accuracy, order, axis=1)
    before = np.concatenate([np.full((len(y), 1), -np.inf), np.maximum.accumulate(y, axis=1)[:, :-1]], axis=1)
    holder = np.maximum.accumulate(np.where(y > before, np.arange(y.shape[1]), 0), axis=1)
    kind = np.take_along_axis(owner[order], holder, axis=1)[:, :-1]
    width = np.diff(x, axis=1)
    with np.errstate(invalid="ignore"):
        return np.stack([np.where(kind == k, width, 0).sum(axis=1) for k in range(kinds)], axis=1) / (
            x[:, [-1]] - x[:, [0]]
        )


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
        row["models_a"] = len({m for m in models if kinds[m] == kind})
        if not row["estimable"]:
            row["reason"] = f"all models are {kind}"
        elif not np.isfinite(values[0, i]):
            row |= {"estimable": False, "reason": "all points have one compute"}
        else:
            low, high = _interval(values[1:, i])
            row |= {"estimate": values[0, i], "low": low, "high": high}
        rows.append(row)
    return rows


def measured_shares(curves: Sequence[Curve], kinds: Mapping[str, str]) -> list[dict]:
    """Return the frontier shares of one benchmark, all models, strategies and caps together."""
    models = [c.model for c in curves for _ in c.caps]
    decades = np.log10(np.hstack([np.vstack([c.flops, c.flops_draws]) for c in curves]))
    accuracy = np.hstack([np.vstack([c.accuracy, c.draws]) for c in curves])
    shared = {"benchmark": curves[0].benchmark, "problems": curves[0].problems, "note": ONLY_THESE}
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
        shared = {"benchmark": benchmark, "problems": int(mine["problems"].max())}
        shared["note"] = "accuracies drawn from their intervals; holds for these models only"
        stacked = np.vstack([mine["accuracy"].to_numpy(float), drawn])
        wide = np.tile(decades, (len(stacked), 1))
        rows += _share_rows(wide, stacked, mine["model"].tolist(), kinds, shared)
    return rows


def regress(points: pd.DataFrame) -> list[dict]:
    """Return the regression rows: log-odds of accuracy on log10 FLOPs, benchmark and architecture.

    Least squares, errors clustered by model, Student's t limits with (models - 1) degrees of freedom. The
    effect of a kind is its difference in log-odds at equal compute; over the slope on log10 FLOPs it gives
    the ratio of compute at equal accuracy, with limits by the delta method on log10. An accuracy of 0 or 1
    enters as half a problem. Release date is not held fixed: a newer kind gains from being newer.
    """
    used = points[(points["benchmark"] != MEAN) & (points["flops"] > 0)].reset_index(drop=True)
    kinds = dict(zip(used["model"], used["architecture"], strict=True))
    counts = {kind: sum(k == kind for k in kinds.values()) for kind in KINDS}
    half = 0.5 / (used["problems"].astype(float) + 1)
    odds = logit(used["accuracy"].clip(half, 1 - half).to_numpy(float))
    dummies = [pd.get_dummies(used["benchmark"], dtype=float)]
    dummies += [
        (used["architecture"] == kind).astype(float).rename(kind) for kind in KINDS[1:] if counts[kind]
    ]
    design = pd.concat([np.log10(used["flops"].astype(float)).rename("decades"), *dummies], axis=1)
    result = None
    enough = len(kinds) > design.shape[1] and np.linalg.matrix_rank(design) == design.shape[1]
    if enough and sum(counts[k] >= MINIMUM_MODELS for k in KINDS) > 1:
        groups = np.unique(used["model"], return_inverse=True)[1]
        model = sm.OLS(odds, design)
        result = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    rows = []
    for a, b in _pairs(kinds):
        shared = {"benchmark": "all", "models_a": counts[a], "models_b": counts[b]}
        few = [f"{kind}: {counts[kind]}" for kind in (a, b) if counts[kind] < MINIMUM_MODELS]
        reason = None
        if few:
            reason = (
                f"too few models to tell ({', '.join(few)}; at least {MINIMUM_MODELS} of each are needed)"
            )
        elif result is None:
            reason = "too few models for as many benchmarks and architectures"
        rows += _effects(result, a, b, reason, shared)
    return rows


def _effects(result: object, a: str, b: str, reason: str | None, shared: dict) -> list[dict]:
    """Return difference of log-odds and ratio of compute of kinds `a` and `b` from the regression."""
    odds = shared | {"measure": "log_odds_at_matched_compute", "comparison": f"{a} - {b}"}
    ratio = shared | {"measure": "compute_ratio_at_matched_accuracy", "comparison": f"{a} / {b}"}
    if reason is not None:
        return [row | {"estimable": False, "reason": reason} for row in (odds, ratio)]
    names = list(result.params.index)
    contrast = np.array([float(n == a) - float(n == b) for n in names])
    note = "errors clustered by model; release date not held fixed"
    test = result.t_test(contrast)
    low, high = test.conf_int(1 - LEVEL)[0]
    odds |= {"estimable": True, "estimate": float(test.effect[0]), "low": low, "high": high, "note": note}
    slope = float(result.params["decades"])
    if slope <= 0:
        reason = "accuracy does not rise with compute in the regression"
        return [odds, ratio | {"estimable": False, "reason": reason}]
    decades = -odds["estimate"] / slope
    gradient = -contrast / slope
    gradient[names.index("decades")] = odds["estimate"] / slope**2
    delta = result.t_test(gradient)
    reach = float(delta.conf_int(1 - LEVEL)[0, 1] - delta.effect[0])
    limits = {"estimate": 10**decades, "low": 10 ** (decades - reach), "high": 10 ** (decades + reach)}
    return [odds, ratio | limits | {"estimable": True, "note": note + "; limits by the delta method"}]
