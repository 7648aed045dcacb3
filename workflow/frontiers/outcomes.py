"""What failed generations cost against successful ones, and what stopping early would have saved.

Hard problems both fail more and cost more, so the raw ratio of means mixes difficulty with failure. Within
problem, difficulty is held fixed:

- several samples: over problems with both outcomes, the mean of log(cost) of the failed less that of the
  successful samples of one model on one problem
- one sample: models are pooled; log(cost) = effect of the model + effect of the problem + g · failed, least
  squares, over problems answered by all pooled models. Which models fail on a problem then carries the
  comparison, so g also holds any interaction of model and difficulty.

Generations are those at the largest cap of each model and strategy; what was truncated counts as failed, at
its full cost. Intervals come from the joint bootstrap over problems.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from frontiers.bootstrap import MEAN, generator, problem_counts
from frontiers.rows import frame_of
from frontiers.saturation import TOLERANCE
from frontiers.tables import cap_order

LEVEL = 0.95
POOLED = "all"
MEASURES = ("reasoning_tokens", "flops")
FEWEST = 5  # generations of each outcome, or problems with both, below which no ratio is given
FINITE_SHARE = 0.975
AGGREGATED = "published figures are means, not single answers"


def fit(
    answers: pd.DataFrame, draws: int = 1000, seed: int = 0, benchmarks: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the table `outcomes` from the table `answers` (reasoning tokens, FLOPs per generation).

    `benchmarks` are those to use (default: all in it). `draws` and `seed` are those of the joint bootstrap.
    Early stopping is also averaged over benchmarks, as `mean`.
    """
    names = list(benchmarks) if benchmarks is not None else list(answers["benchmark"].drop_duplicates())
    rows: list[dict] = []
    stops: list[dict] = []
    for benchmark in names:
        frame = answers[answers["benchmark"] == benchmark]
        frame = frame.assign(order=cap_order(frame["cap"]), correct=frame["correct"].astype(bool))
        frame = frame.sort_values(["model", "strategy", "order", "problem_id", "sample"], kind="stable")
        problems = np.unique(frame["problem_id"].to_numpy(dtype=object))
        counts = np.concatenate(list(problem_counts(benchmark, len(problems), draws, seed))).astype(float)
        frame["problem"] = np.searchsorted(problems, frame["problem_id"].to_numpy(dtype=object))
        counts = np.vstack([np.ones(len(problems)), counts])
        for strategy, part in frame.groupby("strategy", sort=False):
            top = part[part["order"] == part.groupby("model")["order"].transform("max")]
            key = {"strategy": strategy, "benchmark": benchmark}
            for measure in MEASURES:
                rows += _by_model(top, measure, counts, key)
                rows.append(_pooled(top, measure, counts) | key | {"model": POOLED, "measure": measure})
            half = generator(seed, "halves", benchmark).permutation(len(problems)) % 2 == 0
            for model, curve in part.groupby("model", sort=False):
                stops.append(key | {"model": model} | stopping(curve, counts, half))
    rows += [row for stop in [*stops, *_mean_stops(stops, names)] for row in _stopping_rows(stop)]
    return frame_of(rows, "outcomes")


def unfitted(points: pd.DataFrame) -> pd.DataFrame:
    """Return the table `outcomes` of figures without single answers: nothing can be compared, and why."""
    keys = points[["model", "strategy", "benchmark"]].drop_duplicates().to_dict("records")
    fixed = {"comparison": "raw", "n": 0, "estimable": False, "reason": AGGREGATED}
    return frame_of((key | fixed | {"measure": measure} for key in keys for measure in MEASURES), "outcomes")


def _interval(draws: np.ndarray) -> dict[str, float]:
    """Return the percentile limits, NaN when too few draws are finite."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < FINITE_SHARE * len(draws):
        return {"low": np.nan, "high": np.nan}
    low, high = np.percentile(finite, 100 * np.array([1 - LEVEL, 1 + LEVEL]) / 2)
    return {"low": float(low), "high": float(high)}


def _estimated(values: np.ndarray, **fields: object) -> dict:
    """Return the fields of an estimate whose first value is that of the data, the others draws."""
    return {"estimable": True, "estimate": float(values[0]), **_interval(values[1:]), **fields}


def _by_model(top: pd.DataFrame, measure: str, counts: np.ndarray, key: dict) -> list[dict]:
    """Return the raw and the within-problem row of every model."""
    rows = []
    for model, frame in top.groupby("model", sort=False):
        sums = _sums(frame, measure, counts.shape[1])
        for comparison, compare in (("raw", raw), ("within_problem", within_problem)):
            named = key | {"model": model, "measure": measure, "comparison": comparison}
            rows.append(named | compare(sums, counts))
    return rows


def _sums(frame: pd.DataFrame, measure: str, problems: int) -> dict[str, np.ndarray]:
    """Return number, sum and sum of logs of `measure` per problem and outcome, each (problems, 2).

    Column 0 is failed, 1 successful; costs of 0 have no logarithm and are left out of `logs` and `positive`.
    """
    cell = frame["problem"].to_numpy() * 2 + frame["correct"].to_numpy()
    cost = frame[measure].to_numpy(float)
    logs = np.log(cost, out=np.zeros_like(cost), where=cost > 0)
    weights = {"number": np.ones_like(cost), "sum": cost, "positive": (cost > 0) * 1.0, "logs": logs}
    return {k: np.bincount(cell, w, 2 * problems).reshape(-1, 2) for k, w in weights.items()}


def raw(sums: dict[str, np.ndarray], counts: np.ndarray) -> dict:
    """Return the ratio of the mean cost of failed to that of successful generations.

    `sums` as from `_sums`; `counts` (1 + D, problems): ones, then the draws.
    """
    number = sums["number"].sum(axis=0)
    row = {"n": int(number.sum())}
    if number.min() < FEWEST:
        short = (
            f"failed: {int(number[0])}, successful: {int(number[1])}; at least {FEWEST} of each are needed"
        )
        return row | {"estimable": False, "reason": short}
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ sums["sum"]) / (counts @ sums["number"])
        ratio = means[:, 0] / means[:, 1]
    if not np.isfinite(ratio[0]):
        return row | {"estimable": False, "reason": "successful generations cost nothing"}
    return row | _estimated(ratio, failed=means[0, 0], successful=means[0, 1])


def within_problem(sums: dict[str, np.ndarray], counts: np.ndarray) -> dict:
    """Return the geometric mean over problems of the cost of failed over successful samples.

    Only problems with both outcomes count, each once. Arguments as for `raw`.
    """
    if sums["number"].sum(axis=1).max() < 2:
        reason = f"one sample per problem; see model `{POOLED}`, where models are pooled"
        return {"n": 0, "estimable": False, "reason": reason}
    both = (sums["positive"] > 0).all(axis=1)
    row = {"n": int(both.sum())}
    if both.sum() < FEWEST:
        reason = f"problems with both outcomes: {int(both.sum())}; at least {FEWEST} are needed"
        return row | {"estimable": False, "reason": reason}
    means = np.where(both[:, None], sums["logs"] / np.maximum(sums["positive"], 1), 0)
    with np.errstate(invalid="ignore"):
        levels = (counts @ means) / (counts @ both)[:, None]
    values = np.exp(levels[:, 0] - levels[:, 1])
    return row | _estimated(values, failed=np.exp(levels[0, 0]), successful=np.exp(levels[0, 1]))


def _pooled(top: pd.DataFrame, measure: str, counts: np.ndarray) -> dict:
    """Return the within-problem row over all models, with an effect of each model.

    Models whose costs are all 0 (no trace) are left out, by name; so are problems on which any other model
    has a cost of 0 or no answer. Several samples enter by their means per model and problem.
    """
    row = {"comparison": "within_problem"}
    silent = top.groupby("model")[measure].max() == 0
    used = top[~top["model"].isin(silent.index[silent])]
    note = ["least squares with effects of model and problem"]
    if silent.any():
        note.append("left out, cost is 0: " + ", ".join(silent.index[silent]))
    row["note"] = "; ".join(note)
    if used["model"].nunique() < 2:
        return row | {"n": 0, "estimable": False, "reason": "fewer than two models to pool"}
    cost = used[measure].to_numpy(float)
    logs = np.log(cost, out=np.full_like(cost, np.nan), where=cost > 0)
    cells = used.assign(logs=logs, failed=1.0 - used["correct"]).groupby(["model", "problem"])
    cells = cells[["logs", "failed"]].agg(lambda v: v.mean(skipna=False)).unstack("problem")
    cells = cells.reindex(columns=pd.MultiIndex.from_product([["logs", "failed"], range(counts.shape[1])]))
    y, d = cells["logs"].to_numpy(), cells["failed"].to_numpy()
    whole = np.isfinite(y).all(axis=0) & np.isfinite(d).all(axis=0)
    y, d, weight = y[:, whole], d[:, whole], counts[:, whole]
    mixed = np.ptp(d, axis=0) > 0 if d.size else np.zeros(0, bool)
    row["n"] = int(mixed.sum())
    if mixed.sum() < FEWEST:
        reason = (
            f"problems on which models differ in outcome: {int(mixed.sum())}; at least {FEWEST} are needed"
        )
        return row | {"estimable": False, "reason": reason}
    slope = two_way(y, d, weight)
    if not np.isfinite(slope[0]):
        return row | {"estimable": False, "reason": "failure is fully explained by model and problem"}
    return row | _estimated(np.exp(slope))


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


def stopping(curve: pd.DataFrame, counts: np.ndarray, half: np.ndarray) -> dict:
    """Return accuracy and FLOPs with and without the early stop, each (1 + D,), and the caps chosen.

    On one half of the problems the smallest cap within 1 point of the best accuracy is chosen and judged on
    the other half; both directions are averaged. `half` (problems,) says which half a problem is in. In
    the draws the caps stay as chosen.
    """
    caps = np.unique(curve["order"])
    shape = (len(caps), counts.shape[1])
    cell = np.searchsorted(caps, curve["order"]) * shape[1] + curve["problem"].to_numpy()
    number, right, cost = (
        np.bincount(cell, w, shape[0] * shape[1]).reshape(shape)
        for w in (None, curve["correct"].to_numpy(float), curve["flops"].to_numpy(float))
    )
    found: dict[str, list] = {"full": [], "stopped": [], "full_flops": [], "stopped_flops": [], "caps": []}
    for chosen_on, judged_on in ((half, ~half), (~half, half)):
        accuracy = right[:, chosen_on].sum(axis=1) / number[:, chosen_on].sum(axis=1)
        cap = int(np.argmax(accuracy >= accuracy.max() - TOLERANCE))
        weights = counts[:, judged_on]
        for name, row in (("stopped", cap), ("full", len(caps) - 1)):
            with np.errstate(invalid="ignore"):
                answers = weights @ number[row, judged_on]
                found[name].append(weights @ right[row, judged_on] / answers)
                found[f"{name}_flops"].append(weights @ cost[row, judged_on] / answers)
        found["caps"].append("uncapped" if np.isinf(caps[cap]) else str(int(caps[cap])))
    means = {k: np.mean(v, axis=0) for k, v in found.items() if k != "caps"}
    return means | {"note": "caps chosen on the halves: " + ", ".join(found["caps"]), "n": shape[1]}


def _mean_stops(stops: Sequence[dict], benchmarks: Sequence[str]) -> list[dict]:
    """Return the early stops averaged over benchmarks, for models that have them all."""
    groups: dict[tuple, list[dict]] = {}
    for stop in stops:
        groups.setdefault((stop["model"], stop["strategy"]), []).append(stop)
    means = []
    for (model, strategy), parts in groups.items():
        if len(parts) == len(benchmarks):
            mean = {k: np.mean([p[k] for p in parts], axis=0) for k in _CURVES}
            key = {"model": model, "strategy": strategy, "benchmark": MEAN}
            means.append(mean | key | {"n": sum(p["n"] for p in parts), "note": "cap chosen per benchmark"})
    return means


_CURVES = ("full", "stopped", "full_flops", "stopped_flops")


def _stopping_rows(stop: dict) -> list[dict]:
    """Return the two rows of one early stop: share of FLOPs saved, and accuracy lost."""
    key = {k: v for k, v in stop.items() if k not in _CURVES} | {"measure": "early_stopping"}
    saved = _estimated(
        1 - stop["stopped_flops"] / stop["full_flops"],
        failed=stop["full_flops"][0],
        successful=stop["stopped_flops"][0],
    )
    lost = _estimated(stop["full"] - stop["stopped"], failed=stop["full"][0], successful=stop["stopped"][0])
    return [key | saved | {"comparison": "flops_saved"}, key | lost | {"comparison": "accuracy_lost"}]
