"""What a study found, in sentences: one per question, each with its numbers, their intervals and the caveat that matters.

Every number comes from a cell of a table, which the finding names. A claim is made only where the interval of its number
allows it; otherwise the sentence says that these data cannot tell, and why.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from frontiers.analysis import half_years
from frontiers.analysis.abilities import COMPUTE, PER_YEAR
from frontiers.analysis.architectures.regression import quoted
from frontiers.analysis.difficulty import ALL
from frontiers.core.escapes import one_line
from frontiers.core.keys import MEAN, cap_order

STABLE = 0.95
"""Share of draws from which a point of the frontier is named."""
TOLD = 5
"""Most points of a frontier that are named."""
SHOWN = 0.05
"""Corrected p-value below which something is shown."""
FEW_PAIRS = 3
"""Most pairs of models of one size that are named."""
CANNOT = "These data cannot tell"


@dataclass(frozen=True)
class Cell:
    """Where a number stands: a table, the row's values that find it, and its column."""

    table: str
    row: Mapping[str, object]
    column: str
    value: float | str | None


@dataclass(frozen=True)
class Finding:
    """The answer to one question of the study, and the cells its numbers come from."""

    question: str
    answer: str
    cells: Sequence[Cell] = field(default_factory=tuple)


def findings(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> list[Finding]:
    """Return the findings of a study from its tables, those that `write_findings` reads.

    A published study has neither `difficulty_gains` nor `differences`.

    `names` are the labels of the benchmarks.
    """
    points = tables["points"]
    benchmark = headline(points)
    labels = {m: one_line(label) for m, label in zip(points["model"], points["label"], strict=True)}
    where = names.get(benchmark, f"the mean of {len(names)} benchmarks" if benchmark == MEAN else benchmark)
    money, followed = [], []
    if (tables["frontier"]["cost"] == "dollars").any():
        money = [best_models(tables["frontier"], points, benchmark, where, labels, "dollars")]
    if "half_years" in tables:
        followed = [
            by_half_year(tables["half_years"], benchmark, where),
            of_cohorts(tables["cohorts"], benchmark, where),
        ]
    return [
        best_models(tables["frontier"], points, benchmark, where, labels),
        *money,
        moved(tables["trend"], tables["ability_trend"], benchmark, where),
        *followed,
        stops_paying(tables["saturation"], tables["gains"], benchmark, where, labels),
        experts(tables["architectures"], tables["size_pairs"], names, labels),
        failures(tables["outcomes"], names),
        hard_problems(tables.get("difficulty_gains"), benchmark, names),
        told_apart(tables.get("differences"), tables.get("seeds"), benchmark, where),
    ]


def headline(points: pd.DataFrame) -> str:
    """Return the mean over benchmarks where it leaves no model out, else the benchmark with most models."""
    models = points.groupby("benchmark", sort=False)["model"].nunique()
    return MEAN if models.get(MEAN, 0) == models.max() else str(models.drop(MEAN, errors="ignore").idxmax())


BUDGETS = {
    "flops": (
        "Which model at which budget?",
        lambda value: f"{scientific(value)} FLOP",
        "Compute is of the answer as an engine decodes it; between these budgets take the cheaper one.",
    ),
    "dollars": (
        "Which model for which money?",
        lambda value: f"{value:.2g} US dollars",
        "Models without a price are not among them.",
    ),
}
"""Cost -> the question, how a cost is told, and the remark."""


def best_models(
    frontier: pd.DataFrame,
    points: pd.DataFrame,
    benchmark: str,
    where: str,
    labels: Mapping[str, str],
    cost: str = "flops",
) -> Finding:
    """Return which model to take at which `cost`, FLOPs or dollars: the points on the frontier in most draws."""
    question, unit, remark = BUDGETS[cost]
    mine = frontier[
        (frontier["benchmark"] == benchmark) & (frontier["cost"] == cost) & frontier["on_frontier"]
    ]
    sure = mine[mine["p_on_frontier"] >= STABLE].sort_values("cost_value", kind="stable")
    # Of one model, the point with the most accuracy, and the cheapest cap of those with as much.
    sure = sure.sort_values(["accuracy", "cost_value"], ascending=[False, True], kind="stable")
    sure = sure.drop_duplicates("model").sort_values("cost_value", kind="stable")
    if sure.empty:
        return Finding(
            question, f"{CANNOT}: no point of {where} is on the frontier in {STABLE:.0%} of the draws."
        )
    told = sure.iloc[-TOLD:]
    parts, cells = [], []
    for row in told.itertuples():
        order = cap_order(pd.Series([row.cap], dtype="Int64")).iloc[0]
        single = points[(points["model"] == row.model) & (points["benchmark"] == benchmark)]["cap"].nunique(
            dropna=False
        )
        at = f" with at most {order:,.0f} tokens" if single > 1 and np.isfinite(order) else ""
        parts.append(
            f"{labels[row.model]}{at}: {percent(row.accuracy)} % ({percent(row.accuracy_low)} to "
            f"{percent(row.accuracy_high)}) for {unit(row.cost_value)}"
        )
        key = {"model": row.model, "strategy": row.strategy, "benchmark": benchmark, "cap": whole(row.cap)}
        cells += [
            Cell("frontier", key | {"cost": cost}, name, float(getattr(row, name)))
            for name in ("accuracy", "accuracy_low", "accuracy_high", "cost_value", "p_on_frontier")
        ]
    fewer = f" The {len(told)} dearest of {len(sure)} such models." if len(sure) > len(told) else ""
    answer = (
        f"On {where}, per problem, on the frontier in at least {STABLE:.0%} of bootstrap draws: {'; '.join(parts)}."
        f"{fewer} {remark}"
    )
    return Finding(question, answer, cells)


def moved(trend: pd.DataFrame, slopes: pd.DataFrame, benchmark: str, where: str) -> Finding:
    """Return how fast the compute for a fixed accuracy fell with release date: in three directions, and on one scale."""
    question = "How fast does the frontier move?"
    mine = trend[
        (trend["benchmark"] == benchmark)
        & (trend["metric"] == "compute_at_accuracy")
        & (trend["selection"] == "all")
    ]
    known = mine[mine["estimable"].astype(bool)]
    if known.empty:
        return Finding(question, cannot(mine["reason"]))
    # Clustered by developer where it can be: the second row of an estimator, with other errors of the same estimate.
    rows = known.drop_duplicates("estimator", keep="last")
    parts, cells = [], []
    for row in rows.itertuples():
        low, high = (
            f"{v:.1f}" if np.isfinite(v) else "no limit" for v in (row.doubling_low, row.doubling_high)
        )
        parts.append(f"{row.doubling_months:.1f} months by {DIRECTIONS[row.estimator]} ({low} to {high})")
        key = {
            c: getattr(row, c) for c in ("metric", "selection", "estimator", "benchmark", "standard_error")
        }
        cells += [
            Cell("trend", key, c, number(getattr(row, c)))
            for c in ("doubling_months", "doubling_low", "doubling_high")
        ]
    doubt = "" if (rows["high"] < 0).all() else " Not every direction shows that it falls."
    answer = (
        f"On {where}, over {int(rows['models'].iloc[0])} models, the compute for a fixed accuracy halves every "
        f"{', '.join(parts)}.{doubt} Which direction is right depends on where the errors are."
    )
    scale, sources = on_one_scale(slopes)
    return Finding(question, f"{answer}{scale}", [*cells, *sources])


def on_one_scale(slopes: pd.DataFrame) -> tuple[str, list[Cell]]:
    """Return how the log-odds of all models rose on one scale over the benchmarks; nothing of a single benchmark."""
    known = slopes[slopes["estimable"].astype(bool) & (slopes["benchmarks"] > 1)]
    # Errors by developer come last, and are the ones to quote.
    found = known.drop_duplicates("quantity", keep="last").set_index("quantity")
    if PER_YEAR not in found.index:
        return "", []
    per_year, cells, compute = found.loc[PER_YEAR], [], ""
    by = "developer" if "developer" in per_year["interval"] else "model"
    told = [PER_YEAR]
    if COMPUTE in found.index:
        told.append(COMPUTE)
        compute = (
            f", and the compute for fixed odds changes by {limits_of(found.loc[COMPUTE])} decades a year"
        )
    for name in told:
        key = {"quantity": name, "interval": found.loc[name, "interval"]}
        cells += [
            Cell("ability_trend", key, c, number(found.loc[name, c])) for c in ("estimate", "low", "high")
        ]
    return (
        f" On one scale over all {int(per_year['benchmarks'])} benchmarks, {int(per_year['models'])} models, log-odds at "
        f"the same compute rise by {limits_of(per_year)} a year{compute} (least squares, errors by {by}).",
        cells,
    )


def limits_of(row: Mapping) -> str:
    """Return an estimate with its limits."""
    return f"{row['estimate']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"


DIRECTIONS = {"ols": "least squares", "deming": "Deming regression", "inverse": "inverse regression"}


def by_half_year(moved: pd.DataFrame, benchmark: str, where: str) -> Finding:
    """Return the best accuracy within powers of ten of compute at the end of each half-year."""
    question = "What did each half-year bring?"
    mine = moved[(moved["benchmark"] == benchmark) & (moved["cost"] == "flops")]
    if mine["half_year"].nunique() < 2:
        return Finding(question, f"{CANNOT}: the models were released within half a year.")
    parts, cells = [], []
    for budget in half_years.budgets(mine):
        best = half_years.best_at(mine, budget)
        told = ", ".join(f"{percent(row.accuracy)} % ({row.half_year[:7]})" for row in best.itertuples())
        parts.append(
            f"with 10^{np.log10(budget):.0f} FLOP {told}, the last by {one_line(best['label'].iloc[-1])}"
        )
        for row in best.itertuples():
            key = {"benchmark": benchmark, "cost": "flops", "half_year": row.half_year, "model": row.model}
            key |= {"strategy": row.strategy, "cap": whole(row.cap)}
            cells.append(Cell("half_years", key, "accuracy", float(row.accuracy)))
    answer = (
        f"On {where}, the most accurate of the models released by the end of a half-year, per problem: {'; '.join(parts)}. "
        "Within a budget nothing else is held fixed, and the best of many was also lucky."
    )
    return Finding(question, answer, cells)


def of_cohorts(cohorts: pd.DataFrame, benchmark: str, where: str) -> Finding:
    """Return how fast the compute for a fixed accuracy halves with and without reasoning, and the dollars for it."""
    question = "Do reasoning models move like the others?"
    mine = cohorts[(cohorts["benchmark"] == benchmark) & (cohorts["metric"] == "compute_at_accuracy")]
    parts, cells = [], []
    for cost, kind in (("flops", "mode"), ("dollars", "all")):
        for cohort, rows in mine[(mine["cost"] == cost) & (mine["kind"] == kind)].groupby(
            "cohort", sort=True
        ):
            name = f"{cohort} models" if kind == "mode" else "all models in dollars of today"
            known = rows[rows["estimable"].astype(bool)].drop_duplicates("estimator", keep="last")
            if known.empty:
                parts.append(f"{name} ({int(rows['models'].iloc[0])}): none, {rows['reason'].iloc[-1]}")
                continue
            for row in known.itertuples():
                names = ("cost", "kind", "cohort", "benchmark", "metric", "estimator", "standard_error")
                key = {column: getattr(row, column) for column in names}
                cells += [Cell("cohorts", key, c, number(getattr(row, c))) for c in MONTHS]
            each = [f"{halving(row)} by {DIRECTIONS[row.estimator]}" for row in known.itertuples()]
            parts.append(f"{name} ({int(known['models'].iloc[0])}): {', '.join(each)}")
    if not cells:
        return Finding(question, cannot(mine["reason"]))
    answer = (
        f"On {where}, the cost of a fixed accuracy halves within: {'; '.join(parts)}. An interval without a limit says "
        "that the cost may not fall at all; dollars are what providers ask today for old and new models."
    )
    return Finding(question, answer, cells)


MONTHS = ("doubling_months", "doubling_low", "doubling_high")


def halving(row: object) -> str:
    """Return in how many months a cost halves, with the limits that are known."""
    if row.doubling_months < 0:
        return "no halving"
    low, high = (
        f"{end:.1f}" if np.isfinite(end) else "no limit" for end in (row.doubling_low, row.doubling_high)
    )
    return f"{row.doubling_months:.1f} months ({low} to {high})"


def stops_paying(
    saturation: pd.DataFrame, gains: pd.DataFrame, benchmark: str, where: str, labels: Mapping[str, str]
) -> Finding:
    """Return from which cap on more reasoning gains less than a point per doubling, and what the last one gained."""
    question = "Where does more reasoning stop paying?"
    mine = saturation[saturation["benchmark"] == benchmark]
    if mine.empty or mine["computes"].isna().all():
        return Finding(question, cannot(mine["reason"]))
    # A cap that all traces end within is no place where reasoning stops paying: larger ones are the same run.
    shown = mine[mine["saturation_cap"].notna() & mine["saturated"].astype(bool)]
    rising = mine[mine["saturation_above"].notna()]
    cells = [
        Cell(
            "saturation", {c: row[c] for c in ("model", "strategy", "benchmark")}, column, float(row[column])
        )
        for column, rows in (("saturation_cap", shown), ("saturation_above", rising))
        for row in rows.to_dict("records")
    ]
    parts = []
    if len(shown):
        each = ", ".join(
            f"{labels[r.model]} from {whole(r.saturation_cap):,} tokens" for r in shown.itertuples()
        )
        parts.append(
            f"a larger cap is shown to gain less than 1 point per doubling for {len(shown)} of {len(mine)} models "
            f"({each})"
        )
    else:
        parts.append(
            f"for none of {len(mine)} models is a cap shown beyond which more gains less than 1 point per "
            "doubling"
        )
    if len(rising):
        least, most = whole(rising["saturation_above"].min()), whole(rising["saturation_above"].max())
        upto = f"{least:,} tokens" if least == most else f"{least:,} to {most:,} tokens, by model,"
        parts.append(
            f"up to {upto} a larger cap is shown to gain 1 point or more per doubling for {len(rising)}"
        )
    problems = int(mine["problems"].min())
    few = f" With {problems} problems (fewer than 268) the former cannot be shown." if problems < 268 else ""
    last, sources = last_doublings(gains[gains["benchmark"] == benchmark])
    return Finding(
        question, f"On {where}, {'; '.join(parts)} (paired tests, 95 %).{few}{last}", [*cells, *sources]
    )


def last_doublings(gains: pd.DataFrame) -> tuple[str, list[Cell]]:
    """Return what the last doubling of compute gained: the models with the least and the most, with their intervals."""
    if gains.empty:
        return "", []
    last = gains.groupby(["model", "strategy"], sort=False).tail(1).sort_values("gain", kind="stable")
    ends = last.iloc[[0, -1]] if len(last) > 1 else last
    told = " and ".join(
        f"{100 * r.gain:+.1f} points ({100 * r.low:+.1f} to {100 * r.high:+.1f})" for r in ends.itertuples()
    )
    shown = int((last["pays"] == "yes").sum())
    cells = [
        Cell(
            "gains",
            {c: r[c] for c in ("model", "strategy", "benchmark")} | {"from_cap": whole(r["from_cap"])},
            column,
            number(r[column]),
        )
        for r in ends.to_dict("records")
        for column in ("gain", "low", "high")
    ]
    between = f" gained between {told}" if len(last) > 1 else f" gained {told}"
    return (
        f" Per doubling of compute, the last step of caps{between}; it is shown to pay for {shown} of {len(last)}.",
        cells,
    )


def experts(
    architectures: pd.DataFrame, size_pairs: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]
) -> Finding:
    """Return the odds of mixtures of experts against dense models with other things held fixed, and pairs of one size."""
    question = "Experts or dense?"
    mine = architectures[
        (architectures["comparison"] == "moe - dense")
        & (architectures["measure"] == "log_odds_at_matched_compute")
    ]
    known = quoted(mine)
    paired, sources = equal_pairs(size_pairs, names, labels)
    if known.empty:
        return Finding(question, f"{cannot(mine['reason'])}{paired}", sources)
    parts, cells = [], []
    for row in known.to_dict("records"):
        key = {c: row[c] for c in ("benchmark", "comparison", "measure", "scope", "held_fixed", "interval")}
        cells += [Cell("architectures", key, c, number(row[c])) for c in ("estimate", "low", "high")]
        parts.append(
            f"{row['estimate']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) at the same {row['held_fixed']}"
        )
    sides = {1 if row.low > 0 else -1 if row.high < 0 else 0 for row in known.itertuples()}
    claim = {
        (1,): "The mixtures of experts are more accurate whatever is held fixed",
        (-1,): "The dense models are more accurate whatever is held fixed",
    }.get(tuple(sides), f"{CANNOT} which is more accurate: it depends on what is held fixed")
    first = known.iloc[0]
    models = f"{int(first['models_a'])} mixtures and {int(first['models_b'])} dense models"
    by = "by developer" if "developer" in first["interval"] else "by model"
    moved = ""
    moving = mine["left_out_model"].dropna()
    if len(moving):
        moved = f" {labels.get(moving.iloc[0], moving.iloc[0])} moves the first most."
    answer = (
        f"{claim}. Log-odds of mixtures less dense, {models}, errors {by}: {'; '.join(parts)}.{moved}{paired}"
    )
    return Finding(question, answer, [*cells, *sources])


def equal_pairs(
    size_pairs: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]
) -> tuple[str, list[Cell]]:
    """Return what mixtures and dense models of one size show: each pair if they are few, else in how many which leads."""
    mine = size_pairs[(size_pairs["kind_a"] == "moe") & (size_pairs["kind_b"] == "dense")]
    if mine.empty:
        return "", []
    counts = mine["benchmark"].value_counts()
    where = MEAN if counts.get(MEAN, 0) == counts.max() else counts.idxmax()
    mine = mine[mine["benchmark"] == where]
    on = "over the benchmarks" if where == MEAN else f"on {names.get(where, where)}"
    if len(mine) <= FEW_PAIRS:
        cells = [
            Cell(
                "size_pairs",
                {c: row[c] for c in ("benchmark", "equal", "model_a", "model_b", "strategy")},
                c,
                number(row[c]),
            )
            for row in mine.to_dict("records")
            for c in ("difference", "low", "high", "flops_ratio")
        ]
        told = "; ".join(
            f"{labels[r.model_a]} less {labels[r.model_b]}, with the same {r.equal}: {100 * r.difference:+.1f} points "
            f"({100 * r.low:+.1f} to {100 * r.high:+.1f}) at {r.flops_ratio:.2f} times the compute"
            for r in mine.itertuples()
        )
        return f" Pairs of one size, {on}: {told}.", cells
    parts = []
    for equal, rows in mine.groupby("equal", sort=False):
        more, less = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
        later, dearer = int((rows["days_apart"] > 0).sum()), int((rows["flops_ratio"] > 1).sum())
        parts.append(
            f"of {len(rows)} with the same {equal} the mixture is more accurate in {more} and less in {less}, but released "
            f"later in {later} and dearer in {dearer}"
        )
    return f" Pairs of one size, {on}, 95 % intervals: {'; '.join(parts)}.", []


def failures(outcomes: pd.DataFrame, names: Mapping[str, str]) -> Finding:
    """Return whether failed generations cost more: raw, and with difficulty held fixed."""
    question = "Do failures cost more?"
    tokens = outcomes[outcomes["measure"] == "reasoning_tokens"]
    pairs = tokens[(tokens["benchmark"] == "all") & tokens["estimable"].astype(bool)].set_index("comparison")
    if "share_raw" not in pairs.index:
        return Finding(question, cannot(outcomes["reason"]))
    cells, parts = [], []
    share = pairs.loc["share_raw"]
    cells += [_outcome(share, "share_raw", c) for c in ("estimate", "n")]
    parts.append(
        f"Failed generations are longer in {share['estimate'] * share['n']:.0f} of {int(share['n'])} pairs of a model "
        "and a benchmark, but hard problems both fail more and take longer"
    )
    fixed = tokens[
        (tokens["model"] == "all")
        & tokens["comparison"].isin(["within_problem", "adjusted"])
        & tokens["estimable"].astype(bool)
    ]
    # The ratio that rests on most: problems within which a model both fails and succeeds, or generations.
    fixed = fixed.sort_values(["comparison", "n"], ascending=False, kind="stable").drop_duplicates(
        "comparison"
    )
    for row in fixed.head(1).to_dict("records"):
        cells += [_outcome(row, row["comparison"], c) for c in ("estimate", "low", "high")]
        how = "within a problem" if row["comparison"] == "within_problem" else "adjusted for difficulty"
        claim = (
            "they take longer"
            if row["low"] > 1
            else "they take less"
            if row["high"] < 1
            else "no difference is shown"
        )
        parts.append(
            f"{how}, {claim}: {row['estimate']:.2f} times the tokens ({row['low']:.2f} to {row['high']:.2f}, "
            f"{names.get(row['benchmark'], row['benchmark'])})"
        )
    if fixed.empty:
        parts.append("with difficulty held fixed these data cannot tell")
    return Finding(question, "; ".join(parts) + ".", cells)


def hard_problems(gains: pd.DataFrame | None, benchmark: str, names: Mapping[str, str]) -> Finding:
    """Return what more reasoning gains on problems that the other models miss, and whether that is less than on easy ones.

    On the benchmark `benchmark`, or if it has too few hard problems on the one with most models.
    """
    question = "Does more reasoning reach the hard problems?"
    if gains is None:
        return Finding(question, f"{CANNOT}: published figures do not tell problems apart.")
    mine = gains[(gains["step"] == ALL) & gains["estimable"].astype(bool)]
    if mine.empty:
        reasons = gains["reason"] if len(gains) else pd.Series(["every model has one cap"])
        return Finding(question, cannot(reasons))
    counts = mine["benchmark"].value_counts(sort=False)
    where = benchmark if counts.get(benchmark, 0) == counts.max() else counts.idxmax()
    mine = mine[mine["benchmark"] == where]
    parts, cells = [], []
    for side, problems in (
        ("easy", "problems that the other models mostly solve"),
        ("hard", "those that they mostly miss"),
    ):
        ends = mine.sort_values(f"gain_{side}", kind="stable").iloc[[0, -1] if len(mine) > 1 else [0]]
        told = [
            points_of(row, f"gain_{side}", f"gain_{side}_low", f"gain_{side}_high")
            for row in ends.to_dict("records")
        ]
        between = "between " if len(told) > 1 else ""
        parts.append(f"{between}{' and '.join(told)} on {problems}")
        cells += [
            Cell(
                "difficulty_gains",
                {c: row[c] for c in ("model", "strategy", "benchmark", "step")},
                c,
                number(row[c]),
            )
            for row in ends.to_dict("records")
            for c in (f"gain_{side}", f"gain_{side}_low", f"gain_{side}_high")
        ]
    rises, less = (
        int((mine["gain_hard_low"] > 0).sum()),
        int(((mine["p_holm"] < SHOWN) & (mine["difference"] < 0)).sum()),
    )
    models = f"{len(mine)} models gain" if len(mine) > 1 else "1 model gains"
    answer = (
        f"On {names.get(where, where)}, from the smallest cap to the largest, {models} "
        f"{', and '.join(parts)}. "
        f"A gain on the hard ones is shown for {rises} of them, a smaller gain than on the easy ones for {less} (Holm)."
    )
    return Finding(question, answer, cells)


def told_apart(
    differences: pd.DataFrame | None, seeds: pd.DataFrame | None, benchmark: str, where: str
) -> Finding:
    """Return how many models differ, how small a difference such a study shows, and what another seed would do."""
    question = "How small a difference can be told?"
    if differences is None:
        return Finding(
            question, f"{CANNOT}: published figures are of separate runs, not compared problem by problem."
        )
    mine = differences[(differences["benchmark"] == benchmark) & (differences["family"] == "models")]
    known = mine[mine["detectable"].notna()].sort_values("detectable", kind="stable")
    if known.empty:
        return Finding(question, f"{CANNOT}: no two models answered the same problems.")
    shown, ends = int((mine["p_holm"] < SHOWN).sum()), known.iloc[[0, -1]].to_dict("records")
    key = ["benchmark", *(f"{name}_{side}" for side in "ab" for name in ("model", "strategy", "cap"))]
    cells = [
        Cell(
            "differences",
            {c: None if pd.isna(row[c]) else row[c] for c in key},
            "detectable",
            row["detectable"],
        )
        for row in ends
    ]
    least, most = (percent(row["detectable"]) for row in ends)
    span = least if least == most else f"{least} to {most}"
    answer = (
        f"On {where}, {shown} of {len(mine)} pairs of models differ at their largest caps (paired tests, Holm, 5 %). "
        f"With {int(mine['problems'].min())} problems and as much disagreement as here, one test has 80 % power for a "
        f"difference of {span} points, by pair; a smaller one may be there and not be shown."
    )
    reseeded, sources = another_seed(seeds)
    return Finding(question, f"{answer}{reseeded}", [*cells, *sources])


def another_seed(seeds: pd.DataFrame | None) -> tuple[str, list[Cell]]:
    """Return how far another seed moves an accuracy on the same problems: least and most over models and benchmarks."""
    known = seeds[seeds["estimable"].astype(bool)] if seeds is not None else None
    if known is None or known.empty:
        return " With one sample per problem, what another seed would do is not known.", []
    ends = (
        known.sort_values("spread", kind="stable").iloc[[0, -1] if len(known) > 1 else [0]].to_dict("records")
    )
    told = " to ".join(f"{percent(r['spread'])} ({percent(r['low'])} to {percent(r['high'])})" for r in ends)
    cells = [
        Cell("seeds", {k: row[k] for k in ("model", "strategy", "benchmark")}, c, number(row[c]))
        for row in ends
        for c in ("spread", "low", "high")
    ]
    return (
        f" On the same problems another seed moves the accuracy of one run by {told} points (standard deviation, "
        f"{len(known)} of {len(seeds)} models and benchmarks with several samples).",
        cells,
    )


def points_of(row: Mapping, estimate: str, low: str, high: str) -> str:
    """Return a difference of accuracies in points, with its limits."""
    return f"{100 * row[estimate]:+.1f} points ({100 * row[low]:+.1f} to {100 * row[high]:+.1f})"


def _outcome(row: Mapping, comparison: str, column: str) -> Cell:
    key = {"comparison": comparison} | {c: row[c] for c in ("model", "strategy", "benchmark", "measure")}
    return Cell("outcomes", key, column, float(row[column]))


def missing(left_out: Mapping[str, str]) -> list[Finding]:
    """Return which models are missing and why, by label; nothing if none is."""
    if not left_out:
        return []
    told = "; ".join(f"{one_line(label)} ({one_line(reason)})" for label, reason in left_out.items())
    answer = (
        f"{told}. Everything here is about the models that finished; the same command tries the others again."
    )
    return [Finding("Which models are missing?", answer)]


def cannot(reasons: pd.Series) -> str:
    """Return that the data cannot tell, with the commonest of the reasons."""
    known = reasons.dropna().astype(str)
    return f"{CANNOT}: {known.mode().iloc[0] if len(known) else 'nothing was compared'}."


def markdown(study: str, found: Sequence[Finding]) -> str:
    """Return the findings as a page."""
    parts = [f"# Findings: {study}", *(f"**{each.question}** {plain(each.answer)}" for each in found)]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Return `text` for Markdown, in which nothing of it is markup or HTML."""
    return re.sub(r"([\\`*_\[\]<>&])", r"\\\1", text)


def as_json(found: Sequence[Finding]) -> list[dict]:
    """Return the findings as JSON holds them."""
    return [asdict(each) for each in found]


def percent(share: float) -> str:
    """Return a share in percent with one digit."""
    return f"{100 * share:.1f}"


def scientific(value: float) -> str:
    """Return a number as 6.9e+14 is written in text: 6.9 × 10^14."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10^{int(exponent)}"


def number(value: float) -> float | None:
    """Return a number, None where there is none."""
    return None if pd.isna(value) else float(value)


def whole(value: float | None) -> int | None:
    """Return a cap as an integer, None for uncapped."""
    return None if pd.isna(value) else int(value)
