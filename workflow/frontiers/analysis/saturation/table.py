"""Where more reasoning stops paying: break, plateau and saturation cap of every model's curve over caps.

Each curve is accuracy against log10 of the mean FLOPs at each cap (a cap of 0 has the FLOPs of prompt and
answer). The forms of `forms` are fitted on binomial counts and compared by BIC. Intervals come
from the joint bootstrap over problems, with the form held at the chosen one and the FLOPs at their means. That a
form is chosen on the same data makes its parameters look more precise than they are, the more so the more rarely it is
chosen: of m curves, the R of one form have intervals of the level 1 - 0.05 R / m, of which at most 5 % are false in
the mean (Benjamini & Yekutieli 2005, J. Am. Stat. Assoc. 100, 71, by form). How often they hold a known truth is
simulated by `tests/simulation/coverage_saturation.py`. `cap_tests` judges caps, `pooled` takes models together.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import t

from frontiers.analysis.cap_curves import Curve, merge_equal_compute, read_curves
from frontiers.analysis.saturation.cap_tests import falls, saturation_caps
from frontiers.analysis.saturation.forms import LEVELLING, Fit, build_forms, fit_form, left_out, refit
from frontiers.analysis.saturation.gains import gain_rows
from frontiers.analysis.saturation.pooled import Estimate, pooled_rows
from frontiers.analysis.saturation.segmented_check import segmented
from frontiers.core.keys import CURVE
from frontiers.core.tables import frame_of
from frontiers.statistics.intervals import LEVEL, expanded_tail, percentile_limits

DAVIES_POINTS = 10
BIC = {
    "none": "bic_no_break",
    "one_break": "bic_break",
    "two_breaks": "bic_two_breaks",
    "saturating_exponential": "bic_exponential",
    "power_law": "bic_power_law",
    "michaelis_menten": "bic_michaelis_menten",
    "logistic": "bic_logistic",
    "inverted_u": "bic_inverted_u",
}
UNCONFIRMED = (
    "not decided: the curve bends, but a gain of 1 point per doubling of compute beyond is not excluded"
)
TRACES_END = "traces end by themselves within the caps: larger caps add neither compute nor accuracy"
FLAT = "accuracy does not vary with the cap"
SINGLE = "published figures give one point per model, not a curve over caps"
UNKNOWN = "the architecture is unknown, so that compute is not counted"


@dataclass(frozen=True)
class Fitted:
    """The row of a curve and, by quantity, what may be pooled over models."""

    row: dict
    estimates: dict[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A curve, itself without caps of the same compute, its row so far, and the fit of its form if it has one."""

    curve: Curve
    merged: Curve
    row: dict
    fit: Fit | None = None


def fit(
    answers: pd.DataFrame, draws: int = 1000, seed: int = 0, benchmarks: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables `saturation`, `saturation_pooled` and `gains`.

    The first has one row per model, strategy and benchmark, the mean included; the second what the models
    of a strategy and benchmark say together; the third what each doubling of compute gains. `answers` is the table
    `answers`; `benchmarks` those to use (default: all in it); `draws` and `seed` are those of the joint bootstrap.
    """
    over_caps = read_curves(answers, draws, seed, benchmarks)
    found = fit_curves(over_caps)
    groups: dict[tuple, list[Fitted]] = {}
    for one in found:
        groups.setdefault((one.row["strategy"], one.row["benchmark"]), []).append(one)
    pooled = []
    for (strategy, benchmark), mine in groups.items():
        fitted: dict[str, list[Estimate]] = {}
        for one in mine:
            for quantity, estimate in one.estimates.items():
                fitted.setdefault(quantity, []).append(estimate)
        curves = sum(one.row.get("reason") != FLAT for one in mine)
        pooled += pooled_rows(fitted, curves, {"strategy": strategy, "benchmark": benchmark})
    rows = [*(one.row for one in found), *uncounted_rows(answers, benchmarks)]
    table = frame_of(rows, "saturation")
    return table, frame_of(pooled, "saturation_pooled"), frame_of(gain_rows(over_caps), "gains")


def uncounted_rows(answers: pd.DataFrame, benchmarks: Sequence[str] | None = None) -> list[dict]:
    """Return the rows of models whose compute is unknown: nothing can be fitted, and why."""
    rows = answers[answers["flops"].isna() & answers["benchmark"].isin(benchmarks or answers["benchmark"])]
    problems = rows.groupby(CURVE, sort=False)["problem_id"].nunique().reset_index(name="problems")
    fixed = {"form": "none", "saturated": False, "computes": 0, "reason": UNKNOWN, "cap_reason": UNKNOWN}
    return [key | fixed for key in problems.to_dict("records")]


def gains_of(
    answers: pd.DataFrame, draws: int = 1000, seed: int = 0, benchmarks: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the table `gains` alone; arguments as in `fit`."""
    return frame_of(gain_rows(read_curves(answers, draws, seed, benchmarks)), "gains")


def unfitted(points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of figures that have one point per model: nothing can be fitted, and why."""
    keys = points[[*CURVE, "problems"]].drop_duplicates(CURVE)
    fixed = {"form": "none", "saturated": False, "computes": 1, "reason": SINGLE, "cap_reason": SINGLE}
    table = frame_of((key | fixed for key in keys.to_dict("records")), "saturation")
    groups = keys[["strategy", "benchmark"]].drop_duplicates().to_dict("records")
    rows = [row | {"reason": SINGLE} for key in groups for row in pooled_rows({}, 0, key)]
    return table, frame_of(rows, "saturation_pooled"), frame_of([], "gains")


def fit_curves(curves: Iterable[Curve]) -> list[Fitted]:
    """Return what is found on each curve of a study; fields of a row that do not apply are absent.

    A curve is saturated when it falls at higher compute, or when the paired tests of `cap_tests` show, for a cap that
    larger ones exceed in compute, that none is worth it: a bend of a fitted form alone is no plateau. That its
    traces end by themselves, so that larger caps add neither compute nor accuracy, is a reason and no plateau.
    """
    chosen = [choose(curve) for curve in curves]
    forms = Counter(one.fit.form.name for one in chosen if one.fit)
    levels = {form: 1 - (1 - LEVEL) * number / forms.total() for form, number in forms.items()}
    return [_described(one, levels[one.fit.form.name]) if one.fit else Fitted(one.row) for one in chosen]


def choose(curve: Curve) -> Choice:
    """Return the form of a curve, and what of its row does not depend on the intervals."""
    row = {"model": curve.model, "strategy": curve.strategy, "benchmark": curve.benchmark}
    row |= {"form": "none", "saturated": False, "problems": curve.problems} | saturation_caps(curve)
    merged = merge_equal_compute(curve)
    row["computes"] = len(merged.flops)
    if len(merged.flops) == 1 < len(curve.flops):
        row |= {"saturation_cap": curve.caps.min(), "cap_reason": None}
    if len(curve.caps) > 1 and np.ptp(curve.accuracy) == 0 and not np.ptp(curve.draws, axis=1).any():
        return Choice(curve, merged, row | {"reason": FLAT} | _level(merged))
    x, y, n = merged.decades, merged.accuracy, merged.trials
    fits = {name: found for name, form in build_forms(x).items() if (found := fit_form(form, y, n))}
    if not fits:
        reason = f"different computes at the caps: {len(x)}; at least 3 are needed"
        return Choice(curve, merged, row | {"reason": reason})
    row |= {BIC[name]: found.bic for name, found in fits.items()}
    eligible = {k: f for k, f in fits.items() if k != "inverted_u" or falls(curve)}
    form = min(eligible, key=lambda name: eligible[name].bic)
    others = np.array([found.bic - eligible[form].bic for found in eligible.values()])
    row |= {"form": form, "bic_weight": float(1 / np.exp(-others / 2).sum())}
    outside = {name: left_out(found.form, y, n) for name, found in eligible.items()}
    row["left_out_form"] = max(outside, key=outside.__getitem__)
    row["left_out_gain"] = outside[form] - outside["none"]
    row["davies_p"] = davies(merged, eligible["none"])
    if "one_break" in fits:
        row |= segmented(merged, float(fits["one_break"].form.shape[fits["one_break"].choice, 0]))
    return Choice(curve, merged, row, eligible[form])


def _described(choice: Choice, level: float) -> Fitted:
    """Return the whole row of a curve with a form, its intervals at `level`."""
    curve, merged = choice.curve, choice.merged
    fields, estimates = plateau(choice.fit, merged, level)
    row = choice.row | {"level": level} | fields
    cap = row["saturation_cap"]
    confirmed = pd.notna(cap) and cap < merged.caps[-1]
    if row["saturated"] and row["saturation_kind"] == "plateau" and not confirmed:
        row |= {"saturated": False, "saturation_kind": None, "reason": UNCONFIRMED}
    elif confirmed and not row["saturated"]:
        row |= {"saturated": True, "saturation_kind": "plateau", "reason": None}
    if not row["saturated"] and row["plateau_low"] > 0:
        row["saturation_above_flops"] = merged.flops[-1]
    if not row["saturated"] and merged.caps[-1] < curve.caps[-1]:
        row |= {"saturation_above_flops": np.nan, "reason": TRACES_END}
    return Fitted(row, estimates)


def _level(curve: Curve) -> dict:
    """Return the plateau fields of a flat curve: slope 0 where the compute varies at all."""
    slope = 0.0 if len(curve.flops) > 1 else np.nan
    return {"plateau_slope": slope, "plateau_low": slope, "plateau_high": slope}


def break_limits(breaks: np.ndarray, problems: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the limits of a break from its draws (log10 FLOPs), infinite where it lies beyond the caps.

    Percentiles as in `intervals.percentile_limits`, but of draws in which there may be no break; NaN for one problem.
    """
    if problems < 2:
        return np.nan, np.nan
    tail = expanded_tail(problems, level)
    known = np.where(np.isfinite(breaks), breaks, np.inf)
    low, high = (float(np.percentile(known, 100 * q, method="nearest")) for q in (tail, 1 - tail))
    return low, high


def plateau(fit: Fit, curve: Curve, level: float = LEVEL) -> tuple[dict, dict[str, Estimate]]:
    """Return break, last slope, their intervals at `level`, whether the curve has levelled off, and what may be pooled.

    It has levelled off when the last slope's interval reaches down to 0 and ends below half of the slope
    before the break.
    """
    describe, form = fit.form.describe, fit.form
    at, before, after = (float(v[0]) for v in describe(form.shape[[fit.choice]], fit.values[None]))
    shapes, values = refit(fit, curve.accuracy, curve.trials, curve.draws)
    breaks, befores, slopes = describe(shapes, values)
    low, high = (float(v) for v in percentile_limits(slopes, curve.problems, level))
    row = {"plateau_slope": after, "plateau_low": low, "plateau_high": high, "saturated": False}
    row["slope_before"] = before
    estimates = {}
    if np.isfinite(at):
        limits = [10**v if np.isfinite(v) else np.nan for v in break_limits(breaks, curve.problems, level)]
        row |= {"breakpoint_flops": 10**at, "low": limits[0], "high": limits[1]}
        row["direction"] = direction(*percentile_limits(slopes - befores, curve.problems, level))
        kind = {"levels_off": "breakpoint", "onset": "onset"}.get(row["direction"])
        if kind:
            estimates[f"{kind}_flops"] = Estimate(curve.model, at, breaks)
        if kind == "breakpoint":
            estimates["plateau_slope"] = Estimate(curve.model, after, slopes)
        if curve.tokens is not None:
            value, drawn = (np.interp(10**v, curve.flops, curve.tokens) for v in (at, breaks))
            row["breakpoint_tokens"] = float(value)
            if value > 0 and kind:
                logs = np.log10(np.where(drawn > 0, drawn, np.nan))
                estimates[f"{kind}_tokens"] = Estimate(curve.model, float(np.log10(value)), logs)
    return row | _verdict(form.name, at, before, row), estimates


def direction(low: float, high: float) -> str:
    """Return which way a curve bends at its break, from the limits of the slope after it less that before it."""
    return "onset" if low > 0 else "levels_off" if high < 0 else "unclear"


def _verdict(form: str, at: float, before: float, row: dict) -> dict:
    """Return whether a fitted curve is saturated, in which way, and else why not."""
    if reason := _why_not_saturated(form, at, before, row):
        return {"reason": reason}
    declines = form == "inverted_u" or (form not in LEVELLING and row["plateau_high"] < 0)
    kind = "decline" if declines else "plateau"
    return {"saturated": True, "saturation_kind": kind, "reason": None}


def _why_not_saturated(form: str, at: float, before: float, row: dict) -> str | None:
    """Return why a curve with a break `at` (log10 FLOPs) and the slope `before` it is not saturated."""
    after, low, high = (row[name] for name in ("plateau_slope", "plateau_low", "plateau_high"))
    if form == "inverted_u":
        return None
    if form == "none":
        return "no saturation in range: accuracy is best described without a break"
    if before <= 0:
        return "no saturation in range: accuracy does not rise before the last break"
    if after >= before:
        return "no saturation in range: accuracy is steepest at the end"
    if not np.isfinite(at):
        return "no saturation in range: 95 % of the fitted curve's rise lies beyond the caps"
    if form in LEVELLING:
        late = "not decided: the fitted curve may reach 95 % of its rise later"
        return None if np.isfinite(row["high"]) else late
    if low > 0:
        return "no saturation in range: accuracy still rises after the break"
    if not high < before / 2:
        return "not decided: the slope after the break may be more than half of that before it"
    return None


def davies(curve: Curve, null: Fit) -> float:
    """Return Davies' p-value for a change of slope somewhere between the second and last but one compute.

    S(b) is the standardised coefficient of max(0, x - b) added to a straight line, weighted by the fit without
    a break; its variance is taken from the bootstrap, so that the pairing of the caps counts. With M the
    largest |S|, f = problems - 1 degrees of freedom and V the total variation of arctan(S / sqrt(f)) over 10
    breaks,

        p = 2 P(t_f > M) + V (1 + M² / f)^(-(f - 1) / 2) Gamma((f + 1) / 2) / (Gamma(f / 2) sqrt(pi))

    (Davies 1987, Biometrika 74, 33; 2002, Biometrika 89, 484 for variances that are estimated, as in R's
    `segmented` for least squares). NaN with fewer than 5 computes.
    """
    x, y, freedom = curve.decades, curve.accuracy, curve.problems - 1
    if len(x) < 5 or freedom < 1:
        return np.nan
    p = np.clip(null.form.designs[0] @ null.values, 0.5 / (curve.trials + 1), 1 - 0.5 / (curve.trials + 1))
    weight = curve.trials / (p * (1 - p))
    line = np.column_stack([np.ones_like(x), x])
    spread = np.cov(curve.draws, rowvar=False) * (freedom + 1) / freedom
    statistics = []
    for knot in np.linspace(x[1], x[-2], DAVIES_POINTS):
        bend = np.maximum(x - knot, 0)
        bend -= line @ np.linalg.solve(line.T @ (weight[:, None] * line), line.T @ (weight * bend))
        contrast = weight * bend / ((weight * bend) @ bend)
        variance = contrast @ spread @ contrast
        if variance <= 0:
            return np.nan
        statistics.append(contrast @ y / np.sqrt(variance))
    largest = np.abs(statistics).max()
    variation = np.abs(np.diff(np.arctan(np.array(statistics) / np.sqrt(freedom)))).sum()
    scale = np.exp(gammaln((freedom + 1) / 2) - gammaln(freedom / 2)) / np.sqrt(np.pi)
    crossings = variation * scale * (1 + largest**2 / freedom) ** (-(freedom - 1) / 2)
    return float(min(2 * t.sf(largest, freedom) + crossings, 1.0))
