"""The tables of the explorer, as rows of text."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.architectures.regression import quoted

METRICS = {
    "s_eff": "accuracy / log10(FLOP), depends on the unit",
    "accuracy_per_flop": "accuracy per FLOP",
    "compute_at_accuracy": "compute for a fixed accuracy",
    "compute_at_accuracy_uncorrected": "compute for a fixed accuracy, not corrected for guessing",
}
HEADLINE = ("compute_at_accuracy", "all")
"""Metric and selection of the trend that is shown first; the others are folded."""
SELECTIONS = {"all": "all models", "frontier_at_date": "on the frontier at their date"}


def choice_rows(
    frontier: pd.DataFrame, models: Mapping[str, str], units: Mapping[str, tuple[float, str]]
) -> list[dict]:
    """Return the points of each frontier as rows of text: from its cost to that of the next, take this one.

    `units` holds, by cost, the factor of the unit that is shown.
    """
    rows = []
    on = frontier[frontier["on_frontier"]].sort_values(["benchmark", "cost", "cost_value"], kind="stable")
    for (benchmark, cost), part in on.groupby(["benchmark", "cost"], sort=False):
        if cost not in units:
            continue
        scale = units[cost][0]
        ends = [*part["cost_value"].iloc[1:], None]
        for best, end in zip(part.to_dict("records"), ends, strict=True):
            rows.append(
                {
                    "benchmark": benchmark,
                    "cost": cost,
                    "from": scientific(scale * best["cost_value"]),
                    "to": "any" if end is None else scientific(scale * end),
                    "model": models.get(best["model"], best["model"]),
                    "cap": "none" if pd.isna(best["cap"]) else f"{best['cap']:,.0f}",
                    "accuracy": interval(best["accuracy"], best["accuracy_low"], best["accuracy_high"]),
                    "held_out": "–"
                    if pd.isna(best["held_out"])
                    else interval(best["held_out"], best["held_out_low"], best["held_out_high"]),
                    "p": "–" if pd.isna(best["p_on_frontier"]) else f"{100 * best['p_on_frontier']:.0f}",
                }
            )
    return rows


def saturation_rows(saturation: pd.DataFrame, models: Mapping[str, str]) -> list[dict]:
    """Return the table `saturation` as rows of text."""
    rows = []
    for row in saturation.to_dict("records"):
        at, low, high = (row[c] for c in ("breakpoint_flops", "low", "high"))
        ends = [scientific(v) if pd.notna(v) else "open" for v in (low, high)]
        rows.append(
            {
                "benchmark": row["benchmark"],
                "model": models.get(row["model"], row["model"]),
                "form": row["form"].replace("_", " "),
                "saturated": row["saturation_kind"] if row["saturated"] else "no",
                "direction": row["direction"].replace("_", " ") if isinstance(row["direction"], str) else "–",
                "cap": "–" if pd.isna(row["saturation_cap"]) else f"{int(row['saturation_cap']):,}",
                "break": "–"
                if pd.isna(at)
                else f"{scientific(at)} ({ends[0]} to {ends[1]}, {100 * row['level']:.3g} %)",
                "reason": row["reason"] if isinstance(row["reason"], str) else "",
            }
        )
    return rows


def trend_rows(trend: pd.DataFrame) -> list[dict]:
    """Return the table `trend` as rows of text."""
    rows = []
    for row in trend.to_dict("records"):
        slope = [f"{row[c]:.3g}" if pd.notna(row[c]) else "open" for c in ("slope_per_year", "low", "high")]
        columns = [row[f"doubling_{c}"] for c in ("months", "low", "high")]
        time = [f"{v:.1f}" if pd.notna(v) else "open" for v in columns]
        reason = row["reason"] if isinstance(row["reason"], str) else ""
        rows.append(
            {
                "benchmark": row["benchmark"],
                "headline": (row["metric"], row["selection"]) == HEADLINE,
                "metric": METRICS[row["metric"]],
                "selection": SELECTIONS[row["selection"]],
                "method": f"{row['estimator']}, {row['standard_error']}",
                "models": row["models"],
                "slope": f"{slope[0]} ({slope[1]} to {slope[2]})"
                if row["estimable"]
                else f"not estimable: {reason}",
                "months": f"{time[0]} ({time[1]} to {time[2]})" if pd.notna(columns[0]) else "–",
            }
        )
    return rows


def architecture_rows(architectures: pd.DataFrame) -> list[dict]:
    """Return the regressions over benchmarks to quote as rows of text."""
    odds = architectures[architectures["measure"] == "log_odds_at_matched_compute"]
    return [
        {
            "comparison": row["comparison"].replace("moe", "experts").replace(" - ", " less "),
            "held_fixed": row["held_fixed"].replace(" x ", " × "),
            "odds": f"{row['estimate']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})",
            "models": f"{row['models_a']} and {row['models_b']:.0f}",
            "errors": "by developer" if "developer" in row["interval"] else "by model",
        }
        for row in quoted(odds).to_dict("records")
    ]


def pair_rows(size_pairs: pd.DataFrame, models: Mapping[str, str]) -> list[dict]:
    """Return pairs of models of one size as rows of text."""
    return [
        {
            "benchmark": row["benchmark"],
            "a": models.get(row["model_a"], row["model_a"]),
            "b": models.get(row["model_b"], row["model_b"]),
            "equal": row["equal"],
            "points": f"{100 * row['difference']:+.1f} ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})",
            "p": "–" if pd.isna(row["p_holm"]) else f"{row['p_holm']:.2g}",
            "compute": "–" if pd.isna(row["flops_ratio"]) else f"{row['flops_ratio']:.3g}",
            "later": "–" if pd.isna(row["days_apart"]) else f"{row['days_apart']:+d}",
        }
        for row in size_pairs.to_dict("records")
    ]


def scientific(value: float) -> str:
    """Return a number as text: plain from 0.01 to 100,000, else with three digits and a power of ten."""
    if value == 0 or 0.01 <= abs(value) < 1e5:
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{float(digits):g} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def interval(value: float, low: float, high: float) -> str:
    """Return an accuracy and its interval in percent."""
    return f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"
