"""Where more reasoning stops paying: break, plateau and saturation cap of every model's curve over caps.

Each curve is accuracy against log10 of the mean FLOPs at each cap (a cap of 0 has the FLOPs of prompt and
answer). The forms of `saturation_forms` are fitted on binomial counts and compared by BIC. Intervals come
from the joint bootstrap over problems, with the form held at the chosen one and the FLOPs at their means.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from frontiers.curves import Curve, merge_equal_compute, read_curves
from frontiers.rows import frame_of
from frontiers.saturation_forms import Fit, build_forms, fit_form, left_out, refit

LEVEL = 0.95
TOLERANCE = 0.01
DAVIES_POINTS = 10
BIC = {
    "none": "bic_no_break",
    "one_break": "bic_break",
    "two_breaks": "bic_two_breaks",
    "saturating_exponential": "bic_exponential",
    "inverted_u": "bic_inverted_u",
}
FLAT = "accuracy does not vary with the cap"
SINGLE = "published figures give one point per model, not a curve over caps"


def fit(
    answers: pd.DataFrame, draws: int = 1000, seed: int = 0, benchmarks: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the table `saturation`: one row per model, strategy and benchmark, the mean included.

    `answers` is the table `answers`; `benchmarks` those to use (default: all in it); `draws` and `seed`
    are those of the joint bootstrap.
    """
    return frame_of(
        (fit_curve(curve) for curve in read_curves(answers, draws, seed, benchmarks)), "saturation"
    )


def unfitted(points: pd.DataFrame) -> pd.DataFrame:
    """Return the table `saturation` of figures that have one point per model: nothing can be fitted, and why."""
    keys = points[["model", "strategy", "benchmark", "problems"]].drop_duplicates(
        ["model", "strategy", "benchmark"]
    )
    fixed = {"form": "none", "saturated": False, "computes": 1, "reason": SINGLE}
    return frame_of((key | fixed for key in keys.to_dict("records")), "saturation")


def fit_curve(curve: Curve) -> dict:
    """Return the row of one curve; fields that do not apply are absent.

    A curve is saturated when it levels off or falls at higher compute, or when its traces end by themselves,
    so that larger caps add neither compute nor accuracy, and some cap below the largest is as good.
    """
    row = {"model": curve.model, "strategy": curve.strategy, "benchmark": curve.benchmark}
    row |= {"form": "none", "saturated": False, "problems": curve.problems}
    cap = row["saturation_cap"] = saturation_cap(curve)
    merged = merge_equal_compute(curve)
    row["computes"] = len(merged.flops)
    if np.ptp(curve.accuracy) == 0 and not np.ptp(curve.draws, axis=1).any():
        return row | {"reason": FLAT, "saturation_cap": curve.caps.min()} | _level(merged)
    x, y, n = merged.decades, merged.accuracy, merged.trials
    fits = {name: found for name, form in build_forms(x).items() if (found := fit_form(form, y, n))}
    if not fits:
        return row | {"reason": f"caps give {len(x)} different computes; at least 3 are needed"}
    row |= {BIC[name]: found.bic for name, found in fits.items()}
    eligible = {k: f for k, f in fits.items() if k != "inverted_u" or falls(merged)}
    form = min(eligible, key=lambda name: eligible[name].bic)
    others = np.array([found.bic - eligible[form].bic for found in eligible.values()])
    row |= {"form": form, "bic_weight": float(1 / np.exp(-others / 2).sum())}
    outside = {name: left_out(found.form, y, n) for name, found in eligible.items()}
    row["left_out_form"] = max(outside, key=outside.__getitem__)
    row["left_out_gain"] = outside[form] - outside["none"]
    row["davies_p"] = davies(merged, eligible["none"])
    row |= _plateau(eligible[form], merged)
    if not row["saturated"] and merged.caps[-1] < curve.caps[-1]:
        if np.isfinite(cap):
            return row | {"saturated": True, "saturation_kind": "traces_end", "reason": None}
        row["reason"] += f"; caps above {merged.caps[-1]:.0f} add no compute, but none below is as good"
    return row


def _level(curve: Curve) -> dict:
    """Return the plateau fields of a flat curve: slope 0 where the compute varies at all."""
    slope = 0.0 if len(curve.flops) > 1 else np.nan
    return {"plateau_slope": slope, "plateau_low": slope, "plateau_high": slope}


def _plateau(fit: Fit, curve: Curve) -> dict:
    """Return break, last slope, their intervals, and whether the curve has levelled off.

    It has when the last slope's interval reaches down to 0 and ends below half of the slope before the break.
    """
    describe, form = fit.form.describe, fit.form
    at, before, after = (float(v[0]) for v in describe(form.shape[[fit.choice]], fit.values[None]))
    shapes, values = refit(fit, curve.accuracy, curve.trials, curve.draws)
    breaks, _, slopes = describe(shapes, values)
    tails = 100 * np.array([1 - LEVEL, 1 + LEVEL]) / 2
    low, high = np.percentile(slopes, tails)
    row = {
        "slope_before": before,
        "plateau_slope": after,
        "plateau_low": low,
        "plateau_high": high,
        "saturated": False,
    }
    if np.isfinite(at):
        known = np.where(np.isfinite(breaks), breaks, np.inf)
        limits = [np.percentile(known, q, method="nearest") for q in tails]
        limits = [10**v if np.isfinite(v) else np.nan for v in limits]
        row |= {"breakpoint_flops": 10**at, "low": limits[0], "high": limits[1]}
    if form.name == "none":
        row["reason"] = "no saturation in range: accuracy is best described without a break"
    elif form.name == "inverted_u":
        row |= {"saturated": True, "saturation_kind": "decline", "reason": None}
    elif before <= 0:
        row["reason"] = "no saturation in range: accuracy does not rise before the last break"
    elif after >= before:
        row["reason"] = "no saturation in range: accuracy is steepest at the end"
    elif not np.isfinite(at):
        row["reason"] = "no saturation in range: 95 % of the exponential's gain lies beyond the caps"
    elif form.name == "saturating_exponential":
        levelled = bool(np.isfinite(row["high"]))
        row |= {"saturated": levelled, "saturation_kind": "plateau" if levelled else None}
        row["reason"] = None if levelled else "not decided: the exponential may reach 95 % of its gain later"
    elif low > 0:
        row["reason"] = "no saturation in range: accuracy still rises after the break"
    elif high >= before / 2:
        row["reason"] = "not decided: the slope after the break may be more than half of that before it"
    else:
        kind = "decline" if high < 0 else "plateau"
        row |= {"saturated": True, "saturation_kind": kind, "reason": None}
    return row


def falls(curve: Curve) -> bool:
    """Return whether accuracy at the largest compute is below the best with 95 % confidence, paired."""
    best = int(np.argmax(curve.accuracy))
    return bool(np.quantile(curve.draws[:, best] - curve.draws[:, -1], 1 - LEVEL) > 0)


def saturation_cap(curve: Curve) -> float:
    """Return the smallest cap whose loss against the best cap is under 1 point with 95 % confidence.

    One-sided, by the bootstrap of the paired loss over problems; the best cap is the one with the highest
    accuracy (the smallest of equals). NaN when only the largest cap qualifies: the range then ends before
    saturation. Where a cap answers every problem as the best one does, the loss is 0 in every draw: this
    speaks of the problems of this benchmark, not of longer ones.
    """
    best = int(np.argmax(curve.accuracy))
    loss = np.quantile(curve.draws[:, [best]] - curve.draws, LEVEL, axis=0)
    first = int(np.argmax(loss < TOLERANCE))
    return float(curve.caps[first]) if first < len(curve.caps) - 1 else np.nan


def davies(curve: Curve, null: Fit) -> float:
    """Return Davies' p-value for a change of slope somewhere between the second and last but one compute.

    S(b) is the standardised coefficient of max(0, x - b) beside a straight line, weighted by the fit without
    a break; its variance is taken from the bootstrap, so that the pairing of the caps counts. With M the
    largest |S| and V the total variation of S over 10 breaks, p = 2 (Phi(-M) + V exp(-M² / 2) / sqrt(8 pi))
    (Davies 1987, Biometrika 74, 33, as in R `segmented::davies.test`). NaN with fewer than 5 computes.
    """
    x, y = curve.decades, curve.accuracy
    if len(x) < 5:
        return np.nan
    p = np.clip(null.form.designs[0] @ null.values, 0.5 / (curve.trials + 1), 1 - 0.5 / (curve.trials + 1))
    weight = curve.trials / (p * (1 - p))
    line = np.column_stack([np.ones_like(x), x])
    spread = np.cov(curve.draws, rowvar=False)
    statistics = []
    for knot in np.linspace(x[1], x[-2], DAVIES_POINTS):
        bend = np.maximum(x - knot, 0)
        bend -= line @ np.linalg.solve(line.T @ (weight[:, None] * line), line.T @ (weight * bend))
        contrast = weight * bend / ((weight * bend) @ bend)
        variance = contrast @ spread @ contrast
        if variance <= 0:
            return np.nan
        statistics.append(contrast @ y / np.sqrt(variance))
    largest, variation = np.abs(statistics).max(), np.abs(np.diff(statistics)).sum()
    p_value = 2 * (norm.sf(largest) + variation * np.exp(-(largest**2) / 2) / np.sqrt(8 * np.pi))
    return float(min(p_value, 1.0))
