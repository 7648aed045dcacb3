"""The points that a trend is fitted on: one per model, dated, with an accuracy that has a logarithm."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import KEY, cap_order
from frontiers.statistics.intervals import answers_from_interval

STRATEGIES = ("cot", "reported", "cut")
UNDATED = "without release date"
FUTURE = "release date in the future"
COSTLESS = "without a positive compute"


def dated_points(
    points: pd.DataFrame, strategies: Sequence[str] = STRATEGIES, today: date | None = None
) -> pd.DataFrame:
    """Return each model's point at its largest cap, for the first of `strategies` it has, per benchmark.

    Added: `years` (of 365.25 days, since day 1 of the calendar), `share` (accuracy within (0, 1)),
    `efficiency` (share per FLOP), `answers` (independent answers that the accuracy's interval amounts to;
    the number of problems where there is no interval) and `left_out`, the reason why a point cannot be used,
    None where it can. An accuracy of 0 or 1 has no logarithm or log-odds; its share lies half a problem,
    0.5 / (problems + 1), from the end. Models that are wrong everywhere stay: leaving them out would flatter
    the slope. Raises `UserError` for two rows of one point and for an invalid date.
    """
    known = points[points["strategy"].isin(strategies)]
    if (double := known.duplicated(KEY)).any():
        first = known.loc[double, KEY].iloc[0].to_dict()
        raise UserError(f"`points` has two rows for {first}; remove one of them")
    known = known.assign(
        _rank=known["strategy"].map({name: i for i, name in enumerate(strategies)}).astype(int),
        _size=-cap_order(known["cap"]),
    ).sort_values(["_rank", "_size"], kind="stable")
    rows = known.drop_duplicates(["model", "benchmark"]).sort_index().drop(columns=["_rank", "_size"])
    half = 0.5 / (rows["problems"].astype(float) + 1)
    rows = rows.assign(years=_years(rows), share=rows["accuracy"].astype(float).clip(half, 1 - half))
    rows["efficiency"] = rows["share"] / rows["flops"].where(rows["flops"] > 0)
    rows["answers"] = rows["problems"].astype(float)
    if {"accuracy_low", "accuracy_high"} <= set(rows):
        limits = (rows[c].astype(float) for c in ("accuracy", "accuracy_low", "accuracy_high"))
        rows["answers"] = answers_from_interval(*limits)
    latest = (today or date.today()).toordinal() / 365.25
    reasons = np.select(
        [rows["years"].isna(), rows["years"] > latest, ~(rows["flops"] > 1)], [UNDATED, FUTURE, COSTLESS], ""
    )
    return rows.assign(left_out=[reason or None for reason in reasons.tolist()])


def _years(points: pd.DataFrame) -> pd.Series:
    """Return release dates as years since day 1 of the calendar, NaN where unknown."""
    years = {}
    for model, day in zip(points["model"], points["release_date"], strict=True):
        if not isinstance(day, str) or not day:
            years[model] = np.nan
            continue
        try:
            years[model] = date.fromisoformat(day).toordinal() / 365.25
        except ValueError as error:
            raise UserError(
                f'release date {day!r} of model `{model}` is not a date; write "YYYY-MM-DD" in config.yaml'
            ) from error
    return points["model"].map(years).astype(float)


def notes(points: pd.DataFrame) -> list[str]:
    """Return what was done to the points of one benchmark, models named."""
    lines = [
        f"left out, {reason}: " + ", ".join(points.loc[points["left_out"] == reason, "model"])
        for reason in (UNDATED, FUTURE, COSTLESS)
        if (points["left_out"] == reason).any()
    ]
    moved = points["left_out"].isna() & (points["share"] != points["accuracy"])
    if moved.any():
        lines.append("accuracy of 0 or 1 entered as half a problem: " + ", ".join(points.loc[moved, "model"]))
    return lines


def frontier_at_date(points: pd.DataFrame) -> np.ndarray:
    """Return which points were non-dominated among those released up to their own date.

    A point is dominated by another that is not later, not dearer and not worse, and cheaper or better.
    Needs the columns years, flops, accuracy. Shape (points,), bool.
    """
    when, cost, accuracy = (points[c].to_numpy(float) for c in ("years", "flops", "accuracy"))
    weakly = (cost[None] <= cost[:, None]) & (accuracy[None] >= accuracy[:, None])
    strictly = (cost[None] < cost[:, None]) | (accuracy[None] > accuracy[:, None])
    return ~((when[None] <= when[:, None]) & weakly & strictly).any(axis=1)


def empirical_odds(share: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-odds of an accuracy seen in `answers` answers and their binomial variance.

    log((k + 1/2) / (n - k + 1/2)) and 1 / (k + 1/2) + 1 / (n - k + 1/2), nearly unbiased where the plain
    log-odds are drawn outward (Haldane 1956, Ann. Hum. Genet. 20, 309; Gart & Zweifel 1967, Biometrika 54,
    181).
    """
    right, wrong = share * answers + 0.5, (1 - share) * answers + 0.5
    return np.log(right / wrong), 1 / right + 1 / wrong
