"""What failed generations cost against successful ones, and what stopping early would have saved.

Hard problems both fail more and cost more, so the raw ratio of means mixes difficulty with failure. What can be said
with difficulty held fixed hangs on the number of samples:

- several per problem, "within problem": over the problems with both outcomes, each once, the mean of log(cost) of
  the failed less that of the successful samples of one model on one problem. It holds for these problems, those on which
  the model sometimes fails and sometimes succeeds, and not for problems it always or never solves.
- one per problem, "adjusted for difficulty": no problem shows both outcomes, so difficulty is what the models share.
  log(cost) = effect of the model + its own slope times difficulty + g · failed, from at least three models (see
  `ratios.adjusted`). A problem that is hard for one model alone still counts as failing.

For all models together, `all`, the logarithms are averaged over models. In a decile of difficulty (as the other models
find it) log(cost) = effect of the model + g · failed; what difficulty differs within a decile is not taken out.

Generations are those at the largest cap of each model and strategy; what was truncated counts as failed, at
its full cost. Intervals come from the joint bootstrap over problems.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.analysis.outcomes import ratios
from frontiers.analysis.outcomes.early_stopping import mean_stops, stopping, stopping_rows, unstoppable
from frontiers.core.keys import CURVE, LEFT_OUT, cap_order
from frontiers.core.tables import frame_of
from frontiers.statistics.bootstrap import generator, problem_counts
from frontiers.statistics.intervals import BOOTSTRAP, LEVEL, SYMMETRIC, percentile_limits, symmetric_limits
from frontiers.statistics.paired import holm

POOLED = "all"
MEASURES = ("reasoning_tokens", "flops")
FEWEST = 5  # generations of each outcome, or problems with both, below which no such ratio is given
FEWEST_MODELS = (
    3  # models that tell how hard a problem is for a fourth coefficient: their own, and two others'
)
FEWEST_EACH = 5  # problems per coefficient of a regression
FEWEST_RAW = 10  # problems with each outcome: with fewer, draws with one or two of them have no error
FEWEST_SPARED = 10  # problems that a decile must hold
HOLM = "signs of single pairs, holm over pairs"
AGGREGATED = "published figures are means, not single answers"
WITHIN, ADJUSTED = "within_problem", "adjusted"
LACKING = "more than 2.5 % of the bootstrap draws lack one of the outcomes"
UNSEEN = "one sample per problem, and the costs of the other models hardly rise with difficulty"
CLAIM = "arXiv 2512.24776 has failed generations cost more in 97 % of its pairs, raw, one sample each"


def fit(
    answers: pd.DataFrame, draws: int = 1000, seed: int = 0, benchmarks: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the table `outcomes` from the table `answers` (reasoning tokens, FLOPs per generation).

    `benchmarks` are those to use (default: all in it). `draws` and `seed` are those of the joint bootstrap.
    Early stopping is also averaged over benchmarks, as `mean`; the share of pairs of a model and a benchmark
    in which failing costs more is under benchmark `all`.
    """
    names = list(benchmarks) if benchmarks is not None else list(answers["benchmark"].drop_duplicates())
    rows: list[dict] = []
    stops: list[dict] = []
    for benchmark in names:
        frame = answers[answers["benchmark"] == benchmark]
        frame = frame.assign(order=cap_order(frame["cap"]))
        frame = frame.sort_values(["model", "strategy", "order", "problem_id", "sample"], kind="stable")
        problems = np.unique(frame["problem_id"].to_numpy(dtype=object))
        counts = np.concatenate(list(problem_counts(benchmark, len(problems), draws, seed))).astype(float)
        frame["problem"] = np.searchsorted(problems, frame["problem_id"].to_numpy(dtype=object))
        counts = np.vstack([np.ones(len(problems)), counts])
        for strategy, part in frame.groupby("strategy", sort=False):
            top = part[part["order"] == part.groupby("model")["order"].transform("max")]
            # What was left out holds a mean of others: no generation that succeeded or failed.
            if "status" in top:
                top = top[top["status"] != LEFT_OUT]
            top = top.assign(correct=top["correct"].astype(bool))
            key = {"strategy": strategy, "benchmark": benchmark}
            for measure in MEASURES:
                # Of a model whose architecture is unknown no FLOP is known.
                known = top[top[measure].notna()]
                if len(known):
                    rows += [key | {"measure": measure} | row for row in compared(known, measure, counts)]
            rng = generator(seed, "halves", benchmark)
            for model, curve in part.groupby("model", sort=False):
                why = unstoppable(curve)
                found = stopping(curve, len(problems), rng) if why is None else None
                stops.append(key | {"model": model, "found": found, "reason": why})
    rows += pairs_above_one(rows)
    rows += [row for stop in stops for row in stopping_rows(stop)]
    rows += mean_stops(stops, names)
    return frame_of([{k: v for k, v in row.items() if k != "spread"} for row in rows], "outcomes")


def unfitted(points: pd.DataFrame) -> pd.DataFrame:
    """Return the table `outcomes` of figures without single answers: nothing can be compared, and why."""
    keys = points[CURVE].drop_duplicates().to_dict("records")
    fixed = {"comparison": "raw", "n": 0, "estimable": False, "reason": AGGREGATED}
    return frame_of((key | fixed | {"measure": measure} for key in keys for measure in MEASURES), "outcomes")


def _estimated(logs: np.ndarray, problems: int, lacking: str = LACKING, **fields: object) -> dict:
    """Return the fields of a ratio whose first logarithm is that of the data, the others draws.

    The limits are those of its expanded percentiles; `lacking` is the reason where too few draws have a value.
    `spread` is the standard error of the logarithm, half the distance of the draws' 16 and 84 % quantiles.
    """
    low, high = (float(v) for v in percentile_limits(logs[1:], problems, estimate=logs[0]))
    if not np.isfinite([low, logs[0]]).all():
        return _no(lacking)
    spread = float(np.diff(np.nanquantile(logs[1:], stats.norm.cdf([-1, 1])))[0] / 2)
    estimate, low, high = (float(np.exp(v)) for v in (logs[0], low, high))
    limits = {"estimate": estimate, "low": low, "high": high, "interval": BOOTSTRAP}
    return {"estimable": True, **limits, "spread": spread, **fields}


def _no(reason: str, **fields: object) -> dict:
    """Return the fields of what cannot be estimated."""
    return {"estimable": False, "reason": reason, **fields}


def compared(top: pd.DataFrame, measure: str, counts: np.ndarray) -> list[dict]:
    """Return the rows of one measure: of every model, of all models together and of the deciles of difficulty.

    `top`: answers at the largest cap, with the columns problem (0 to problems - 1), model, correct and the measure.
    `counts` (1 + D, problems): ones in row 0, then how often each problem is in each draw.
    """
    problems = counts.shape[1]
    silent = top.groupby("model")[measure].max() == 0
    used = top[~top["model"].isin(silent.index[silent])]
    left_out = "; left out, cost is 0: " + ", ".join(silent.index[silent]) if silent.any() else ""
    models, y, d = ratios.cells(used, measure, problems) if len(used) else ([], *np.zeros((2, 0, problems)))
    whole = np.isfinite(y).all(axis=0) & np.isfinite(d).all(axis=0)
    y, d, weights = y[:, whole], d[:, whole], counts[:, whole]
    single = _adjusted(models, y, d, weights, left_out)
    rows: list[dict] = []
    logs: dict[str, list[tuple[int, np.ndarray]]] = {}
    for model, frame in top.groupby("model", sort=False):
        found = ratios.sums(frame, measure, problems)
        rows.append({"model": model, "comparison": "raw"} | _raw(found, counts))
        if found["number"].sum(axis=1).max() > 1:
            comparison, (row, drawn) = WITHIN, _within(found, counts)
        else:
            comparison, (row, drawn) = ADJUSTED, single.get(model, (_no("its costs are 0", n=0), None))
        rows.append({"model": model, "comparison": comparison} | row)
        kept = logs.setdefault(comparison, [])
        if row["estimable"]:
            kept.append((row["n"], drawn))
    rows += [{"model": POOLED, "comparison": name} | _pooled(parts, left_out) for name, parts in logs.items()]
    return rows + _deciles(y, d, weights, left_out)


def _adjusted(
    models: list[str], y: np.ndarray, d: np.ndarray, weights: np.ndarray, left_out: str
) -> dict[str, tuple[dict, np.ndarray | None]]:
    """Return for each model the adjusted fields with one sample per problem, and the log ratio with its draws."""
    problems = y.shape[1]
    outcomes = [(round(float(row.sum())), round(float((1 - row).sum()))) for row in d]
    mixed = [i for i, pair in enumerate(outcomes) if min(pair) >= FEWEST]
    note = (
        "adjusted for the difficulty that models share; what is hard for one alone counts as failing"
        + left_out
    )
    needed = FEWEST_EACH * (len(mixed) + 1)
    reason = None
    if len(mixed) < FEWEST_MODELS:
        reason = f"models that both fail and succeed: {len(mixed)}; at least {FEWEST_MODELS} are needed"
    elif problems < needed:
        reason = f"problems answered by all models: {problems}; at least {needed} are needed"
    logs = ratios.adjusted(y[mixed], d[mixed], weights) if reason is None else None
    found: dict[str, tuple[dict, np.ndarray | None]] = {}
    for i, model in enumerate(models):
        fails, right = outcomes[i]
        if min(fails, right) < FEWEST:
            why = f"failed: {fails}, successful: {right}; at least {FEWEST} of each are needed"
            found[model] = _no(why, n=problems), None
        elif logs is None:
            found[model] = _no(f"one sample per problem, {reason}", n=problems), None
        else:
            own = logs[:, mixed.index(i)]
            row = _estimated(own, problems - len(mixed), UNSEEN, note=note)
            found[model] = {"n": problems} | row, own
    return found


def _within(found: dict[str, np.ndarray], counts: np.ndarray) -> tuple[dict, np.ndarray | None]:
    """Return the within-problem fields of one model with several samples, and its log ratio with the draws."""
    both = int((found["positive"] > 0).all(axis=1).sum())
    if both < FEWEST:
        return _no(f"problems with both outcomes: {both}; at least {FEWEST} are needed", n=both), None
    logs, means = ratios.within(found, counts)
    return {"n": both} | _estimated(logs, both, failed=means[0, 0], successful=means[0, 1]), logs


def _pooled(parts: Sequence[tuple[int, np.ndarray]], left_out: str) -> dict:
    """Return the fields of the mean over models, from the problems and log ratios with draws of each."""
    if len(parts) < 2:
        return _no(f"models to pool: {len(parts)}; at least 2 are needed", n=0)
    note = f"geometric mean over {len(parts)} models{left_out}"
    fewest = min(number for number, _ in parts)
    logs = np.mean([drawn for _, drawn in parts], axis=0)
    return {"n": sum(number for number, _ in parts)} | _estimated(logs, fewest, note=note)


def _raw(found: dict[str, np.ndarray], counts: np.ndarray) -> dict:
    """Return the raw fields of one model."""
    row = {"n": int(found["number"].sum())}
    seen = (found["number"] > 0).sum(axis=0)
    if seen.min() < FEWEST_RAW:
        return row | _no(
            f"failed: {seen[0]}, successful: {seen[1]} problems; at least {FEWEST_RAW} are needed"
        )
    logs, errors, means = ratios.raw(found, counts)
    if not np.isfinite(logs[0]):
        return row | _no("generations of one outcome cost nothing")
    low, high = symmetric_limits(logs, errors)
    if not np.isfinite(low):
        return row | _no(LACKING)
    limits = {"estimate": np.exp(logs[0]), "low": np.exp(low), "high": np.exp(high), "interval": SYMMETRIC}
    spread = {"spread": float(errors[0]), "failed": means[0], "successful": means[1]}
    return row | {"estimable": True} | limits | spread


def _deciles(y: np.ndarray, d: np.ndarray, weights: np.ndarray, left_out: str) -> list[dict]:
    """Return a row per decile of difficulty that problems fall into, over all models."""
    if len(y) < 3 or not d.size:
        return []
    decile, rows = ratios.difficulty_deciles(d), []
    for number in np.unique(decile):
        inside = decile == number
        row = {"model": POOLED, "comparison": "decile", "decile": int(number), "n": int(inside.sum())}
        row["note"] = (
            "least squares with effects of models; difficulty is the share failed by others, and still differs "
            "within the decile" + left_out
        )
        failed, right = (round(float(v[inside].sum())) for v in (d, 1 - d))
        touched = int(inside.any(axis=0).sum())
        if min(failed, right) < FEWEST or touched < FEWEST_SPARED:
            reason = f"failed: {failed}, successful: {right}, problems: {touched}; too few"
            rows.append(row | _no(reason))
            continue
        slope = ratios.in_decile(y, d, inside, weights)
        if np.isfinite(slope[0]):
            rows.append(row | _estimated(slope, touched))
        else:
            rows.append(row | _no("every model fails on all or on none of them"))
    return rows


def pairs_above_one(rows: Sequence[dict]) -> list[dict]:
    """Return the share of pairs of a model and a benchmark in which failing costs more than succeeding.

    Raw, within problem and adjusted, from the rows of single models. The interval counts as below it the pairs whose
    ratio is shown to be above 1, and as above it all but those shown to be below 1, each with Holm's
    correction at 2.5 %: with 95 % confidence no sign that counts is wrong (Goeman & Solari 2011, Stat. Sci.
    26, 584), whatever the dependence of the pairs. It is wide rather than false.
    """
    found = []
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        for measure in MEASURES:
            for comparison in ("raw", WITHIN, ADJUSTED):
                pairs = [
                    row
                    for row in rows
                    if (row["strategy"], row["measure"], row["comparison"]) == (strategy, measure, comparison)
                    and row["model"] != POOLED
                ]
                key = {"model": POOLED, "benchmark": POOLED, "strategy": strategy, "measure": measure}
                if pairs:
                    found.append(key | {"comparison": f"share_{comparison}"} | _share_above_one(pairs))
    return found


def _share_above_one(pairs: Sequence[dict]) -> dict:
    """Return the share of pairs, rows of single models, whose ratio is above 1; see `pairs_above_one`."""
    known = [row for row in pairs if row["estimable"]]
    if not known:
        return _no("no pair of a model and a benchmark could be compared", n=0)
    logs = np.log([row["estimate"] for row in known])
    spread = np.array([max(row["spread"], 1e-12) for row in known])
    above, below = ((holm(stats.norm.sf(side * logs / spread)) <= (1 - LEVEL) / 2).mean() for side in (1, -1))
    limits = {"estimate": (logs > 0).mean(), "low": above, "high": 1 - below, "interval": HOLM}
    note = f"{len(known)} of {len(pairs)} pairs could be compared; {CLAIM}"
    return {"n": len(known), **limits, "estimable": True, "note": note}
