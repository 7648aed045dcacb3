"""The figure of the frontier at the end of each half-year: a family of lines per benchmark."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from frontiers.core.keys import MEAN
from frontiers.report.figures import style

PANEL = 2.6
"""Height of a panel in inches."""


def draw_panel(axis: Axes, rows: pd.DataFrame, colours: dict[str, tuple]) -> None:
    """Draw the frontiers of one benchmark as steps, the models that joined as signs with their intervals."""
    low, high = style.log_limits(rows["cost_value"])
    style.log_axis(axis, "x", low, high)
    for order, (end, part) in enumerate(rows.groupby("half_year", sort=True)):
        part = part.sort_values("cost_value")
        axis.step(
            [*part["cost_value"], high],
            [*part["accuracy"], part["accuracy"].iloc[-1]],
            where="post",
            color=colours[end],
            linewidth=1.1,
            zorder=2 + 0.01 * order,
            label=end[:7],
        )
        joined = part[part["new"]]
        style.draw_intervals(axis, joined["cost_value"], joined, colours[end], alpha=0.5, zorder=1)
        axis.scatter(
            joined["cost_value"], joined["accuracy"], s=10, color=[colours[end]], linewidth=0, zorder=3
        )
    style.accuracy_axis(axis, style.accuracy_top(rows["accuracy_high"].max()))
    axis.set_xlabel("Compute per problem (FLOP)")


def draw(half_years: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure from the table `half_years`, against FLOPs."""
    rows = half_years[half_years["cost"] == "flops"]
    if rows.empty:
        figure, axis = plt.subplots(figsize=(4.0, 1.0))
        style.say(axis, "No model has a release date.")
        return figure
    benchmarks = style.benchmark_order(rows)
    ends = sorted(rows["half_year"].unique())
    colours = dict(zip(ends, sns.color_palette("viridis_r", len(ends) + 1)[1:], strict=True))
    columns = min(2, len(benchmarks))
    lines = -(-len(benchmarks) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(style.WIDTH, lines * PANEL), squeeze=False, layout="constrained"
    )
    for axis, benchmark in zip(axes.flat, benchmarks, strict=False):
        here = rows[rows["benchmark"] == benchmark]
        draw_panel(axis, here, colours)
        name = labels.benchmark(benchmark, among=len(benchmarks) - 1 if benchmark == MEAN else None)
        style.title(axis, name, f"{here['models'].max()} models")
    for axis in axes.flat[len(benchmarks) :]:
        axis.set_visible(False)
    handles = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        [handles[end[:7]] for end in ends],
        [end[:7] for end in ends],
        title="released by",
        title_fontsize=6.5,
        ncols=min(len(ends), 8),
        loc="outside lower center",
    )
    return figure
