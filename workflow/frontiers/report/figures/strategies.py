"""The figure of accuracy against compute by strategy, with the frontier over all of them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from frontiers.analysis.frontier import pareto
from frontiers.config.strategies import METHODS
from frontiers.core.keys import MEAN
from frontiers.report.figures import style as figures

SHAPES = "oDs^vP*X"
PANEL = 2.6


def draw(points: pd.DataFrame, labels: figures.Labels) -> Figure:
    """Return the figure: a panel per benchmark, colours by method, shapes by model, lines from cap to cap."""
    points = points[(points["benchmark"] != MEAN) & (points["flops"] > 0)]
    names = figures.benchmark_order(points)
    figure, axes = plt.subplots(
        len(names), 1, figsize=(figures.WIDTH, PANEL * len(names)), squeeze=False, layout="constrained"
    )
    strategies = labels.strategies
    used = {s["method"] for s in strategies.values()}
    methods = {name: method for name, method in METHODS.items() if name in used}
    shapes = {m: SHAPES[i % len(SHAPES)] for i, m in enumerate(dict.fromkeys(points["model"]))}
    for axis, name in zip(axes[:, 0], names, strict=True):
        rows = points[points["benchmark"] == name]
        _panel(axis, rows, strategies, shapes)
        figures.title(axis, labels.benchmark(name), figures.problems_text(rows))
    axes[-1, 0].set_xlabel("FLOP per problem (policy, thoughts and reward model)")
    handles = [
        Line2D([], [], color=m.colour, marker="o", linestyle="", label=m.label) for m in methods.values()
    ]
    handles += [
        Line2D([], [], color="#555555", marker=s, linestyle="", label=labels.model(m))
        for m, s in shapes.items()
    ]
    handles.append(Line2D([], [], color="black", label="frontier"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, strategies: Mapping, shapes: Mapping) -> None:
    for (model, strategy), curve in rows.groupby(["model", "strategy"], sort=False):
        curve = curve.sort_values("flops")
        colour = METHODS[strategies[strategy]["method"]].colour
        figures.draw_intervals(axis, curve["flops"], curve, figures.fade(colour, 0.45))
        axis.plot(
            curve["flops"], curve["accuracy"], color=colour, marker=shapes[model], linewidth=0.5, markersize=3
        )
    best = rows[np.asarray(pareto.frontier(rows["flops"].to_numpy(float), rows["accuracy"].to_numpy(float)))]
    best = best.sort_values("flops")
    axis.plot(best["flops"], best["accuracy"], color="black", drawstyle="steps-post", linewidth=0.9, zorder=0)
    for _, point in best[best["cap"].isna()].iterrows():
        axis.annotate(
            figures.plain(strategies[point["strategy"]]["label"]),
            (point["flops"], point["accuracy"]),
            (-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize="x-small",
        )
    figures.log_axis(axis, "x", *figures.log_limits(rows["flops"]))
    figures.accuracy_axis(axis, figures.accuracy_top(rows["accuracy_high"].max()))
    axis.set_ylabel("accuracy (%)")
