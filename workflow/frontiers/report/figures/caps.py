"""The figure of accuracy against the reasoning cap, with breaks and saturation caps."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.core.keys import MEAN, cap_order
from frontiers.report.figures import style as figures

COLUMNS, PANEL, TRACK = 3, 1.45, 0.055


def positions(caps: pd.Series) -> pd.Series:
    """Return the places of caps on the axis: log2 of the tokens, with 0 and uncapped one step beyond the ends."""
    finite = sorted(set(caps[np.isfinite(caps) & (caps > 0)]))
    logs = np.log2(finite) if finite else np.zeros(1)
    step = max((logs[-1] - logs[0]) / max(len(logs) - 1, 1), 0.5)
    places = dict(zip(finite, logs, strict=False)) | {0.0: logs[0] - step, np.inf: logs[-1] + step}
    return caps.map(places)


def at_flops(curve: pd.DataFrame, flops: float) -> float:
    """Return the place of a compute on a curve over caps (ascending), linear in log FLOP; NaN outside."""
    known = curve.drop_duplicates("flops")
    return float(np.interp(np.log(flops), np.log(known["flops"]), known["place"], left=np.nan, right=np.nan))


BREAKS = {
    "|": "break, slower after it, with interval",
    ">": "break, faster after it, with interval",
    "d": "break, slower or faster is not shown",
}
"""Markers of the last break of a fit: where accuracy begins to level off, or begins to rise."""
MARKERS = {"levels_off": "|", "onset": ">", "unclear": "d"}
"""Direction of a break -> its marker."""


RINGS = {
    "saturation_cap": ({"markeredgewidth": 1.1}, "saturation cap, shown with 95 % confidence"),
    "saturation_cap_observed": ({"markeredgewidth": 0.6, "alpha": 0.75}, "saturation cap, observed only"),
}
"""Style and meaning of the rings: shown with 95 % confidence, and seen among these problems only."""


def ring_of(row: pd.Series) -> str | None:
    """Return the column of the cap to ring, None if no cap below the largest saturates."""
    return next((kind for kind in RINGS if pd.notna(row[kind])), None)


def break_marker(row: pd.Series) -> str | None:
    """Return the marker of a curve's last break, None if the fit has none."""
    if pd.isna(row["breakpoint_flops"]):
        return None
    return MARKERS[row["direction"]]


def draw_track(axis: Axes, curve: pd.DataFrame, row: pd.Series, height: float, colour: str) -> None:
    """Draw the break and its interval at `height`; an open interval runs to the end of the curve."""
    at = at_flops(curve, row["breakpoint_flops"])
    ends = [at_flops(curve, row[c]) if pd.notna(row[c]) else np.nan for c in ("low", "high")]
    low, high = (e if np.isfinite(e) else curve["place"].iloc[i] for e, i in zip(ends, (0, -1), strict=True))
    axis.plot([low, high], [height, height], color=colour, linewidth=1.2, solid_capstyle="butt")
    marker = break_marker(row)
    size = {
        "|": {"markersize": 5, "markeredgewidth": 1.4},
        ">": {"markersize": 3.2},
        "d": {"markersize": 3.2},
    }[marker]
    axis.plot(at, height, marker=marker, color=colour, **size)


def draw_panel(axis: Axes, rows: pd.DataFrame, saturation: pd.DataFrame, colours: dict, track: float) -> None:
    """Draw the curves of one model over caps, their intervals, breaks and saturation caps."""
    for line, ((benchmark, strategy), curve) in enumerate(
        rows.groupby(["benchmark", "strategy"], sort=False)
    ):
        colour, curve = colours[benchmark], curve.sort_values("place")
        axis.fill_between(
            curve["place"],
            curve["accuracy_low"],
            curve["accuracy_high"],
            color=colour,
            alpha=0.16,
            linewidth=0,
        )
        axis.plot(curve["place"], curve["accuracy"], color=colour, marker="o", markersize=2.4, linewidth=1.0)
        fitted = saturation[(saturation["benchmark"] == benchmark) & (saturation["strategy"] == strategy)]
        for _, row in fitted.iterrows():
            kind = ring_of(row)
            if kind:
                reached = curve[curve["order"] == float(row[kind])]
                axis.plot(
                    reached["place"],
                    reached["accuracy"],
                    marker="o",
                    markersize=6.5,
                    markerfacecolor="none",
                    color=colour,
                    linestyle="",
                    clip_on=False,
                    **RINGS[kind][0],
                )
            if break_marker(row):
                draw_track(axis, curve, row, -track * (line + 1.2), colour)


def cap_axis(axis: Axes, rows: pd.DataFrame) -> None:
    """Label the caps that occur, except those too close to their left neighbour."""
    ticks = rows.drop_duplicates("order").sort_values("order")
    span = np.ptp(ticks["place"]) or 1.0
    kept, last = [], -np.inf
    for row in ticks.itertuples():
        if row.place - last >= 0.085 * span or np.isinf(row.order):
            if (
                np.isinf(row.order)
                and kept
                and row.place - last < 0.11 * span
                and last > ticks["place"].min()
            ):
                kept.pop()
            kept.append(row)
            last = row.place
    axis.set_xticks([row.place for row in kept], [tokens(row.order) for row in kept])
    axis.set_xticks(ticks["place"], minor=True)
    for end, inner in ((0, 1), (-1, -2)):
        if ticks["order"].iloc[end] in (0.0, np.inf):
            axis_break(axis, ticks["place"].iloc[[end, inner]].mean())
    axis.set_xlim(ticks["place"].min() - 0.05 * span, ticks["place"].max() + 0.05 * span)


def axis_break(axis: Axes, place: float) -> None:
    """Mark on the x axis that it is not to scale at `place`."""
    axis.plot(
        place,
        0,
        transform=axis.get_xaxis_transform(),
        marker=[(-0.6, -1), (0.6, 1)],
        markersize=6,
        color=figures.DARK,
        markeredgewidth=0.6,
        clip_on=False,
    )


def tokens(cap: float) -> str:
    """Return a cap as text: 0, 512, 4k, none."""
    if np.isinf(cap):
        return "none"
    return f"{cap / 1024:.0f}k" if cap >= 1024 and cap % 1024 == 0 else f"{cap:.0f}"


def draw(points: pd.DataFrame, saturation: pd.DataFrame, labels: figures.Labels) -> plt.Figure:
    """Return the figure from the tables `points` and `saturation`; models with one cap have no curve to draw."""
    rows = points[points["benchmark"] != MEAN].assign(order=cap_order(points["cap"]))
    if rows.groupby(["model", "benchmark", "strategy"])["order"].nunique().max() < 2:
        figure, axis = plt.subplots(figsize=(4.0, 1.0))
        figures.say(axis, "No curve over caps: every model has one point.")
        return figure
    curves = rows.groupby(["model", "benchmark", "strategy"])["order"].transform("nunique") > 1
    rows = rows[curves].assign(place=positions(rows.loc[curves, "order"]))
    models, benchmarks = list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows["benchmark"]))
    colours = figures.model_colours(benchmarks)
    lines = -(-len(models) // COLUMNS)
    figure, axes = plt.subplots(
        lines, COLUMNS, figsize=(figures.WIDTH, lines * (PANEL + 0.35) + 0.6), sharey=True, squeeze=False
    )
    top = figures.accuracy_top(rows["accuracy_high"].max())
    track = TRACK * top
    breaks = saturation.loc[saturation["benchmark"] != MEAN].apply(break_marker, axis=1)
    broken = bool(breaks.notna().any())
    for place, axis in enumerate(axes.flat):
        if place >= len(models):
            axis.set_visible(False)
            continue
        here = rows[rows["model"] == models[place]]
        draw_panel(axis, here, saturation[saturation["model"] == models[place]], colours, track)
        figures.accuracy_axis(axis, top)
        tracks = here[["benchmark", "strategy"]].drop_duplicates().shape[0]
        if broken:
            axis.set_ylim(-track * (tracks + 0.9), 1.03 * top)
            axis.axhline(-0.45 * track, color=figures.GREY, linewidth=0.4)
            if place % COLUMNS == 0:
                middle = -track * (tracks + 1.35) / 2
                where = {"transform": axis.get_yaxis_transform(), "ha": "right", "va": "center"}
                axis.text(-0.02, middle, "breaks", fontsize=6, **where)
        cap_axis(axis, rows)
        axis.set_ylabel("Accuracy (%)" if place % COLUMNS == 0 else "")
        axis.set_xlabel("Reasoning cap (tokens)" if place + COLUMNS >= len(models) else "")
        figures.title(axis, labels.model(models[place]))
    handles = [
        Line2D(
            [],
            [],
            color=colours[b],
            marker="o",
            markersize=2.4,
            linewidth=1.0,
            label=label_of(b, rows, labels),
        )
        for b in benchmarks
    ]
    handles.append(
        plt.Rectangle((0, 0), 1, 1, color=figures.GREY, alpha=0.4, linewidth=0, label="95 % interval")
    )
    ring = {"marker": "o", "markersize": 6.5, "markerfacecolor": "none", "linestyle": ""}
    rung = saturation.loc[saturation["benchmark"] != MEAN].apply(ring_of, axis=1)
    for kind, (style, meaning) in RINGS.items():
        if (rung == kind).any():
            handles.append(Line2D([], [], color=figures.DARK, **ring, **style, label=meaning))
    for marker, meaning in BREAKS.items():
        if (breaks == marker).any():
            handles.append(
                Line2D([], [], color=figures.DARK, marker=marker, markersize=4, linewidth=1.2, label=meaning)
            )
    figure.tight_layout(h_pad=0.8, w_pad=0.8)
    free = [axis.get_position() for axis in axes.flat[len(models) :]]
    where = {"loc": "upper left", "bbox_to_anchor": (free[0].x0, free[0].y1)} if free else {}
    figure.legend(
        handles=handles,
        ncols=1 if free else 3,
        **(where or {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0)}),
    )
    return figure


def label_of(benchmark: str, rows: pd.DataFrame, labels: figures.Labels) -> str:
    """Return label and number of problems of a benchmark."""
    return f"{labels.benchmark(benchmark)} ({figures.problems_text(rows[rows['benchmark'] == benchmark])})"
