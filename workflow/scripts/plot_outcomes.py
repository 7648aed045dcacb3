"""Draws what failed generations cost against successful ones, for every model and benchmark.

Input: the table `outcomes` (FLOP or reasoning tokens per generation at the largest cap). Outputs: the figure
as SVG and PNG. Left: the means of failed and of successful generations. Right: their ratio with its 95 %
interval, raw (over all problems) and within problem (at equal difficulty); where it cannot be given, why.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers import figures
from frontiers.cli import UserError, run
from frontiers.tables import read_table

ROW = 0.2
UNITS = {"flops": "Compute (FLOP per generation)", "reasoning_tokens": "Trace (tokens per generation)"}
FAILED, SUCCESSFUL = figures.PALETTE[1], figures.PALETTE[0]
COMPARISONS = {"raw": ("o", figures.DARK, 0.0), "within_problem": ("D", figures.PALETTE[2], 0.26)}
NAMES = {"raw": "raw", "within_problem": "within problem"}
ALL = "all"


def rows_of(table: pd.DataFrame) -> list[str]:
    """Return the models of one benchmark in the order of the table, the pooled row last."""
    names = list(dict.fromkeys(table["model"]))
    return [n for n in names if n != ALL] + [n for n in names if n == ALL]


def short(reason: object) -> str:
    """Return the reason without what stands behind its first semicolon."""
    return str(reason).split(";")[0]


def draw_means(axis: Axes, table: pd.DataFrame, models: list[str]) -> None:
    """Draw the mean cost of failed and of successful generations of each model."""
    raw = table[(table["comparison"] == "raw") & table["estimable"]].set_index("model")
    for place, model in enumerate(models):
        if model not in raw.index:
            continue
        ends = raw.loc[model, ["failed", "successful"]].astype(float)
        axis.plot(ends, [place, place], color=figures.GREY, linewidth=0.8, zorder=1)
        axis.scatter(ends["failed"], place, s=16, marker="X", color=FAILED, linewidth=0, zorder=3)
        axis.scatter(ends["successful"], place, s=16, marker="o", color=SUCCESSFUL, linewidth=0, zorder=2)


def draw_ratios(axis: Axes, table: pd.DataFrame, models: list[str]) -> None:
    """Draw the ratios with their intervals; where neither can be given, the reason in their place."""
    axis.axvline(1, color=figures.DARK, linewidth=0.6, zorder=1)
    for place, model in enumerate(models):
        here = table[table["model"] == model]
        known = here[here["estimable"]]
        for row in known.itertuples():
            sign, colour, shift = COMPARISONS[row.comparison]
            y = place + (shift if len(known) > 1 else 0)
            if pd.notna(row.low):
                axis.plot([row.low, row.high], [y, y], color=colour, linewidth=1.0, solid_capstyle="butt", zorder=2)
            axis.scatter(row.estimate, y, s=13, marker=sign, color=colour, linewidth=0, zorder=3)
        if known.empty:
            reason = here.sort_values("comparison")["reason"].iloc[0]
            axis.annotate(
                short(reason), (0.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=5.8,
                color="#555555",
            )  # fmt: skip


def ratio_limits(table: pd.DataFrame) -> tuple[float, float]:
    """Return limits of the ratio axis that hold 1 and all intervals, the widest cut at a factor of 30."""
    known = table[table["estimable"]]
    values = [1.0, *known["low"].dropna(), *known["high"].dropna(), *known["estimate"].dropna()]
    low, high = figures.log_limits(np.clip(values, 1 / 30, 30), 0.08)
    return min(low, 0.8), max(high, 1.25)


def ratio_axis(axis: Axes, low: float, high: float) -> None:
    """Make the x axis one of ratios, logarithmic, labelled with plain numbers."""
    figures.log_axis(axis, "x", low, high)
    ticks = [t for t in (1 / 20, 1 / 10, 1 / 5, 1 / 2, 1, 2, 5, 10, 20) if low <= t <= high]
    if len(ticks) < 3:
        ticks = [t for t in (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3) if low <= t <= high]
        ticks = ticks if len(ticks) < 7 else ticks[ticks.index(1) % 2 :: 2]
    axis.set_xticks(ticks, [f"{t:.3g}" for t in ticks])


def draw(outcomes: pd.DataFrame, labels: figures.Labels, measure: str = "flops") -> plt.Figure:
    """Return the figure from the table `outcomes`; `measure` is "flops" or "reasoning_tokens"."""
    table = outcomes[(outcomes["measure"] == measure) & outcomes["comparison"].isin(COMPARISONS)]
    if table.empty:
        raise UserError(f"the table of outcomes has no rows of `{measure}`; run compare_outcomes again")
    groups = list(table.groupby(["benchmark", "strategy"], sort=False))
    depths = [len(rows_of(part)) for _, part in groups]
    figure, axes = plt.subplots(
        len(groups), 2, figsize=(figures.WIDTH, sum(depths) * ROW + len(groups) * 0.42 + 0.5), squeeze=False,
        sharex="col", gridspec_kw={"height_ratios": depths, "width_ratios": (1, 1.15)},
    )  # fmt: skip
    costs = table.loc[table["estimable"] & (table["comparison"] == "raw"), ["failed", "successful"]].to_numpy(float)
    several = table["strategy"].nunique() > 1
    for (means, ratios), ((benchmark, strategy), part) in zip(axes, groups, strict=True):
        models = rows_of(part)
        draw_means(means, part, models)
        draw_ratios(ratios, part, models)
        names = ["all models" if m == ALL else labels.model(m) for m in models]
        means.set_yticks(range(len(models)), names)
        ratios.set_yticks(range(len(models)), [])
        for axis in (means, ratios):
            axis.set_ylim(len(models) - 0.35, -0.65)
            axis.grid(axis="y")
        problems = part["n"][part["comparison"] == "raw"].max()
        figures.title(means, labels.benchmark(benchmark) + (f", {strategy}" if several else ""))
        figures.title(ratios, "", f"{problems:,} generations per model")
    figures.log_axis(axes[-1, 0], "x", *figures.log_limits(costs.ravel(), 0.08))
    ratio_axis(axes[-1, 1], *ratio_limits(table))
    axes[-1, 0].set_xlabel(UNITS[measure])
    axes[-1, 1].set_xlabel("Failed / successful (ratio)")
    for axis in axes.flat:
        axis.tick_params(labelbottom=True, axis="x")
    signs = {"linestyle": "", "markersize": 4.5, "markeredgewidth": 0}
    handles = [
        Line2D([], [], marker="X", color=FAILED, label="failed, mean", **signs),
        Line2D([], [], marker="o", color=SUCCESSFUL, label="successful, mean", **signs),
        *(
            Line2D([], [], marker=sign, color=colour, markersize=4, linewidth=1, label=f"{NAMES[name]}, 95 % interval")
            for name, (sign, colour, _) in COMPARISONS.items()
        ),
    ]
    figure.tight_layout(h_pad=0.6, w_pad=0.8)
    figure.legend(handles=handles, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.0))
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the figure."""
    parser = figures.figure_parser(__doc__, outcomes="table of outcomes")
    parser.add_argument("--measure", choices=list(UNITS), default="flops", help="what is compared (default flops)")
    args = parser.parse_args(argv)
    figures.set_style()
    figure = draw(read_table(args.outcomes, "outcomes"), figures.parse_labels(args.labels), args.measure)
    figures.save(figure, args.output_svg, args.output_png)


if __name__ == "__main__":
    run(main)
