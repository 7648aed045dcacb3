"""The figure of accuracy against the reasoning cap on easy, middling and hard problems, a panel per model and benchmark."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.analysis.difficulty import FEWEST
from frontiers.core.keys import cap_order
from frontiers.report.figures import style
from frontiers.report.figures.caps import cap_axis, positions

COLUMNS, PANEL = 3, 1.55
STRATA = {
    "easy": (style.PALETTE[2], "o", "easy: the other models solve more than two thirds"),
    "middle": (style.PALETTE[4], "s", "a third to two thirds"),
    "hard": (style.PALETTE[1], "^", "hard: less than a third"),
}
"""Stratum -> colour, sign and name."""
NUMBERS = {
    "va": "top",
    "fontsize": 5.5,
    "color": "#555555",
    "bbox": {"color": "white", "alpha": 0.7, "pad": 0.8},
}


def draw_panel(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw accuracy over caps of every stratum, with intervals."""
    for stratum, curve in rows.groupby("stratum", sort=False):
        colour, sign, _ = STRATA[stratum]
        curve = curve.sort_values("place")
        axis.fill_between(
            curve["place"],
            curve["accuracy_low"],
            curve["accuracy_high"],
            color=colour,
            alpha=0.14,
            linewidth=0,
        )
        axis.plot(curve["place"], curve["accuracy"], color=colour, marker=sign, markersize=2.4, linewidth=1.0)
    axis.axhline(0, color=style.GREY, linewidth=0.4, zorder=0)


def draw(difficulty: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure from the table `difficulty`; of several strategies, the one with most models."""
    rows = difficulty.assign(order=cap_order(difficulty["cap"]))
    several = rows.groupby(["model", "strategy", "benchmark"])["order"].transform("nunique") > 1
    rows = rows[several & (rows["problems"] >= FEWEST)]
    if rows.empty:
        figure, axis = plt.subplots(figsize=(4.0, 1.0))
        style.say(axis, "Too few models with several caps, or too few problems, to tell easy from hard ones.")
        return figure
    rows = rows[rows["strategy"] == rows.groupby("strategy")["model"].nunique().idxmax()]
    rows = rows.assign(place=positions(rows["order"]))
    counts = difficulty.groupby(["model", "benchmark", "stratum"])["problems"].max()
    models = list(dict.fromkeys(rows["model"]))
    panels = sorted(
        rows.groupby(["model", "benchmark"], sort=False), key=lambda panel: models.index(panel[0][0])
    )
    columns = min(rows["benchmark"].nunique(), COLUMNS)
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(style.WIDTH, lines * PANEL + 0.5), sharey=True, squeeze=False, layout="constrained"
    )  # fmt: skip
    for place, axis in enumerate(axes.flat):
        if place >= len(panels):
            axis.set_visible(False)
            continue
        (model, benchmark), here = panels[place]
        draw_panel(axis, here)
        style.accuracy_axis(axis)
        cap_axis(axis, rows)
        axis.set_ylabel("Accuracy (%)" if place % columns == 0 else "")
        axis.set_xlabel("Reasoning cap (tokens)" if place + columns >= len(panels) else "")
        numbers = ", ".join(f"{counts.get((model, benchmark, name), 0)} {name}" for name in STRATA)
        style.title(axis, labels.model(model))
        axis.text(
            0.015, 0.97, f"{labels.benchmark(benchmark)}: {numbers}", transform=axis.transAxes, **NUMBERS
        )
    handles = [
        Line2D([], [], color=colour, marker=sign, markersize=2.4, linewidth=1.0, label=name)
        for colour, sign, name in STRATA.values()
    ]
    figure.legend(handles=handles, ncols=3, loc="outside lower center")
    return figure
