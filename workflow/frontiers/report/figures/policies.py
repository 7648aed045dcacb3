"""The figure of policies beside the fixed caps, and of what they gain at equal compute."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.analysis.policies import POLICIES
from frontiers.core.keys import MEAN
from frontiers.report.figures import style

PANEL = 2.3
NOT_SHOWN = 0.05


def draw(points: pd.DataFrame, policies: pd.DataFrame, labels: style.Labels) -> plt.Figure:
    """Return the figure: per benchmark accuracy against compute at the left, gains over fixed caps at the right."""
    if policies.empty:
        figure, axis = plt.subplots(figsize=(4.0, 1.0))
        style.say(axis, "No policy to judge: no model has two reasoning caps of known compute.")
        return figure
    names = list(dict.fromkeys(policies["benchmark"]))
    figure, axes = plt.subplots(
        len(names), 2, figsize=(style.WIDTH, PANEL * len(names)), squeeze=False, layout="constrained"
    )
    points = points[(points["benchmark"] != MEAN) & (points["flops"] > 0)]
    for (left, right), name in zip(axes, names, strict=True):
        rows = policies[policies["benchmark"] == name]
        fixed = points[(points["benchmark"] == name) & points["model"].isin(rows["model"])]
        _frontier(left, fixed, rows)
        _gains(right, rows)
        style.title(left, labels.benchmark(name), style.problems_text(rows))
    axes[-1, 0].set_xlabel("Compute (FLOP per problem)")
    axes[-1, 1].set_xlabel("Compute (FLOP per problem)")
    used = [policy for key, policy in POLICIES.items() if key in set(policies["policy"])]
    handles = [Line2D([], [], color=p.colour, marker="o", linestyle="", label=p.label) for p in used]
    handles += [
        Line2D([], [], color="#999999", linewidth=0.8, label="fixed caps of a model"),
        Line2D(
            [],
            [],
            color="#555555",
            marker="o",
            markerfacecolor="white",
            linestyle="",
            label="no difference shown",
        ),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _frontier(axis: Axes, fixed: pd.DataFrame, rows: pd.DataFrame) -> None:
    for _, curve in fixed.groupby(["model", "strategy"], sort=False):
        curve = curve.sort_values("flops")
        axis.plot(curve["flops"], curve["accuracy"], color="#999999", linewidth=0.8, marker=".", markersize=2)
    for name, policy in POLICIES.items():
        mine = rows[rows["policy"] == name]
        style.draw_intervals(axis, mine["flops"], mine, style.fade(policy.colour, 0.5))
        axis.plot(
            mine["flops"], mine["accuracy"], color=policy.colour, marker="o", markersize=3, linestyle=""
        )
    style.log_axis(axis, "x", *style.log_limits([*fixed["flops"], *rows["flops"]]), room=2)
    style.accuracy_axis(axis, style.accuracy_top(rows["accuracy_high"].max(), fixed["accuracy"].max()))
    axis.set_ylabel("Accuracy (%)")


def _gains(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axhline(0, color=style.DARK, linewidth=0.5, zorder=1)
    for row in rows.itertuples():
        colour = POLICIES[row.policy].colour
        axis.plot([row.flops] * 2, [100 * row.low, 100 * row.high], color=colour, linewidth=0.6)
        filled = colour if row.p_holm < NOT_SHOWN else "white"
        axis.plot(
            row.flops, 100 * row.difference, marker="o", markersize=3, color=colour, markerfacecolor=filled
        )
    style.log_axis(axis, "x", *style.log_limits(rows["flops"]), room=2)
    axis.set_ylabel("Points over fixed caps")
