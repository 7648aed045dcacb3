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
    the slope. `chance` is the accuracy of guessing, 0 where the points have none. Raises
    `UserError` for two rows of one point and for an invalid date.
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
    rows["chance"] = rows["chance"].astype(float).fillna(0.0) if "chance" in rows else 0.0
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


def better_than_guessing(points: pd.DataFrame) -> np.ndarray:
    """Return which points are shown to be better than chance, by the lower limit of their accuracy if they have one."""
    low = points["accuracy_low"] if "accuracy_low" in points else points["accuracy"]
    return (low.astype(float) > points["chance"]).to_numpy() | (points["chance"] == 0).to_numpy()


def guessing(points: pd.DataFrame) -> str | None:
    """Return which models are not shown to be better than chance, and how they enter; None where there are none."""
    near = points[points["left_out"].isna() & ~better_than_guessing(points)]
    if near.empty:
        return None
    names = ", ".join(f"{row.model} ({row.accuracy:.1%})" for row in near.itertuples())
    margin = f"not shown to be better than guessing ({near['chance'].iloc[0]:.0%})"
    return f"{margin}, entered at least 0.7 standard errors above it: {names}"


def frontier_at_date(points: pd.DataFrame) -> np.ndarray:
    """Return which points were non-dominated among those released up to their own date.

    A point is dominated by another that is not later, not dearer and not worse, and cheaper or better.
    Needs the columns years, flops, accuracy. Shape (points,), bool.
    """
    when, cost, accuracy = (points[c].to_numpy(float) for c in ("years", "flops", "accuracy"))
    weakly = (cost[None] <= cost[:, None]) & (accuracy[None] >= accuracy[:, None])
    strictly = (cost[None] < cost[:, None]) | (accuracy[None] > accuracy[:, None])
    return ~((when[None] <= when[:, None]) & weakly & strictly).any(axis=1)


def empirical_odds(
    share: np.ndarray, answers: np.ndarray, chance: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-odds of an accuracy seen in `answers` answers, `chance` of them guessed, and their variance.

    Without chance log((k + 1/2) / (n - k + 1/2)) and 1 / (k + 1/2) + 1 / (n - k + 1/2), nearly unbiased where the
    plain log-odds are drawn outward (Haldane 1956, Ann. Hum. Genet. 20, 309; Gart & Zweifel 1967, Biometrika 54, 181).

    A model that knows a share s of the answers and guesses the rest is right in a = c + (1 - c) s, so that the odds of
    knowing are s / (1 - s) = (a - c) / (1 - a). With r = max(a - c, 0) seen, the same correction of the bias puts
    r' = (r + sqrt(r² + 2 v)) / 2, v = (a (1 - a) + r²) / n + 1 / (2 n²), which is r + v / (2 r') and (k + 1/2) / n where
    c = 0. A model at chance, or below it because it broke the format, enters about 0.7 standard errors above it. The
    variance is that of a through the derivative of this function, so it grows as r falls, by (1 / r' + 1 / (1 - a))²;
    below chance the first term is 0.
    """
    right, wrong = share + 0.5 / answers, 1 - share + 0.5 / answers
    above = np.maximum(share - chance, 0.0)
    spread = (share * (1 - share) + above**2) / answers + 0.5 / answers**2
    root = np.sqrt(above**2 + 2 * spread)
    knows = (above + root) / 2
    binomial = right * wrong / (right + wrong) / answers
    slope = np.where(share < chance, 0.0, 1 / (root - 0.5 / answers))
    return np.log(knows / wrong), binomial * (slope + 1 / wrong) ** 2
