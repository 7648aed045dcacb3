"""The figure of accuracy against a cost, with the frontier and what to take at which budget."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from frontiers.analysis.published_runs import STRATEGY, counted_text
from frontiers.core.keys import KEY, MEAN, cap_order
from frontiers.report.figures import style as figures

JOINT = [*KEY[:3], "order"]
FRONTIER_COLUMNS = ["on_frontier", "p_on_frontier", "within_noise", "best_low", "best_high"]
LINES = ("-", "--", ":", "-.")
LEAST_GAIN = 0.01
"""Accuracy that a choice must gain over the one before to have a bar of its own."""
NARROWEST = 0.008
"""Share of the axis below which a bar is too narrow to be seen."""
TITLE, PANEL, SPACE, ROW, FOOT = 0.22, 2.25, 0.06, 0.185, 0.52
"""Heights in inches: title, panel, space between panel and strip, a row of the strip, what follows it."""


def join(points: pd.DataFrame, frontier: pd.DataFrame) -> pd.DataFrame:
    """Return the points that spend FLOPs, and their columns of `frontier`; false, 0 or empty if not in it."""
    listed = frontier[frontier["cost"] == "flops"][[*KEY, *FRONTIER_COLUMNS]]
    rows = points.assign(value=points["flops"].astype(float), order=cap_order(points["cap"]))
    rows = rows.merge(listed.assign(order=cap_order(listed["cap"])).drop(columns="cap"), how="left", on=JOINT)
    for column in ("on_frontier", "within_noise"):
        rows[column] = rows[column].astype("boolean").fillna(False).astype(bool)
    rows["p_on_frontier"] = rows["p_on_frontier"].fillna(0.0)
    return rows[rows["value"] > 0].sort_values([*JOINT[:3], "order"], kind="stable")


def choices(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frontier points of one benchmark by cost, with `end`: the cost up to which each is the best."""
    best = rows[rows["on_frontier"]].sort_values(["value", "order"], kind="stable").drop_duplicates("value")
    return best.assign(end=best["value"].shift(-1, fill_value=np.inf))


def merged(best: pd.DataFrame, narrowest: float) -> pd.DataFrame:
    """Return the choices worth a bar of their own: a point more accurate than the one before, and not too narrow.

    What is left out counts to the bar before it; `narrowest` is the least ratio of the ends of a bar.
    """
    kept: list[pd.Series] = []
    for _, row in best.iterrows():
        if kept and row["accuracy"] < kept[-1]["accuracy"] + LEAST_GAIN:
            continue
        if kept and row["value"] < kept[-1]["value"] * narrowest:
            kept.pop()
        kept.append(row)
    bars = pd.DataFrame(kept)
    return bars.assign(end=bars["value"].shift(-1, fill_value=np.inf)) if kept else best


def caps_text(caps: pd.Series) -> str:
    """Return the caps of one model's bars: "", "cap 16", "cap 8 to 64" or "cap 32 to none"."""
    order = caps[np.isfinite(caps)]
    if not len(order):
        return ""
    names = [f"{c:.0f}" for c in (order.min(), order.max())]
    names[1] = "none" if len(order) < len(caps) else names[1]
    return f", cap {names[0]}" + (f" to {names[1]}" if names[0] != names[1] else "")


def draw_panel(axis: Axes, rows: pd.DataFrame, colours: dict, strategies: list[str], right: float) -> None:
    """Draw points, intervals, the line over caps of every model, and the frontier as a step."""
    # If the frontier's models share one colour, it marks only their frontier points, not their curves.
    shared = set(colours.values()) == {figures.ACCENT, figures.GREY}
    for (model, strategy), curve in rows.groupby(["model", "strategy"], sort=False):
        colour = figures.GREY if shared else colours[model]
        style = {"linestyle": LINES[strategies.index(strategy) % len(LINES)], "linewidth": 0.8, "zorder": 2}
        axis.plot(curve["value"], curve["accuracy"], color=colour, alpha=0.5 if shared else 0.75, **style)
        off = curve[~curve["on_frontier"]]
        shape = figures.marker(curve["architecture"].iloc[0])
        axis.scatter(
            off["value"], off["accuracy"], s=9, marker=shape, color=colour, alpha=0.75, linewidth=0, zorder=3
        )
        near = off[off["within_noise"]]
        axis.scatter(
            near["value"],
            near["accuracy"],
            s=26,
            marker="o",
            facecolor="none",
            edgecolor="#555555",
            linewidth=0.45,
            zorder=3,
        )
        figures.draw_intervals(axis, off["value"], off, colour, alpha=0.3 if shared else 0.5, zorder=1)
        on = curve[curve["on_frontier"]]
        figures.draw_intervals(axis, on["value"], on, colours[model], alpha=0.8, zorder=1)
    best = choices(rows)
    if best.empty:
        return
    axis.fill_between(
        [*best["value"], right],
        [*best["best_low"], best["best_low"].iloc[-1]],
        [*best["best_high"], best["best_high"].iloc[-1]],
        step="post",
        color=figures.DARK,
        alpha=0.13,
        linewidth=0,
        zorder=0.5,
    )
    axis.step(
        [*best["value"], right],
        [*best["accuracy"], best["accuracy"].iloc[-1]],
        where="post",
        color=figures.DARK,
        linewidth=1.0,
        zorder=4,
    )
    for point in rows[rows["on_frontier"]].itertuples():
        axis.scatter(
            point.value,
            point.accuracy,
            s=24,
            marker=figures.marker(point.architecture),
            zorder=5,
            color=[figures.fade(colours[point.model], point.p_on_frontier)],
            edgecolor=figures.DARK,
            linewidth=0.6,
        )


def bars_of(rows: pd.DataFrame, limits: tuple[float, float]) -> pd.DataFrame:
    """Return the bars of the strip under a panel with these limits."""
    return merged(choices(rows), (limits[1] / limits[0]) ** NARROWEST)


def draw_strip(
    strip: Axes, panel: Axes, rows: pd.DataFrame, colours: dict, labels: figures.Labels, depth: int
) -> None:
    """Draw a row per model on the frontier: the budgets for which it is the best, and at which caps."""
    limits = panel.get_xlim()
    best = bars_of(rows, limits)
    models = list(dict.fromkeys(best["model"]))
    for row, model in enumerate(models):
        bars = best[best["model"] == model]
        for bar in bars.itertuples():
            end = min(bar.end, limits[1])
            strip.barh(
                row + 0.72,
                end - bar.value,
                left=bar.value,
                height=0.36,
                align="center",
                color=figures.fade(colours[model], bar.p_on_frontier),
                edgecolor=figures.DARK,
                linewidth=0.4,
            )
        start = bars["value"].iloc[0]
        name = strip.text(
            start, row + 0.27, labels.model(model) + caps_text(bars["order"]), fontsize=6, va="center"
        )
        if name.get_window_extent().x1 > strip.get_window_extent().x1 - 4:
            name.set(x=limits[1], ha="right")
        for axis in (panel, strip):
            axis.axvline(start, color=figures.GREY, linewidth=0.4, linestyle=(0, (1, 2)), zorder=0)
    strip.set_ylim(depth, 0)
    strip.set_yticks([])
    strip.set_ylabel("Best model", labelpad=5)
    sns.despine(ax=strip, left=True)


def legends(figure: plt.Figure, rows: pd.DataFrame, colours: dict, labels: figures.Labels, y: float) -> float:
    """Put a legend of the models, or of their architectures, and one of the other symbols under the panels.

    Returns where they end, as a share of the figure's height.
    """
    kinds = rows.drop_duplicates("model").set_index("model")["architecture"]
    handles = figures.architecture_handles(kinds)
    if len(colours) <= len(figures.PALETTE):
        style = {"markersize": 3.5, "linewidth": 0.8}
        handles = [
            Line2D([], [], color=c, marker=figures.marker(kinds[m]), label=labels.model(m), **style)
            for m, c in colours.items()
        ]
    first = figure.legend(handles=handles, ncols=4, loc="upper center", bbox_to_anchor=(0.5, y))
    edge = {"color": figures.DARK, "marker": "o", "markersize": 4.5, "markeredgewidth": 0.6, "linestyle": ""}
    signs = [
        Line2D([], [], color=figures.DARK, linewidth=1.0, label="frontier; a point on it in"),
        *(
            Line2D([], [], **edge, markerfacecolor=figures.fade("#555555", p), label=text)
            for p, text in ((1.0, "100 %"), (0.5, "50 %"), (0.05, "5 % of draws"))
        ),
        Line2D([], [], color="#555555", marker="|", markersize=7, linestyle="", label="95 % interval"),
        Patch(color=figures.DARK, alpha=0.13, linewidth=0, label="95 % band"),
        Line2D(
            [], [], linestyle="", marker="o", markersize=5, markerfacecolor="none", markeredgecolor="#555555",
            markeredgewidth=0.45, label="may be on it",
        ),
    ]  # fmt: skip
    below = first.get_window_extent().transformed(figure.transFigure.inverted()).y0
    second = figure.legend(handles=signs, ncols=len(signs), loc="upper center", bbox_to_anchor=(0.5, below))
    return second.get_window_extent().transformed(figure.transFigure.inverted()).y0


def draw(points: pd.DataFrame, frontier: pd.DataFrame, labels: figures.Labels) -> plt.Figure:
    """Return the figure of the tables of those names."""
    rows = join(points, frontier)
    benchmarks = figures.headline_first(points)
    models = list(dict.fromkeys(rows["model"]))
    emphasised = rows.loc[rows["on_frontier"], "model"]
    colours = figures.model_colours(models, emphasised)
    strategies = list(dict.fromkeys(rows["strategy"]))
    limits = figures.log_limits(rows["value"])
    top = figures.accuracy_top(rows["accuracy_high"].max())
    columns = min(2, len(benchmarks))
    depths = [bars_of(rows[rows["benchmark"] == b], limits)["model"].nunique() for b in benchmarks]
    lines = [max(depths[i : i + columns]) for i in range(0, len(benchmarks), columns)]
    tall = sum(TITLE + PANEL + SPACE + ROW * deep + FOOT for deep in lines)
    figure = plt.figure(figsize=(figures.WIDTH if columns > 1 else 4.2, tall))
    left = 0.07 if columns > 1 else 0.12
    width = (0.99 - left * columns) / columns
    y = tall
    for line, deep in enumerate(lines):
        y -= TITLE + PANEL
        for column, benchmark in enumerate(benchmarks[line * columns : (line + 1) * columns]):
            here = rows[rows["benchmark"] == benchmark]
            x, low, high = left + column * (width + left), y - SPACE - ROW * deep, ROW * deep
            panel = figure.add_axes((x, y / tall, width, PANEL / tall))
            strip = figure.add_axes((x, low / tall, width, high / tall), sharex=panel)
            figures.log_axis(panel, "x", *limits)
            draw_panel(panel, here, colours, strategies, limits[1])
            figures.accuracy_axis(panel, top)
            draw_strip(strip, panel, here, colours, labels, deep)
            panel.tick_params(labelbottom=False, which="both", bottom=False)
            strip.set_xlabel("Compute (FLOP per problem)")
            name = labels.benchmark(benchmark, among=len(benchmarks) - 1 if benchmark == MEAN else None)
            figures.title(panel, name, f"{figures.problems_text(here)}, {here['model'].nunique()} models")
        y -= SPACE + ROW * deep + FOOT
    end = legends(figure, rows, colours, labels, y)
    if (points["strategy"] == STRATEGY).all():
        figure.text(0.5, end, figures.wrapped(counted_text(points), 130), ha="center", va="top", fontsize=6)
    return figure
