"""How fast the frontier moves with release date."""

import numpy as np
import pandas as pd

from frontiers.analysis import half_years
from frontiers.analysis.abilities import COMPUTE, PER_YEAR
from frontiers.analysis.findings.finding import (
    CANNOT,
    Cell,
    Finding,
    cannot,
    limits_of,
    number,
    percent,
    whole,
)
from frontiers.core.escapes import one_line

DIRECTIONS = {"ols": "least squares", "deming": "Deming regression", "inverse": "inverse regression"}
MONTHS = ("doubling_months", "doubling_low", "doubling_high")


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


def halving(row: object) -> str:
    """Return in how many months a cost halves, with the limits that are known."""
    if row.doubling_months < 0:
        return "no halving"
    low, high = (
        f"{end:.1f}" if np.isfinite(end) else "no limit" for end in (row.doubling_low, row.doubling_high)
    )
    return f"{row.doubling_months:.1f} months ({low} to {high})"
