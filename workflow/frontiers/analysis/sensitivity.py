"""How the trend and the frontier move when something that could have been decided otherwise is.

Every variant changes one thing in the table `points` and analyses it again by the functions of the study.
"""

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import pandas as pd

from frontiers.analysis import trend
from frontiers.analysis.architectures.regression import HELD, regress
from frontiers.analysis.frontier.pareto import frontier
from frontiers.analysis.published_runs import reasoning
from frontiers.analysis.trend.dated_points import better_than_guessing
from frontiers.analysis.trend.fixed_accuracy import ESTIMATORS
from frontiers.analysis.trend.regressions import CLUSTER, JACKKNIFE
from frontiers.core.tables import frame_of

AS_ANALYSED = "as analysed"
FRONTIER, MIXTURES, ALL = "frontier", "mixtures_log_odds", "all"
DRAWS = 2
"""Of the bootstrap over models, which no row here uses: intervals are those by developer."""
QUANTITIES = {
    "accuracy_per_flop": ("accuracy_per_flop", "ols", CLUSTER),
    **{f"compute_at_accuracy_{name}": ("compute_at_accuracy", name, JACKKNIFE) for name in ESTIMATORS},
}
"""Quantity -> metric, estimator and standard error of its row in the table `trend`."""


def instead(column: str) -> Callable[[pd.DataFrame], pd.DataFrame | str]:
    """Return the variant in which `column` is the compute."""

    def variant(points: pd.DataFrame) -> pd.DataFrame | str:
        if points[column].isna().any():
            return f"the points have no `{column}`"
        return points.assign(flops=points[column].astype(float))

    return variant


def only(column: str, keep: Callable[[pd.Series], pd.Series]) -> Callable[[pd.DataFrame], pd.DataFrame | str]:
    """Return the variant of the points whose `column` is to be kept."""

    def variant(points: pd.DataFrame) -> pd.DataFrame | str:
        if points[column].isna().all():
            return f"the points have no `{column}`"
        return points[keep(points[column]).to_numpy(bool)]

    return variant


def in_mode(reasons: bool) -> Callable[[pd.DataFrame], pd.DataFrame | str]:
    """Return the variant of the models that ran with reasoning, or of those that ran without."""

    def variant(points: pd.DataFrame) -> pd.DataFrame | str:
        if points["mode"].isna().all():
            return "the points have no `mode`"
        return points[(reasoning(points) == reasons).to_numpy(bool)]

    return variant


def _total(points: pd.DataFrame) -> pd.DataFrame:
    """Return the points with 2 x all parameters x tokens as compute: what must be held in memory."""
    share = points["total_params"].astype(float) / points["active_params"].astype(float)
    return points.assign(flops=points["flops_2n"].astype(float) * share)


def _without_chance(points: pd.DataFrame) -> pd.DataFrame | str:
    if not (points["chance"].astype(float) > 0).any():
        return "guessing succeeds on no benchmark"
    return points.assign(chance=0.0)


def _better(points: pd.DataFrame) -> pd.DataFrame | str:
    if not (points["chance"].astype(float) > 0).any():
        return "guessing succeeds on no benchmark"
    return points[better_than_guessing(points)]


def of_lineage(last: bool) -> Callable[[pd.DataFrame], pd.DataFrame | str]:
    """Return the variant with each lineage's first or last model on a benchmark; of one day the first by name."""

    def variant(points: pd.DataFrame) -> pd.DataFrame | str:
        if points["lineage"].isna().any():
            return "the points have no `lineage`"
        ordered = points.sort_values("model").sort_values("release_date", ascending=not last, kind="stable")
        first = ordered.groupby(["benchmark", "lineage"])["model"].transform("first")
        return points[points["model"] == first.reindex(points.index)]

    return variant


VARIANTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame | str]] = {
    AS_ANALYSED: lambda points: points,
    "2 x active parameters x tokens": instead("flops_2n"),
    "2 x total parameters x tokens": _total,
    "closed form only": only("flops_method", lambda method: method.str.startswith("closed form")),
    "latent attention expanded": instead("flops_expanded"),
    "lengths log-normal": instead("flops_spread"),
    "not corrected for guessing": _without_chance,
    "better than guessing only": _better,
    "reasoning runs only": in_mode(reasons=True),
    "instruct runs only": in_mode(reasons=False),
    "accuracy and tokens of one run": only("pair", lambda pair: pair.isin(["one run", "one table"])),
    "first model of each lineage": of_lineage(last=False),
    "last model of each lineage": of_lineage(last=True),
}
"""Name -> the points as they would be, or why the variant has nothing to change."""


def fit(points: pd.DataFrame, seed: int, today: date | None = None) -> pd.DataFrame:
    """Return the table `sensitivity`: each quantity of each variant, per benchmark.

    Slopes are in decades (log10) per year with 95 % intervals by developer; for the quantity `frontier`, `estimate` is
    the number of points on the frontier of accuracy against compute, `joined` and `lost` name those that differ from
    the frontier as analysed. `mixtures_log_odds` is the difference in log-odds between mixtures of experts and dense
    models at equal compute, over all benchmarks.
    """
    rows = []
    known = {benchmark: on_frontier(part) for benchmark, part in points.groupby("benchmark", sort=False)}
    for name, change in VARIANTS.items():
        changed = change(points)
        if isinstance(changed, str):
            rows += [row | {"variant": name} for row in _nothing(known, changed)]
            continue
        trends = trend.fit(changed, DRAWS, seed, today=today).set_index(
            ["benchmark", "selection", "metric", "estimator", "standard_error"]
        )
        for benchmark, before in known.items():
            shared = {"variant": name, "benchmark": benchmark}
            part = changed[changed["benchmark"] == benchmark]
            rows += [shared | row for row in _slopes(trends, benchmark, len(set(part["model"])))]
            rows.append(shared | _frontier(part, before))
        rows.append({"variant": name, "benchmark": ALL} | _mixtures(changed))
    return frame_of(rows, "sensitivity")


def on_frontier(points: pd.DataFrame) -> list[str]:
    """Return the points of one benchmark on the frontier of accuracy against compute, by label, strategy and cap."""
    on = points[frontier(points["flops"].to_numpy(float), points["accuracy"].to_numpy(float))]
    names = on["label"].astype(str)
    if points["strategy"].nunique() > 1:
        names = names + ", " + on["strategy"]
    if points["cap"].nunique(dropna=False) > 1:
        names = names + [" without cap" if pd.isna(cap) else f" at {cap}" for cap in on["cap"]]
    return names.tolist()


def _nothing(benchmarks: dict[str, list[str]], reason: str) -> Iterator[dict]:
    """Yield the rows of a variant that does not apply."""
    for benchmark in benchmarks:
        for quantity in (*QUANTITIES, FRONTIER):
            row = {"benchmark": benchmark, "quantity": quantity, "models": 0}
            yield row | {"estimable": False, "reason": reason}
    yield {"benchmark": ALL, "quantity": MIXTURES, "models": 0, "estimable": False, "reason": reason}


def _slopes(trends: pd.DataFrame, benchmark: str, models: int) -> Iterator[dict]:
    """Yield the slopes of a benchmark from the table `trend`."""
    for quantity, (metric, estimator, error) in QUANTITIES.items():
        row = {"quantity": quantity, "models": models}
        key = (benchmark, "all", metric, estimator, error)
        if key not in trends.index:
            yield row | {"estimable": False, "reason": "no model is left"}
            continue
        found = trends.loc[key]
        row |= {"models": found["models"], "estimable": found["estimable"], "reason": found["reason"]}
        if found["estimable"]:
            row |= {"estimate": found["slope_per_year"], "low": found["low"], "high": found["high"]}
            row |= {"interval": error, "months": found["doubling_months"]}
        yield row


def _mixtures(points: pd.DataFrame) -> dict:
    """Return the row of mixtures of experts against dense models."""
    by_model, _, by_developer, _ = regress(points, [("moe", "dense")], HELD[:1], leaving_out=False)
    found = by_developer if by_developer["estimable"] else by_model
    kept = {c: found.get(c) for c in ("estimate", "low", "high", "estimable", "reason")}
    row = {"quantity": MIXTURES, "models": found["models_a"] + found["models_b"]}
    return row | kept | {"interval": found["interval"] if found["estimable"] else None}


def _frontier(points: pd.DataFrame, before: list[str]) -> dict:
    """Return the row of the frontier, compared with the labels of the one `before`."""
    row = {"quantity": FRONTIER, "models": len(set(points["model"]))}
    if points.empty:
        return row | {"estimable": False, "reason": "no model is left"}
    now = on_frontier(points)
    joined = [label for label in now if label not in before]
    lost = [label for label in before if label not in now]
    row |= {"joined": "; ".join(joined) or None, "lost": "; ".join(lost) or None}
    return row | {"estimable": True, "estimate": float(np.size(now))}
