"""The page docs/evidence/real_models.md: how fast real open models got cheaper, beside what others found."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm

from frontiers.analysis.trend import cohorts
from frontiers.analysis.trend.dated_points import dated_points, frontier_at_date
from frontiers.analysis.trend.regressions import JACKKNIFE

HERE = Path(__file__).parent
BENCHMARKS = {"gpqa-diamond": "GPQA Diamond", "otis-mock-aime-2024-2025": "OTIS Mock AIME"}
DIRECTIONS = {"ols": "least squares", "deming": "Deming", "inverse": "inverse"}
COSTS = {"flops": "FLOPs", "dollars": "dollars"}
TODAY = date(2026, 11, 26)
GUNDLACH = (
    ("GPQA", "open, frontier", 3.968, 2.187, 7.202, 43),
    ("GPQA", "the same, hardware prices divided out", 2.778, 1.531, 5.042, 43),
    ("GPQA", "open, all", 1.368, 0.757, 2.473, 84),
    ("AIME", "open, frontier", 6.993, 2.594, 18.852, 31),
    ("AIME", "the same, hardware prices divided out", 4.895, 1.816, 13.196, 31),
    ("AIME", "open, all", 3.165, 1.574, 6.365, 60),
)
"""Factor a year by which the price of a fixed score fell, its 90 % limits, and the number of models."""


def page(points: pd.DataFrame, draws: int, seed: int) -> str:
    """Return the page from the table `points` of the study `recorded`."""
    found = cohorts.fit(points, draws, seed, today=TODAY)
    template = (HERE / "real_models_page.md").read_text(encoding="utf-8")
    alone = points[points["benchmark"] == "gpqa-diamond"]
    return template.format(
        draws=f"{draws:,}",
        models=alone["model"].nunique(),
        first=alone["release_date"].min(),
        last=alone["release_date"].max(),
        priced=alone.loc[alone["dollars"].notna(), "model"].nunique(),
        modes=table(found, ("all", "mode")),
        developers=table(
            found[(found["cost"] == "flops") & (found["benchmark"] == "gpqa-diamond")], ("developer",)
        ),
        theirs=theirs(),
        their_way=their_way(points),
    )


def table(found: pd.DataFrame, kinds: tuple[str, ...]) -> str:
    """Return the yearly factors of the cost of a fixed accuracy by cohort as a Markdown table."""
    mine = found[(found["metric"] == "compute_at_accuracy") & found["kind"].isin(kinds)]
    lines = [
        "| benchmark | cost | models | " + " | ".join(DIRECTIONS.values()) + " |",
        "|---|---|---|---|---|---|",
    ]
    for (benchmark, cost, cohort), rows in mine.groupby(["benchmark", "cost", "cohort"], sort=False):
        if benchmark in BENCHMARKS:
            cells = [told(rows[rows["estimator"] == name]) for name in DIRECTIONS]
            names = f"{BENCHMARKS[benchmark]} | {COSTS[cost]} | {cohort} ({rows['models'].iloc[0]})"
            lines.append(f"| {names} | {' | '.join(cells)} |")
    return "\n".join(lines)


def told(rows: pd.DataFrame) -> str:
    """Return the factor a year with its limits, by developer where there are such, else by model, else the reason."""
    known = rows[rows["estimable"].astype(bool)].sort_values(
        "standard_error", key=lambda name: name == JACKKNIFE
    )
    if known.empty:
        return rows["reason"].iloc[0]
    row = known.iloc[-1]
    by = "" if row["standard_error"] == JACKKNIFE else ", by model"
    middle, low, high = (number(10 ** -row[name]) for name in ("slope_per_year", "high", "low"))
    return f"{middle} × ({low} to {high}{by})"


def number(value: float) -> str:
    """Return a factor with two digits; extreme ones as a bound."""
    if not 0.01 <= value <= 1000:
        return "under 0.01" if value < 1 else "over 1,000"
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def theirs() -> str:
    """Return the figures of Gundlach et al. as a Markdown table."""
    lines = ["| benchmark | models | price of a fixed score falls by, a year | n |", "|---|---|---|---|"]
    lines += [
        f"| {b} | {what} | {m:.2f} × ({low:.2f} to {high:.2f}) | {n} |"
        for b, what, m, low, high, n in GUNDLACH
    ]
    return "\n".join(lines)


def their_way(points: pd.DataFrame) -> str:
    """Return the same regression on our models: log cost on date and log-odds, of all and of the frontier at its date."""
    lines = [
        "| benchmark | cost | models | the cost of a fixed accuracy falls by, a year | n |",
        "|---|---|---|---|---|",
    ]
    for cost, factor in cohorts.COSTS.items():
        known = points[points[cost].astype(float) > 0]
        rows = dated_points(known.assign(flops=known[cost].astype(float) * factor), today=TODAY)
        rows = rows[rows["left_out"].isna()]
        for benchmark, label in BENCHMARKS.items():
            here = rows[rows["benchmark"] == benchmark]
            for name, part in (("frontier at their date", here[frontier_at_date(here)]), ("all", here)):
                odds = np.log(part["share"] / (1 - part["share"]))
                design = sm.add_constant(np.column_stack([part["years"] - part["years"].mean(), odds]))
                fit = sm.OLS(np.log10(part["flops"].to_numpy(float)), design).fit()
                low, high = fit.conf_int(alpha=0.1)[1]
                middle, low, high = (number(10**-value) for value in (fit.params[1], high, low))
                lines.append(
                    f"| {label} | {COSTS[cost]} | {name} | {middle} × ({low} to {high}) | {len(part)} |"
                )
    return "\n".join(lines)
