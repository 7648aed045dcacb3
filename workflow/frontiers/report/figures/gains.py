"""The figure of what another doubling of compute gains, along the curve of each model."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.core.keys import MEAN
from frontiers.report.figures import style

COLUMNS, PANEL = 3, 1.35
POINT = 1.0
"""The gain per doubling, in percentage points, below which more compute is not called worth its price."""


def steps(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw each gain over the compute that it lies between, with its interval; filled where the verdict is shown."""
    for row in rows.itertuples():
        middle = np.sqrt(row.from_flops * row.to_flops)
        shown = row.pays != "unclear"
        axis.plot([row.from_flops, row.to_flops], [100 * row.gain] * 2, color=colour, linewidth=1.6)
        axis.plot([middle] * 2, [100 * row.low, 100 * row.high], color=colour, linewidth=0.8)
        axis.plot(
            middle,
            100 * row.gain,
            marker="o",
            markersize=3.2,
            color=colour,
            markerfacecolor=colour if shown else "white",
            markeredgewidth=0.7,
        )


def draw(gains: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure from the table `gains`, a panel per model, its axis linear up to 1 point and then logarithmic."""
    rows = gains[gains["benchmark"] != MEAN].dropna(subset=["low", "high"])
    if rows.empty:
        figure, axis = plt.subplots(figsize=(4.0, 1.0))
        style.say(axis, "No gain to show: no model has two caps of different compute.")
        return figure
    models, benchmarks = list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows["benchmark"]))
    colours = style.model_colours(benchmarks)
    lines = -(-len(models) // COLUMNS)
    figure, axes = plt.subplots(
        lines,
        COLUMNS,
        figsize=(style.WIDTH, lines * (PANEL + 0.35) + 0.6),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    low, high = style.log_limits([rows["from_flops"].min(), rows["to_flops"].max()])
    for place, (axis, model) in enumerate(zip(axes.flat, models, strict=False)):
        mine = rows[rows["model"] == model]
        for benchmark, part in mine.groupby("benchmark", sort=False):
            steps(axis, part, colours[benchmark])
        axis.axhline(0, color=style.DARK, linewidth=0.5, zorder=1)
        axis.axhline(POINT, color=style.DARK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=1)
        style.log_axis(axis, "x", low, high)
        axis.set_yscale("symlog", linthresh=POINT, linscale=0.5)
        axis.yaxis.set_major_locator(plt.FixedLocator([-10, -POINT, 0, POINT, 10, 100]))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        axis.yaxis.set_minor_locator(plt.NullLocator())
        axis.grid(axis="y")
        axis.set_ylabel("Points per doubling" if place % COLUMNS == 0 else "")
        below = place + COLUMNS >= len(models)
        axis.set_xlabel("Compute (FLOP per problem)" if below else "")
        axis.tick_params(labelbottom=below)
        style.title(axis, labels.model(model))
    for axis in axes.flat[len(models) :]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], color=colours[b], linewidth=1.6, label=f"{labels.benchmark(b)} ({problems})")
        for b in benchmarks
        for problems in [style.problems_text(rows[rows["benchmark"] == b])]
    ]
    handles += [
        Line2D([], [], color=style.DARK, linewidth=0.6, linestyle=(0, (3, 2)), label="1 point per doubling"),
        *(
            Line2D([], [], color=style.DARK, marker="o", markersize=3.2, linestyle="", **fill, label=label)
            for fill, label in (
                ({}, "more or less than 1 point, shown"),
                ({"markerfacecolor": "white"}, "neither shown"),
            )
        ),
    ]
    figure.tight_layout(h_pad=0.8, w_pad=0.8)
    figure.legend(handles=handles, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 0.0))
    return figure
