"""From the tables of each generation to one row per point: accuracy, costs and their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import GENERATION, KEY, LEFT_OUT, MEAN, cap_order
from frontiers.core.tables import table_schema
from frontiers.statistics import bootstrap, intervals

SECONDS = 3600
MEASURES = {
    "accuracy": "correct",
    "truncated_share": "truncated",
    "looping_share": "looping",
    "flops": "flops",
    "flops_2n": "flops_2n",
    "eflops": "eflops",
    "reasoning_tokens": "reasoning_tokens",
    "answer_tokens": "answer_tokens",
    "seconds": "seconds",
    "joules": "joules",
    "dollars": "dollars",
}
"""Column of `points` -> column of `answers` of which it is the mean."""

SHARES = ("accuracy", "truncated_share", "looping_share")
SPENT = tuple(name for name in MEASURES if name not in SHARES)
"""Means with intervals of a share, and with intervals of the bootstrap."""

SPENDING = tuple(
    name
    for name in table_schema("answers")["properties"]
    if name.startswith("flops") or name in (*SPENT, "reasoning_tokens", "answer_tokens")
)
"""Columns of `answers` that say what an answer took."""

OTHERWISE = ("flops_expanded", "flops_spread")
"""Compute of published figures counted in other ways."""

COSTS = {
    "flops": ("flops",),
    "eflops": ("eflops",),
    "tokens": ("reasoning_tokens", "answer_tokens"),
    "seconds": ("seconds",),
    "joules": ("joules",),
    "dollars": ("dollars",),
}
"""Costs against which a frontier is drawn -> the columns that add up to it."""


def with_measures(table: pd.DataFrame) -> pd.DataFrame:
    """Add to answers or points the columns `accuracy` and `tokens` as floats, where they are not there."""
    table = table.assign(tokens=table[list(COSTS["tokens"])].astype(float).sum(axis=1, skipna=False))
    return table if "accuracy" in table else table.assign(accuracy=table["correct"].astype(float))


def join_answers(
    generations: pd.DataFrame,
    grades: pd.DataFrame,
    compute: pd.DataFrame,
    model: str,
    strategy: str,
    benchmark: str,
    usd_per_hour: float | None = None,
) -> pd.DataFrame:
    """Join what was generated, how it was graded and what it cost into rows of the table `answers`.

    The three tables have the same keys (problem_id, sample, cap); `UserError` names the first that differs.
    `usd_per_hour` is the price of the device the seconds were spent on.
    """
    joined = generations
    for name, table in (("grades", grades), ("compute", compute)):
        new = [c for c in table if c in GENERATION or c not in joined]
        joined = joined.merge(table[new], on=GENERATION, how="outer", indicator=True, validate="one_to_one")
        odd = joined[joined["_merge"] != "both"]
        if len(odd):
            key = odd.iloc[0][GENERATION].to_dict()
            raise UserError(
                f"{model}, {strategy}, {benchmark}: {len(odd)} rows are in only one of generations and "
                f"{name}, the first is {key}; delete the {name} of this model and rerun snakemake"
            )
        joined = joined.drop(columns="_merge")
    if "left_out" in joined:
        failed = joined["left_out"].eq(True).fillna(False).astype(bool)
        numbers = [name for name in joined if name in ("correct", *SPENDING)]
        joined[numbers] = joined[numbers].astype("Float64").astype(float).mask(failed)
        joined = fill_left_out(joined, numbers)
        joined["status"] = joined["status"].mask(failed, LEFT_OUT)
    price = np.nan if usd_per_hour is None else usd_per_hour
    joined = joined.assign(
        model=model,
        strategy=strategy,
        benchmark=benchmark,
        correct=joined["correct"].astype(float),
        dollars=joined["seconds"].astype(float) * price / SECONDS,
    )
    order = joined.assign(cap=cap_order(joined["cap"])).sort_values(["cap", "problem_id", "sample"]).index
    return joined.loc[order, list(table_schema("answers")["properties"])].reset_index(drop=True)


def fill_left_out(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return rows of `answers` of one model, benchmark and strategy with means where the columns `names` are empty.

    Each takes the mean of the other samples of its problem at its cap, and where there is none that of all problems, so
    that no mean moves.
    """
    found = rows.copy()
    for name in names:
        by_problem = found.groupby(["cap", "problem_id"], dropna=False)[name].transform("mean")
        everywhere = by_problem.groupby(found["cap"], dropna=False).transform("mean")
        found[name] = found[name].fillna(by_problem).fillna(everywhere)
    return found


def summarise(
    answers: pd.DataFrame,
    benchmarks: Sequence[str],
    models: Mapping[str, Mapping],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Return the table `points` of a measured study, the benchmark `mean` included.

    `models` gives for each model total_params, active_params, architecture and, optionally, flops_method and the fields
    of `label`. Intervals of costs are expanded percentiles of `draws` joint bootstrap draws.
    """
    if MEAN in benchmarks:
        raise UserError(f"a benchmark must not be called `{MEAN}`; rename it in config.yaml")
    if odd := sorted(set(answers["benchmark"]) - set(benchmarks)):
        raise UserError(
            f"answers to {odd}, which the study does not list; its benchmarks are {list(benchmarks)}"
        )
    names = list(MEASURES)
    frame = answers[[*KEY, "problem_id", "sample"]].assign(
        **{name: answers[column].astype("Float64").astype(float) for name, column in MEASURES.items()}
    )
    parts = []
    for benchmark in benchmarks:
        cells = bootstrap.arrange(frame, benchmark, names)
        methods = cells.keys["model"].map(
            lambda name: models.get(name, {}).get("flops_method", "closed form")
        )
        part = cells.keys.assign(problems=len(cells.problems), flops_method=methods)
        part = part.assign(**bootstrap.estimate(cells))
        parts.append(part.assign(**_share_limits(cells, names)))
    points = add_mean(pd.concat(parts, ignore_index=True), benchmarks)
    points["accuracy_answered"] = (points["accuracy"] / (1 - points["truncated_share"])).clip(upper=1)
    return describe(_with_cost_limits(points, frame, benchmarks, draws, seed), models, benchmarks)


def _with_cost_limits(
    points: pd.DataFrame, frame: pd.DataFrame, benchmarks: Sequence[str], draws: int, seed: int
) -> pd.DataFrame:
    """Add the limits of every cost that was measured; of a `mean` with the problems of its smallest benchmark."""
    spent = [name for name in SPENT if points[name].notna().any()]
    drawn = bootstrap.joint_bootstrap(frame, benchmarks, spent, draws, seed).values
    sizes = points.groupby("benchmark")["problems"].min()
    least = int(sizes[list(benchmarks)].min())
    for name in SPENT:
        for limit in ("low", "high"):
            points[f"{name}_{limit}"] = np.nan
    for benchmark, rows in points.groupby("benchmark").indices.items():
        problems = least if benchmark == MEAN else int(sizes[benchmark])
        for name in spent:
            low, high = intervals.percentile_limits(drawn[name][:, rows], problems)
            points.loc[points.index[rows], f"{name}_low"] = low
            points.loc[points.index[rows], f"{name}_high"] = high
    return points.assign(source=None, cost_interval=intervals.BOOTSTRAP)


def _share_limits(cells: bootstrap.Cells, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the limits of each point's shares, and the method of its accuracy's."""
    found: dict[str, list] = {}
    for block in cells.values:
        for name in SHARES:
            seen = block[..., names.index(name)]
            known = ~np.isnan(seen).any(axis=(0, 1))
            (low, high), method = intervals.accuracy_interval(
                np.where(known, seen, 0.0).mean(axis=1), seen.shape[1]
            )
            low, high = np.where(known, low, np.nan), np.where(known, high, np.nan)
            found.setdefault(f"{name}_low", []).append(low)
            found.setdefault(f"{name}_high", []).append(high)
            found.setdefault(f"{name}_interval", []).append(method)
    limits = {name: np.concatenate(parts) for name, parts in found.items()}
    limits["interval"] = limits.pop("accuracy_interval")
    return limits


def add_mean(points: pd.DataFrame, benchmarks: Sequence[str]) -> pd.DataFrame:
    """Add the points of benchmark `mean` below: unweighted means over the benchmarks, with limits.

    A mean of points whose compute was obtained in different ways has the `flops_method` "mixed".
    """
    keys, rows = bootstrap.mean_points(points, benchmarks)
    columns = [c for c in (*MEASURES, *OTHERWISE) if c in points]
    stacked = {c: points[c].to_numpy(float, na_value=np.nan)[rows].T for c in columns}
    limits = {}
    for name in (n for n in SHARES if n in points and points[n].notna().all()):
        ends = [points[f"{name}_{end}"].to_numpy(float)[rows].T for end in ("low", "high")]
        low, high = intervals.mean_interval(stacked[name], *ends)
        limits |= {f"{name}_low": low, f"{name}_high": high}
    methods = [set(m) for m in points["flops_method"].to_numpy(dtype=object)[rows]]
    mean = keys.assign(
        flops_method=[m.pop() if len(m) == 1 else "mixed" for m in methods],
        problems=points["problems"].to_numpy(np.int64)[rows].sum(axis=1),
        samples=points["samples"].to_numpy(np.int64)[rows].min(axis=1),
        interval=intervals.COMBINED,
        **limits,
        **{c: v.mean(axis=0) for c, v in stacked.items()},
    )
    return pd.concat([points, mean], ignore_index=True) if len(mean) else points


def describe(
    points: pd.DataFrame,
    models: Mapping[str, Mapping],
    benchmarks: Sequence[str],
    facts: Mapping[str, Mapping] | None = None,
) -> pd.DataFrame:
    """Add the description of each model, sort, and bring the columns into the order of the table `points`.

    `facts` are those of the benchmarks, see `label`. Columns that the points do not have are empty.
    """
    if missing := sorted(set(points["model"]) - set(models)):
        raise UserError(f"no model description for {missing}; run the rule `describe_model` for them")
    for column in ("architecture", "total_params", "active_params"):
        points[column] = points["model"].map(lambda m, c=column: models[m].get(c))
    order = points.assign(
        _cap=cap_order(points["cap"]),
        _benchmark=points["benchmark"].map({b: i for i, b in enumerate([*benchmarks, MEAN])}),
    ).sort_values(["_benchmark", "model", "strategy", "_cap"], kind="stable", ignore_index=True)
    return label(order, models, facts).reindex(columns=list(table_schema("points")["properties"]))


def label(
    points: pd.DataFrame, models: Mapping[str, Mapping], facts: Mapping[str, Mapping] | None = None
) -> pd.DataFrame:
    """Set label, developer, release_date and, where given, mode of each model; the label of one without is its name.

    `facts` gives for each benchmark of the study its `chance` and the date `public_since`, both optional, from which
    `chance` and `may_have_seen` follow; without `facts` both are empty.
    """
    shown = {
        column: points["model"].map(lambda m, c=column: models.get(m, {}).get(c)).astype(object)
        for column in ("label", "developer", "release_date")
    }
    shown["label"] = shown["label"].fillna(points["model"])
    if any(fields.get("mode") for fields in models.values()) and "mode" in points:
        modes = points["model"].map(lambda m: models.get(m, {}).get("mode")).astype(object)
        shown["mode"] = points["mode"].astype(object).where(modes.isna(), modes)
    return points.assign(**shown, **_of_benchmarks(points["benchmark"], shown["release_date"], facts))


def _of_benchmarks(
    benchmarks: pd.Series, released: pd.Series, facts: Mapping[str, Mapping] | None
) -> dict[str, list]:
    """Return the columns `chance` and `may_have_seen`; dates are YYYY-MM-DD."""
    if facts is None:
        return {"chance": [np.nan] * len(benchmarks), "may_have_seen": [None] * len(benchmarks)}
    chance = {name: fact.get("chance") or 0.0 for name, fact in facts.items()}
    since = {name: fact.get("public_since") for name, fact in facts.items()}
    chance[MEAN] = float(np.mean(list(chance.values())))
    since[MEAN] = min(map(str, since.values())) if all(since.values()) else None
    seen = [
        None if not since[b] or not day else day > since[b]
        for b, day in zip(benchmarks, released, strict=True)
    ]
    return {"chance": [chance[b] for b in benchmarks], "may_have_seen": pd.array(seen, dtype="boolean")}
