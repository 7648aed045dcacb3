"""The figure of where the FLOPs of a decoded token go as the context grows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator, PercentFormatter

from frontiers.compute.model_card import read_card
from frontiers.report.figures import style as figures
from frontiers.report.figures.caps import tokens

COLUMNS, PANEL, OCTAVES, ROOM = 3, 1.15, 10, 0.18
BANDS = {
    "attention scores": (("attention_scores",), figures.PALETTE[0]),
    "attention projections": (("attention_projections",), figures.fade(figures.PALETTE[0], 0.45)),
    "feed-forward": (("feed_forward", "router", "auxiliary"), figures.fade(figures.PALETTE[4], 0.75)),
    "state space": (("state_space",), figures.fade(figures.PALETTE[2], 0.75)),
    "logits": (("logits",), figures.fade(figures.PALETTE[3], 0.75)),
}
"""The stacked bands from the bottom: components and colour. What grows with the context comes first."""
MARK = {"marker": "o", "markersize": 4, "markerfacecolor": "white", "markeredgecolor": figures.DARK}


def limits(cards: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return the shortest and longest context to draw: ten octaves, or more to show three of every model."""
    ends = [longest(card) for card in cards]
    return max(1, min(max(ends) >> OCTAVES, min(ends) >> 3)), max(ends)


def bands(card: Mapping[str, Any], lowest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return contexts from `lowest` to the model's longest, and the FLOP of each band there, one row per band.

    FLOP are interpolated linearly between the context lengths in the card, which is
    exact where no window or chunk ends in between.
    """
    rows = card["flops_per_token"]
    known = np.array([row["context"] for row in rows])
    grid = np.unique(np.concatenate([np.geomspace(lowest, known[-1], 200), known[known >= lowest]]))
    flops = [
        np.interp(grid, known, [sum(row[name] for name in names) for row in rows])
        for names, _ in BANDS.values()
    ]
    return grid, np.array(flops)


def draw_panel(axis: Axes, card: Mapping[str, Any], lowest: int) -> None:
    """Draw the stacked shares of one model, and the context from which scores cost more than everything else."""
    grid, flops = bands(card, lowest)
    shares = np.cumsum(flops / flops.sum(axis=0), axis=0)
    bottom = np.zeros(len(grid))
    for (_, colour), top in zip(BANDS.values(), shares, strict=True):
        axis.fill_between(grid, bottom, top, color=colour, linewidth=0)
        if (top > bottom).any():
            axis.plot(grid, top, color="white", linewidth=0.5)
        bottom = top
    draw_lead(axis, card["scores_overtake"], grid)


def draw_lead(axis: Axes, lead: int | None, grid: np.ndarray) -> None:
    """Mark and label the context from which scores lead; an arrow points to one outside `grid`."""
    if not lead:
        return
    if lead > grid[-1]:
        text, place, offset, side = f"→ {lead:,}", grid[-1], (-4, 0), "right"
    elif lead < grid[0]:
        text, place, offset, side = f"← {lead:,}", grid[0], (4, 0), "left"
    else:
        text, place, offset, side = f"{lead:,}", lead, (-5, 5), "right"
        axis.plot([lead, lead], [0, 0.5], color="white", linewidth=0.7, linestyle=(0, (3, 2)))
        axis.plot(lead, 0.5, **MARK, zorder=3)
    axis.annotate(
        text,
        (place, 0.5),
        offset,
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=6,
        color=figures.DARK,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "linewidth": 0, "alpha": 0.75},
    )


def title(axis: Axes, name: str, card: Mapping[str, Any], lowest: int) -> None:
    """Put the name above a panel, and under it the FLOP per token at both ends."""
    flops = bands(card, lowest)[1].sum(axis=0)
    axis.set_title(name, loc="left", fontweight="bold", pad=11.5)
    axis.annotate(
        per_token(flops[0], flops[-1]),
        (0, 1),
        (0, 3.5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6,
        color="#555555",
    )


def longest(card: Mapping[str, Any]) -> int:
    """Return the longest context of a card in tokens."""
    return card["flops_per_token"][-1]["context"]


def per_token(low: float, high: float) -> str:
    """Return a range of FLOP per token with three digits, both ends in the unit that fits the higher."""
    step = max(0, int(np.log10(high) // 3))
    digits = [f"{value / 1000**step:.3g}" for value in (low, high)]
    return f"{' to '.join(digits)} {('', 'k', 'M', 'G', 'T', 'P')[step]}FLOP per token"


def end(axis: Axes, card: Mapping[str, Any], low: int, high: int) -> None:
    """Label the model's longest context in the empty end of a panel, if that is wide enough."""
    if np.log(high / longest(card)) / np.log(high / low) < ROOM:
        return
    axis.annotate(
        f"longest\ncontext\n{longest(card):,}",
        (longest(card), 0),
        (3, 3),
        textcoords="offset points",
        fontsize=5.8,
        color="#555555",
    )


def context_axis(axis: Axes, low: int, high: int) -> None:
    """Make the x axis one of contexts in tokens: logarithmic, with powers of two as labels where they fit."""
    axis.set_xscale("log", base=2)
    axis.set_xlim(low, high)
    first, last = int(np.ceil(np.log2(low))), int(np.log2(high))
    step = max(1, -(-(last - first) // 4))
    ticks = [2**power for power in range(last, first - 1, -step)][::-1]
    axis.set_xticks(ticks, [tokens(tick) for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def read_models(paths: Sequence[Path]) -> dict[str, dict]:
    """Return the cards of the models by name, from files `<model>.json`."""
    return {path.name.removesuffix(".json"): read_card(path) for path in paths}


def draw(models: Mapping[str, Mapping[str, Any]], labels: figures.Labels) -> plt.Figure:
    """Return the figure from the cards of the models, by name, one panel each."""
    lines = -(-len(models) // COLUMNS)
    low, high = limits(list(models.values()))
    figure, axes = plt.subplots(
        lines, COLUMNS, figsize=(figures.WIDTH, lines * (PANEL + 0.5) + 0.35), sharey=True, squeeze=False
    )
    for place, axis in enumerate(axes.flat):
        if place >= len(models):
            axis.set_visible(False)
            continue
        name, card = list(models.items())[place]
        draw_panel(axis, card, low)
        title(axis, labels.model(name), card, low)
        context_axis(axis, low, high)
        end(axis, card, low, high)
        axis.set_ylim(0, 1)
        axis.set_yticks(np.arange(0, 1.01, 0.25))
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        axis.set_ylabel("Share of FLOP (%)" if place % COLUMNS == 0 else "")
        axis.set_xlabel("Context (tokens)" if place + COLUMNS >= len(models) else "")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.tight_layout(h_pad=0.8, w_pad=1.2)
    free = [axis.get_position() for axis in axes.flat[len(models) :]]
    where = {"loc": "upper left", "bbox_to_anchor": (free[0].x0, free[0].y1)} if free else {}
    figure.legend(
        handles=legend(list(models.values())),
        ncols=1 if free else 3,
        **(where or {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0)}),
    )
    return figure


def legend(cards: Sequence[Mapping[str, Any]]) -> list[Patch | Line2D]:
    """Return a legend entry for each band that occurs, topmost first, and for the mark where scores lead."""
    handles: list[Patch | Line2D] = [
        Patch(color=colour, label=name)
        for name, (names, colour) in BANDS.items()
        if any(row[part] for card in cards for row in card["flops_per_token"] for part in names)
    ][::-1]
    leads = [(card["scores_overtake"], longest(card)) for card in cards if card["scores_overtake"]]
    if leads:
        beyond = "\n(→ beyond the longest context)" if any(lead > end for lead, end in leads) else ""
        name = f"attention scores cost as much\nas everything else{beyond}"
        handles.append(Line2D([], [], linestyle="", **MARK, label=name))
    return handles
