"""The figure of how the trend moves if one thing is decided otherwise."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.core.keys import MEAN
from frontiers.report.figures import style

SHOWN = {
    "accuracy_per_flop": ("o", style.PALETTE[0], "accuracy per FLOP"),
    "compute_at_accuracy_ols": ("D", style.PALETTE[1], "compute for a fixed accuracy, least squares"),
    "compute_at_accuracy_deming": ("s", style.PALETTE[2], "the same, Deming"),
    "compute_at_accuracy_inverse": ("^", style.PALETTE[3], "the same, inverse"),
}
"""Quantity -> sign, colour and name."""
STEP = 0.2
LIMITS = (-4.0, 2.0)
"""Decades per year that are shown; longer intervals are cut."""


def draw_panel(axis: Axes, rows: pd.DataFrame, variants: list[str]) -> None:
    """Draw the slopes of one benchmark, one line of signs per variant, or the reason why there are none."""
    axis.axvline(0, color=style.DARK, linewidth=0.6, zorder=1)
    for place, variant in enumerate(variants):
        here = rows[rows["variant"] == variant]
        known = here[here["estimable"]]
        for row in known.itertuples():
            sign, colour, _ = SHOWN[row.quantity]
            y = place + STEP * (list(SHOWN).index(row.quantity) - 1.5)
            if pd.notna(row.low):
                ends = np.clip([row.low, row.high], *LIMITS)
                axis.plot(ends, [y, y], color=colour, linewidth=0.8, solid_capstyle="butt", zorder=2)
            axis.scatter(
                np.clip(row.estimate, *LIMITS), y, s=7, marker=sign, color=colour, linewidth=0, zorder=3
            )
        if known.empty:
            axis.text(
                LIMITS[0] + 0.1,
                place,
                style.wrapped(here["reason"].iloc[0], 60),
                va="center",
                fontsize=5.2,
                color="#555555",
            )
    axis.set_xlim(*LIMITS)
    axis.set_ylim(len(variants) - 0.4, -0.6)
    axis.set_yticks(range(len(variants)), variants, fontsize=6)
    axis.set_xlabel("Change per year (decades)")


def draw(sensitivity: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure: a panel per benchmark, its variants from top to bottom."""
    sensitivity = sensitivity[sensitivity["quantity"].isin(SHOWN)]
    benchmarks = list(dict.fromkeys(sensitivity["benchmark"]))
    variants = list(dict.fromkeys(sensitivity["variant"]))
    columns = min(2, len(benchmarks))
    lines = -(-len(benchmarks) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(style.WIDTH, lines * (0.2 * len(variants) + 0.8)), squeeze=False, sharey=True,
        layout="constrained",
    )  # fmt: skip
    for axis, benchmark in zip(axes.flat, benchmarks, strict=False):
        here = sensitivity[sensitivity["benchmark"] == benchmark]
        draw_panel(axis, here, variants)
        among = len(benchmarks) - 1 if benchmark == MEAN else None
        style.title(
            axis, labels.benchmark(benchmark, among=among), f"{here['models'].iloc[0]} models as analysed"
        )
    for axis in axes.flat[len(benchmarks) :]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], marker=sign, color=colour, linewidth=0.8, markersize=4, label=name)
        for sign, colour, name in SHOWN.values()
    ]
    figure.legend(handles=handles, ncols=2, loc="outside lower center")
    return figure
