"""Checks of a finished study, independent of the code that made its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from frontiers.analysis import registry
from frontiers.analysis.checks.answers import ANSWER_CHECKS
from frontiers.analysis.checks.check import RELATIVE, Check, each, named, report
from frontiers.analysis.points import with_measures
from frontiers.analysis.recorded_points import ONE_LENGTH
from frontiers.core.cli import UserError
from frontiers.core.keys import CURVE, MEAN, cap_order
from frontiers.core.tables import check_table, table_schema

Tables = Mapping[str, pd.DataFrame]
Expected = Mapping[str, Mapping]


def run_checks(tables: Tables, expected: Expected | None, problems: Mapping[str, int] | None) -> list[Check]:
    """Return the result of every check that applies.

    `tables` maps names to tables: points and frontier at least, answers of a measured study.
    `expected` is {model: {"benchmarks": [...], "strategies": [...], "caps": [...], "samples": n or
    {benchmark: n}}}, with under "several" the strategies that make one answer of several samples and under
    "trees" those without caps; `problems` {benchmark: number of problems}; both None where nothing was planned here.
    """
    tables = dict(tables)
    first = tables_valid(tables)
    if incomplete := [name for name in tables if set(table_schema(name)["properties"]) - set(tables[name])]:
        return [
            report(
                first.name,
                f"{first.what}; other checks not run, columns missing in {incomplete}",
                first.rows,
                first.first_failures,
            )
        ]
    checks = [first]
    for name in tables:
        if "cap" in tables[name]:
            tables[name] = tables[name].assign(order=cap_order(tables[name]["cap"]))
    points, answers = with_measures(tables["points"]), tables.get("answers")
    if expected:
        plan = planned(expected, problems or {})
        checks.append(points_complete(points, plan))
        if "saturation" in tables:
            checks.append(curves_complete(tables["saturation"], plan))
        if answers is not None:
            checks.append(answers_complete(answers, plan))
    if answers is not None:
        checks += [check(answers) for check in ANSWER_CHECKS]
        checks.append(points_follow_answers(points, answers))
    checks += [mean_is_mean(points), intervals_hold(points), frontier_true(points, tables["frontier"])]
    if "trend" in tables:
        checks.append(trend_complete(tables["trend"], points))
    return [*checks, limits_hold(tables), estimates_present(tables)]


def tables_valid(tables: Tables) -> Check:
    """Every table keeps its schema: columns, types, ranges, no NaN where none is allowed, unique keys."""
    failures = []
    for name, table in tables.items():
        try:
            check_table(table, name, name)
        except UserError as error:
            failures.append(str(error))
    rows = sum(len(table) for table in tables.values())
    return report("tables_valid", "columns, ranges, empty values and keys of every table", rows, failures)


def planned(expected: Expected, problems: Mapping[str, int]) -> pd.DataFrame:
    """Return one row per model, strategy, benchmark and cap with the problems and samples it should have."""
    rows = []
    for model, block in expected.items():
        for benchmark in block["benchmarks"]:
            if benchmark not in problems:
                raise UserError(f"no number of problems for benchmark `{benchmark}`; add it to --problems")
            samples = block["samples"]
            samples = samples[benchmark] if isinstance(samples, Mapping) else samples
            for strategy in block["strategies"]:
                number = 1 if strategy in block.get("several", []) else samples
                for cap in [None] if strategy in block.get("trees", []) else block["caps"]:
                    order = np.inf if cap is None else float(cap)
                    rows.append((model, strategy, benchmark, order, problems[benchmark], number))
    return pd.DataFrame(rows, columns=[*CURVE, "order", "problems", "samples"])


def _against_plan(found: pd.DataFrame, plan: pd.DataFrame, key: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows in both, and in words the rows in one only."""
    both = plan.merge(found, on=key, how="outer", indicator=True, suffixes=("", "_found"))
    names = {"left_only": "is missing", "right_only": "is not expected"}
    alone = both[both["_merge"] != "both"]
    return both[both["_merge"] == "both"], list(each(alone[[*key, "_merge"]], lambda r: names[r["_merge"]]))


def answers_complete(answers: pd.DataFrame, plan: pd.DataFrame) -> Check:
    """Every model, strategy, benchmark and cap has every problem, each with every sample."""
    found = answers.groupby([*CURVE, "order"]).agg(
        rows=("problem_id", "size"), found=("problem_id", "nunique"), drawn=("sample", "nunique")
    )
    both, failures = _against_plan(found.reset_index(), plan, [*CURVE, "order"])
    wrong = both[
        (both["found"] != both["problems"])
        | (both["drawn"] != both["samples"])
        | (both["rows"] != both["problems"] * both["samples"])
    ]
    failures += each(
        wrong,
        lambda r: (
            f"{r['rows']:.0f} answers to {r['found']:.0f} problems, expected {r['problems']:.0f} problems"
            f" x {r['samples']:.0f} samples"
        ),
    )
    return report(
        "answers_complete", "answers per model, strategy, benchmark and cap", len(answers), failures
    )


def points_complete(points: pd.DataFrame, plan: pd.DataFrame) -> Check:
    """Every planned point is there with its problems, and the mean of models with all benchmarks."""
    here = points[points["benchmark"] != MEAN]
    key = [*CURVE, "order"]
    both, failures = _against_plan(here[[*key, "problems"]], plan, key)
    wrong = both[both["problems"] != both["problems_found"]]
    failures += each(wrong, lambda r: f"{r['problems_found']:.0f} problems, expected {r['problems']:.0f}")
    sizes = plan.groupby(["model", "strategy", "order"])["benchmark"].nunique()
    whole = sizes[sizes == plan["benchmark"].nunique()].reset_index()[["model", "strategy", "order"]]
    means = points.loc[points["benchmark"] == MEAN, ["model", "strategy", "order"]]
    failures += _against_plan(means.assign(benchmark=MEAN), whole.assign(benchmark=MEAN), key)[1]
    return report("points_complete", "points per model, strategy, benchmark and cap", len(points), failures)


def curves_complete(saturation: pd.DataFrame, plan: pd.DataFrame) -> Check:
    """Every planned model, strategy and benchmark has its row in `saturation`."""
    here = saturation.loc[saturation["benchmark"] != MEAN, CURVE]
    failures = _against_plan(here, plan[CURVE].drop_duplicates(), CURVE)[1]
    return report(
        "curves_complete", "saturation per model, strategy and benchmark", len(saturation), failures
    )


def trend_complete(trend: pd.DataFrame, points: pd.DataFrame) -> Check:
    """Every benchmark of the points, the mean included, has its trend."""
    odd = set(points["benchmark"]) ^ set(trend["benchmark"])
    return report(
        "trend_complete",
        "a trend per benchmark",
        len(trend),
        (f"{b}: missing or unknown" for b in sorted(odd)),
    )


def points_follow_answers(points: pd.DataFrame, answers: pd.DataFrame) -> Check:
    """Accuracy and compute of every point are the means of its answers; a run known by its means alone has none."""
    key = [*CURVE, "order"]
    means = answers.assign(correct=answers["correct"].astype(float)).groupby(key)[["correct", "flops"]].mean()
    here = points[(points["benchmark"] != MEAN) & (points["flops_method"] != ONE_LENGTH)].set_index(key)
    both = here[["accuracy", "flops"]].join(means.rename(columns={"flops": "flops_found"})).reset_index()
    off = ~np.isclose(both["accuracy"], both["correct"], atol=RELATIVE)
    off |= ~np.isclose(both["flops"], both["flops_found"], rtol=RELATIVE, equal_nan=True)
    failures = each(both[off], lambda r: f"accuracy {r['accuracy']:.6g}, answers give {r['correct']:.6g}")
    return report("points_follow_answers", "accuracy and flops against the answers", len(both), failures)


def mean_is_mean(points: pd.DataFrame) -> Check:
    """The points `mean` are unweighted means over all benchmarks."""
    key = ["model", "strategy", "order"]
    parts, means = points[points["benchmark"] != MEAN], points[points["benchmark"] == MEAN]
    found = parts.groupby(key)[["accuracy", "flops"]].agg("mean")
    found["benchmarks"] = parts.groupby(key)["benchmark"].nunique()
    both = means.merge(found.reset_index(), on=key, how="left", suffixes=("", "_found"))
    off = ~np.isclose(both["accuracy"], both["accuracy_found"], atol=RELATIVE)
    off |= ~np.isclose(both["flops"], both["flops_found"], rtol=RELATIVE, equal_nan=True)
    off |= both["benchmarks"] != parts["benchmark"].nunique()
    failures = each(both[off], lambda r: "not the mean over all benchmarks")
    return report("mean_is_mean", "accuracy and flops of `mean`", len(means), failures)


def intervals_hold(points: pd.DataFrame) -> Check:
    """Intervals of accuracy and compute hold their estimates."""
    odd = pd.Series(False, index=points.index)
    for name in ("accuracy", "flops"):
        value, low, high = (points[c].astype(float) for c in (name, f"{name}_low", f"{name}_high"))
        odd |= (low > value * (1 + RELATIVE) + 1e-9) | (high < value * (1 - RELATIVE) - 1e-9)
    failures = each(points[odd], lambda r: "an estimate lies outside its interval")
    return report("intervals_hold", "low <= estimate <= high of accuracy and flops", len(points), failures)


def frontier_true(points: pd.DataFrame, frontier: pd.DataFrame) -> Check:
    """Each frontier holds exactly the points that no other dominates, compared pair by pair."""
    failures, rows = [], 0
    key = [*CURVE, "order"]
    for (benchmark, cost), listed in frontier.groupby(["benchmark", "cost"]):
        here = points[(points["benchmark"] == benchmark) & points[cost].notna()]
        rows += len(here)
        value, accuracy = here[cost].to_numpy(float), here["accuracy"].to_numpy(float)
        free = {
            tuple(k)
            for k, v, a in zip(here[key].to_numpy(object), value, accuracy, strict=True)
            if not ((value <= v) & (accuracy >= a) & ((value < v) | (accuracy > a))).any()
        }
        on = {tuple(k) for k in listed.loc[listed["on_frontier"], key].to_numpy(object)}
        for names, what in (
            (on - free, "is dominated"),
            (free - on, "is not on the frontier though undominated"),
        ):
            failures += [f"{named(dict(zip(key, k, strict=True)))}: {what} ({cost})" for k in sorted(names)]
        kept = listed.merge(here[[*key, cost, "accuracy"]], on=key, how="left", suffixes=("", "_found"))
        off = ~np.isclose(kept["cost_value"].to_numpy(float), kept[cost].to_numpy(float), rtol=RELATIVE)
        failures += each(kept.loc[off, key], lambda r, c=cost: f"its {c} is not that of the point")
    absent = set(points["benchmark"]) - set(frontier["benchmark"])
    failures += [f"{b}: no frontier" for b in sorted(absent)]
    return report("frontier_true", "domination among all pairs of points, every cost", rows, failures)


def limits_hold(tables: Tables) -> Check:
    """Every estimate with limits lies between them, and the method of the limits is named."""
    failures, rows = [], 0
    for name, limits in ((entry.name, entry.limits) for entry in registry.tables().values()):
        if name not in tables or not limits:
            continue
        table = tables[name]
        rows += len(table)
        for estimate, low, high in limits:
            value, below, above = (table[c].astype(float).to_numpy() for c in (estimate, low, high))
            slack = RELATIVE * np.abs(value) + 1e-9
            odd = (below > value + slack) | (above < value - slack)
            failures += [f"{name}, row {i}: {estimate} outside its interval" for i in np.flatnonzero(odd)]
        mute = table[limits[0][1]].notna() & table["interval"].isna()
        failures += [f"{name}, row {i}: an interval without a method" for i in np.flatnonzero(mute)]
    return report("limits_hold", "low <= estimate <= high and the method's name", rows, failures)


def estimates_present(tables: Tables) -> Check:
    """Every row is estimable and has its estimate, or is not and has its reason."""
    failures, rows = [], 0
    for name, columns in ((entry.name, entry.estimates) for entry in registry.tables().values()):
        if name not in tables or not columns:
            continue
        table = tables[name]
        rows += len(table)
        empty = table["estimable"] & table[list(columns)].isna().any(axis=1)
        failures += [f"{name}, row {i}: estimable without {columns}" for i in np.flatnonzero(empty)]
        mute = ~table["estimable"] & table["reason"].isna()
        failures += [f"{name}, row {i}: neither an estimate nor a reason" for i in np.flatnonzero(mute)]
    return report("estimates_present", "an estimate or a reason in every row", rows, failures)


def summary(checks: Sequence[Check]) -> dict:
    """Return what is written to `checks.json`."""
    return {"passed": all(c.passed for c in checks), "checks": [asdict(c) for c in checks]}
