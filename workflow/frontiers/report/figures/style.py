"""What all figures share: style, colours, markers, axes, labels, and saving.

seaborn sets the theme; panels use matplotlib, because no seaborn plot accepts limits that are already computed.
"""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from frontiers.analysis.findings.study import headline
from frontiers.core.cli import UserError
from frontiers.core.escapes import one_line
from frontiers.core.files import partial
from frontiers.core.keys import MEAN

matplotlib.use("Agg")

WIDTH = 7.1
"""Width of a figure in inches: both columns of a journal page."""

PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
    "#56b4e9", "#332288", "#882255", "#999933", "#44aa99",
)  # fmt: skip
"""Distinguishable with the common kinds of colour blindness: Okabe & Ito 2008 without yellow and black, then four
of Tol 2021 (Colour schemes, SRON technical note, "muted")."""

GREY, DARK, ACCENT = "#9a9a9a", "#222222", "#0072b2"
MARKERS = {"dense": "o", "moe": "D", "hybrid": "^"}
UNKNOWN_MARKER = "s"
ARCHITECTURES = {
    "dense": "dense",
    "moe": "mixture of experts",
    "hybrid": "hybrid",
    None: "architecture unknown",
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.width": 0.4,
    "xtick.minor.size": 1.8,
    "ytick.minor.width": 0.4,
    "ytick.minor.size": 1.8,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "grid.linewidth": 0.4,
    "grid.color": "#e4e4e4",
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "reasoning-frontiers",
}


def set_style() -> None:
    """Set the style of all figures."""
    sns.set_theme(context="paper", style="ticks", palette=PALETTE, rc=STYLE)


@dataclass(frozen=True)
class Labels:
    """Display names by slug; a slug without a name is shown as it is. Strategies have a `label` and a `method`."""

    models: Mapping[str, str] = field(default_factory=dict)
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    strategies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def model(self, name: str) -> str:
        """Return the label of a model."""
        return plain(self.models.get(name, name))

    def benchmark(self, name: str, among: int | None = None) -> str:
        """Return the label of a benchmark; for the mean, `among` is the number of benchmarks averaged."""
        if name == MEAN:
            return f"Mean of {among} benchmarks" if among else "Mean of the benchmarks"
        return plain(self.benchmarks.get(name, name))


def plain(text: str) -> str:
    """Return `text` on one printable line, with dollar signs escaped so that they start no formula."""
    return one_line(text).replace("$", r"\$")


def parse_labels(text: str) -> Labels:
    """Read the argument `--labels`, JSON of the fields of `Labels`, each optional. Raises `UserError`."""
    example = '{"models": {"m-1": "Model 1"}, "benchmarks": {}}'
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"--labels is not JSON ({error}); pass for example {example}") from error
    if not isinstance(found, dict) or (odd := set(found) - {each.name for each in fields(Labels)}):
        what = f"has the unknown keys {sorted(odd)}" if isinstance(found, dict) else "is not a JSON object"
        raise UserError(f"--labels {what}; pass for example {example}")
    return Labels(**found)


def with_point_labels(labels: Labels, points: pd.DataFrame) -> Labels:
    """Add the labels in the table `points` for models that `labels` does not name."""
    known = dict(zip(points["model"], points["label"], strict=True))
    return replace(labels, models=known | dict(labels.models))


def note_missing(figure: Figure, labels: Sequence[str]) -> None:
    """Name below a figure the models whose jobs failed; nothing if there are none."""
    if labels:
        text = f"Without {', '.join(labels)}: their jobs failed (findings.md says why)"
        figure.text(0.0, -0.02, textwrap.fill(text, 110), va="top", fontsize=6)


def save(figure: Figure, svg: Path, png: Path) -> None:
    """Write the figure as SVG and PNG, each atomically; the same figure gives the same bytes."""
    for path, kind, metadata in (
        (svg, "svg", {"Date": None, "Creator": None}),
        (png, "png", {"Software": None}),
    ):
        with partial(path) as hidden:
            figure.savefig(hidden, format=kind, metadata=metadata, bbox_inches="tight", pad_inches=0.04)
    matplotlib.pyplot.close(figure)


def benchmark_order(points: pd.DataFrame) -> list[str]:
    """Return the benchmarks in the order of the table, with the mean last and only if there are several."""
    names = [b for b in dict.fromkeys(points["benchmark"]) if b != MEAN]
    return [*names, MEAN] if len(names) > 1 and (points["benchmark"] == MEAN).any() else names


def headline_first(points: pd.DataFrame) -> list[str]:
    """Return the benchmarks with the one that findings are told of first, then in the order of the table."""
    first, names = headline(points), benchmark_order(points)
    return [first, *(name for name in names if name != first)] if first in names else names


def problems_text(points: pd.DataFrame) -> str:
    """Return the number of problems of one benchmark's points, "45 to 50 problems" if they differ."""
    low, high = int(points["problems"].min()), int(points["problems"].max())
    return f"{low:,} problems" if low == high else f"{low:,} to {high:,} problems"


def model_colours(models: Sequence[str], emphasised: Iterable[str] = ()) -> dict[str, str]:
    """Return a colour per model.

    All models get their own if there are enough colours. Otherwise those in `emphasised` do and the others are
    grey; if these are too many as well, they share one colour.
    """
    special = [m for m in models if m in set(emphasised)]
    own = models if len(models) <= len(PALETTE) else special
    if len(own) > len(PALETTE):
        return {m: ACCENT if m in special else GREY for m in models}
    chosen = dict(zip(own, PALETTE, strict=False))
    return {m: chosen.get(m, GREY) for m in models}


def marker(architecture: object) -> str:
    """Return the marker of an architecture (dense, moe, hybrid, or unknown)."""
    return MARKERS.get(architecture, UNKNOWN_MARKER) if isinstance(architecture, str) else UNKNOWN_MARKER


def fade(colour: str, share: float) -> tuple[float, float, float]:
    """Return `colour` at 1, white at 0, and a mixture in between."""
    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


def architecture_handles(architectures: Iterable[object]) -> list[Line2D]:
    """Return legend entries for the architectures that occur."""
    present = {a if isinstance(a, str) else None for a in architectures}
    return [
        Line2D([], [], marker=marker(kind), linestyle="", color="#666666", markersize=4, label=name)
        for kind, name in ARCHITECTURES.items()
        if kind in present
    ]


def draw_intervals(axis: Axes, x: pd.Series, rows: pd.DataFrame, colour: str, **style: float) -> None:
    """Draw the 95 % intervals of the accuracies of `rows` at `x`, without caps."""
    axis.vlines(x, rows["accuracy_low"], rows["accuracy_high"], color=colour, **({"linewidth": 0.6} | style))


def accuracy_axis(axis: Axes, top: float = 1.0) -> None:
    """Make the y axis one of accuracies from 0 to `top`, in percent."""
    axis.set_ylim(-0.02 * top, 1.03 * top)
    axis.set_yticks(np.arange(0, top + 1e-9, 0.2 if top > 0.5 else 0.1))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axis.set_ylabel("Accuracy (%)")
    axis.grid(axis="y")


def accuracy_top(*highest: float) -> float:
    """Return where an accuracy axis ends: the next tenth above the highest value, at most 1."""
    return float(min(np.ceil(max(highest) * 10 + 1e-9) / 10, 1.0))


def power(value: float, _position: int | None = None) -> str:
    """Return a number as 5 × 10⁷, or as 10⁷."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    digit = value / 10**exponent
    return rf"$10^{{{exponent}}}$" if abs(digit - 1) < 1e-6 else rf"${digit:.3g}{{\times}}10^{{{exponent}}}$"


def log_axis(axis: Axes, which: str, low: float, high: float, room: int = 1) -> None:
    """Make the axis `which` ("x" or "y") logarithmic; `room` is the number of such axes in a row."""
    getattr(axis, f"set_{which}scale")("log")
    getattr(axis, f"set_{which}lim")(low, high)
    decades = np.log10(high / low) * (1 if room < 3 else room / 2)
    inner = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.6 else (1.0, 2.0, 5.0)
    ticks = getattr(axis, f"{which}axis")
    ticks.set_major_locator(LogLocator(subs=inner, numticks=20 if room < 3 else 3))
    ticks.set_major_formatter(FuncFormatter(power))
    ticks.set_minor_locator(LogLocator(subs=np.arange(1, 10), numticks=200))
    ticks.set_minor_formatter(NullFormatter())


def log_limits(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """Return limits of a logarithmic axis around the positive `values`, with a margin on both sides."""
    numbers = np.asarray(list(values), float)
    logs = np.log10(numbers[np.isfinite(numbers) & (numbers > 0)])
    if not len(logs):
        return 0.1, 10.0
    room = max(margin * np.ptp(logs), 0.05)
    return float(10 ** (logs.min() - room)), float(10 ** (logs.max() + room))


def title(axis: Axes, name: str, remark: str = "", pad: float = 4.0) -> None:
    """Put a bold name at the left and a grey remark at the right, `pad` points above a panel."""
    axis.set_title(name, loc="left", fontweight="bold", pad=pad)
    axis.set_title(remark, loc="right", fontsize=6.5, color="#555555", pad=pad)


def wrapped(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))


def say(axis: Axes, text: str) -> None:
    """Write the reason in the middle of an empty panel."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color="#555555", wrap=True)
