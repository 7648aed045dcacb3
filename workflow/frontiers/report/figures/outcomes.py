"""The figure of what failed generations cost compared with successful ones."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.core.cli import UserError
from frontiers.report.figures import style as figures

ROW = 0.2
FAILED, SUCCESSFUL = figures.PALETTE[1], figures.PALETTE[0]
COMPARISONS = {
    "raw": ("o", figures.DARK, "raw"),
    "within_problem": ("D", figures.PALETTE[2], "within problem"),
    "adjusted": ("s", figures.PALETTE[3], "adjusted for the difficulty that the models share"),
}
SHIFT = 0.26
ALL = "all"
TICKS = (
    (0.8, 0.9, 1, 1.1, 1.2, 1.3),
    (0.6, 0.8, 1, 1.2, 1.5),
    (0.5, 0.7, 1, 1.4, 2),
    (0.2, 0.5, 1, 2, 5),
    (0.1, 0.3, 1, 3, 10),
    (0.1, 1, 10),
)
"""Labels of an axis of ratios, finest first."""


def rows_of(table: pd.DataFrame) -> list[str]:
    """Return the models of one benchmark in the order of the table, the pooled row last."""
    names = list(dict.fromkeys(table["model"]))
    return [n for n in names if n != ALL] + [n for n in names if n == ALL]


def short(reason: object) -> str:
    """Return the reason up to its first semicolon, counts of failed and successful answers in few words."""
    text = str(reason).split(";")[0]
    return re.sub(r"^failed: ([\d,]+), successful: ([\d,]+).*", r"\1 failed, \2 right", text)


def say(axis: Axes, place: int, reason: object, width: int) -> None:
    """Write in an empty row why nothing is drawn, `width` characters wide."""
    axis.annotate(
        figures.wrapped(short(reason), width),
        (0.02, place),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=5.2,
        color="#555555",
        linespacing=1.0,
    )


def draw_means(axis: Axes, table: pd.DataFrame, models: list[str], width: int) -> None:
    """Draw the mean cost of failed and of successful generations of each model, or the reason why there is none."""
    raw = table[table["comparison"] == "raw"].set_index("model")
    for place, model in enumerate(models):
        if model not in raw.index:
            continue
        if not raw.loc[model, "estimable"]:
            say(axis, place, raw.loc[model, "reason"], width)
            continue
        ends = raw.loc[model, ["failed", "successful"]].astype(float)
        axis.plot(ends, [place, place], color=figures.GREY, linewidth=0.8, zorder=1)
        axis.scatter(ends["failed"], place, s=16, marker="X", color=FAILED, linewidth=0, zorder=3)
        axis.scatter(ends["successful"], place, s=16, marker="o", color=SUCCESSFUL, linewidth=0, zorder=2)


def draw_ratios(axis: Axes, table: pd.DataFrame, models: list[str], width: int) -> None:
    """Draw the ratios with intervals, or the reason if there are none, `width` characters wide."""
    axis.axvline(1, color=figures.DARK, linewidth=0.6, zorder=1)
    for place, model in enumerate(models):
        here = table[table["model"] == model]
        known = here[here["estimable"]]
        if here.empty:
            continue
        for step, row in enumerate(known.itertuples()):
            sign, colour, _ = COMPARISONS[row.comparison]
            y = place + SHIFT * step
            if pd.notna(row.low):
                axis.plot(
                    [row.low, row.high], [y, y], color=colour, linewidth=1.0, solid_capstyle="butt", zorder=2
                )
            axis.scatter(row.estimate, y, s=13, marker=sign, color=colour, linewidth=0, zorder=3)
        if known.empty:
            say(axis, place, here["reason"].iloc[0], width)


def cost_limits(costs: np.ndarray) -> tuple[float, float]:
    """Return limits of the axis of costs, at least a decade apart, so that few powers of ten label it."""
    low, high = figures.log_limits(costs, 0.08)
    short = max(10 / (high / low), 1.0) ** 0.5
    return low / short, high * short


def ratio_limits(table: pd.DataFrame) -> tuple[float, float]:
    """Return limits of the ratio axis that hold 1 and all intervals, the widest cut at a factor of 30."""
    known = table[table["estimable"]]
    values = [1.0, *known["low"].dropna(), *known["high"].dropna(), *known["estimate"].dropna()]
    low, high = figures.log_limits(np.clip(values, 1 / 30, 30), 0.08)
    return min(low, 0.8), max(high, 1.25)


def ratio_axis(axis: Axes, low: float, high: float, most: int) -> None:
    """Make the x axis one of ratios, logarithmic, with at most `most` labels, plain numbers."""
    figures.log_axis(axis, "x", low, high)
    inside = [[t for t in ticks if low <= t <= high] for ticks in TICKS]
    reach = np.log(high / low)
    ticks = next(
        (
            t
            for t, full in zip(inside, TICKS, strict=True)
            if most >= len(t) > len(full) / 2 and np.log(t[-1] / t[0]) > 0.4 * reach
        ),
        [1],
    )
    axis.set_xticks(ticks, [f"{t:.3g}" for t in ticks])
    axis.set_xticks([], minor=True)


def draw(outcomes: pd.DataFrame, labels: figures.Labels) -> plt.Figure:
    """Return the figure from the table `outcomes`."""
    table = outcomes[(outcomes["measure"] == "flops") & outcomes["comparison"].isin(COMPARISONS)]
    if table.empty:
        raise UserError("the table `outcomes` has no rows of `flops`; rerun compare_outcomes")
    groups = list(table.groupby(["benchmark", "strategy"], sort=False))
    models = rows_of(table)
    # Only ratios are pooled over models.
    single = [m for m in models if m != ALL]
    figure, axes = plt.subplots(
        2,
        len(groups),
        figsize=(figures.WIDTH, (len(single) + len(models)) * ROW + 1.6),
        squeeze=False,
        sharex="row",
        sharey="row",
        height_ratios=[len(single), len(models)],
    )
    costs = table.loc[table["estimable"] & (table["comparison"] == "raw"), ["failed", "successful"]].to_numpy(
        float
    )
    several = table["strategy"].nunique() > 1
    for (means, ratios), ((benchmark, strategy), part) in zip(axes.T, groups, strict=True):
        width = int(84 / len(groups))
        draw_means(means, part, single, width)
        draw_ratios(ratios, part, models, width)
        number = part["n"][part["comparison"] == "raw"].max()
        name = labels.benchmark(benchmark) + (f", {strategy}" if several else "")
        figures.title(means, figures.wrapped(name, int(72 / len(groups))), pad=14)
        means.text(0, 1.02, f"{number:,} per model", transform=means.transAxes, va="bottom", color="#555555")
    for axis in axes.flat:
        axis.grid(axis="y")
        axis.tick_params(axis="y", length=0)
    for axis, shown in ((axes[0, 0], single), (axes[1, 0], models)):
        names = ["all models" if m == ALL else labels.model(m) for m in shown]
        axis.set_yticks(range(len(shown)), names)
        axis.set_ylim(len(shown) - 0.35, -0.65)
    figures.log_axis(axes[0, 0], "x", *cost_limits(costs.ravel()), room=len(groups))
    ratio_axis(axes[1, 0], *ratio_limits(table), most=max(3, int(11 / len(groups))))
    middle = len(groups) // 2
    axes[0, middle].set_xlabel("Compute (FLOP per generation)")
    axes[1, middle].set_xlabel("Failed / successful (ratio)")
    signs = {"linestyle": "", "markersize": 4.5, "markeredgewidth": 0}
    handles = [
        Line2D([], [], marker="X", color=FAILED, label="failed, mean", **signs),
        Line2D([], [], marker="o", color=SUCCESSFUL, label="successful, mean", **signs),
        *(
            Line2D(
                [],
                [],
                marker=sign,
                color=colour,
                markersize=4,
                linewidth=1,
                label=f"{label}, 95 % interval",
            )
            for name, (sign, colour, label) in COMPARISONS.items()
            if (table["comparison"] == name).any()
        ),
    ]
    figure.tight_layout(h_pad=0.6, w_pad=0.8)
    figure.legend(
        handles=handles, ncols=3 if len(handles) > 4 else 4, loc="upper center", bbox_to_anchor=(0.5, 0.0)
    )
    return figure
