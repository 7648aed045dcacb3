"""The figure of mixtures of experts and hybrids against dense models: regressions, and pairs of one size."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from frontiers.core.keys import MEAN
from frontiers.report.figures import style

KINDS = {"dense": "dense", "moe": "experts", "hybrid": "hybrid"}
ROW = 0.21
MOST = 14
"""Most pairs that are drawn; those released nearest to each other come first."""
STYLES = {"model": (2.6, 0.35), "developer": (0.9, 1.0)}
"""What errors are clustered by -> width and opacity of the line."""


def regressions(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw the difference of log-odds for everything that is held fixed, or why there is none."""
    rows = rows[rows["measure"] == "log_odds_at_matched_compute"]
    known = rows[rows["estimable"].astype(bool)]
    if known.empty:
        reason = str(rows["reason"].iloc[0]) if len(rows) else "All models are of one kind."
        style.say(axis, style.wrapped(reason, 42))
        return
    places = list(dict.fromkeys(zip(known["comparison"], known["held_fixed"], strict=True)))
    for row in known.itertuples():
        place = places.index((row.comparison, row.held_fixed))
        width, opacity = STYLES["developer" if "developer" in row.interval else "model"]
        axis.plot(
            [row.low, row.high],
            [place, place],
            color=style.ACCENT,
            linewidth=width,
            alpha=opacity,
            solid_capstyle="butt",
        )
        axis.scatter(row.estimate, place, s=11, color=style.ACCENT, linewidth=0, zorder=3)
    _rows(axis, [_named(comparison, held) for comparison, held in places])
    axis.set_xlabel("Difference in log-odds of a right answer")


def _named(comparison: str, held: str) -> str:
    a, b = comparison.split(" - ")
    return f"{KINDS[a]} less {KINDS[b]}, at the same\n{held.replace(' x ', ' × ')}"


def pairs(axis: Axes, rows: pd.DataFrame, labels: style.Labels) -> None:
    """Draw the difference in accuracy of every pair, with the ratio of compute."""
    order = rows["days_apart"].abs().fillna(np.inf).sort_values(kind="stable").index[:MOST]
    shown = rows.loc[order]
    names = []
    for place, row in enumerate(shown.itertuples()):
        colour = style.PALETTE[0 if row.equal == "active parameters" else 1]
        axis.plot(
            [100 * row.low, 100 * row.high],
            [place, place],
            color=colour,
            linewidth=0.9,
            solid_capstyle="butt",
        )
        axis.scatter(100 * row.difference, place, s=11, color=colour, linewidth=0, zorder=3)
        after = (
            ""
            if pd.isna(row.days_apart) or row.days_apart == 0
            else f", {row.days_apart / 30.44:+.0f} months"
        )
        cost = "" if pd.isna(row.flops_ratio) else f"{row.flops_ratio:.3g} × compute"
        names.append(
            f"{labels.model(row.model_a)} less {labels.model(row.model_b)}\n{row.equal}: {cost}{after}"
        )
    _rows(axis, names)
    axis.set_xlabel("Difference in accuracy (points)")


def _rows(axis: Axes, names: list[str]) -> None:
    """Name the rows of a panel, from top to bottom, and draw the line of no difference."""
    axis.axvline(0, color=style.DARK, linewidth=0.6, zorder=1)
    axis.set_yticks(range(len(names)), names, fontsize=5.4)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="x")


def draw(architectures: pd.DataFrame, size_pairs: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure: regressions over all benchmarks above, pairs of one size below."""
    number = size_pairs.groupby("benchmark")["model_a"].size()
    where = (
        MEAN
        if number.get(MEAN, 0) and number[MEAN] == number.max()
        else number.idxmax()
        if len(number)
        else None
    )
    mine = size_pairs[size_pairs["benchmark"] == where]
    regressed = architectures[architectures["benchmark"] == "all"]
    odds = regressed[regressed["measure"] == "log_odds_at_matched_compute"]
    known = odds[odds["estimable"].astype(bool)].drop_duplicates(["comparison", "held_fixed"])
    heights = [max(len(known), 1) + 1.5, max(min(len(mine), MOST), 1) + 1.5]
    figure, axes = plt.subplots(
        2, 1, figsize=(style.WIDTH, ROW * sum(heights) + 0.5), height_ratios=heights, layout="constrained"
    )
    regressions(axes[0], regressed)
    style.title(axes[0], "All benchmarks", "wide: errors by model; thin: by developer" if len(known) else "")
    if mine.empty:
        style.say(axes[1], "No two models of different kinds have the same size, within 10 %.")
        return figure
    pairs(axes[1], mine, labels)
    among = size_pairs.loc[size_pairs["benchmark"] != MEAN, "benchmark"].nunique()
    more = f", {MOST} of {len(mine)} pairs" if len(mine) > MOST else ""
    style.title(axes[1], labels.benchmark(where, among=among), f"{style.problems_text(mine)}{more}")
    return figure
