"""The figure of where compute goes, by component of the network and by phase."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from frontiers.compute import flop_columns
from frontiers.core.keys import cap_order
from frontiers.report.figures import style as figures

ROW = 0.24
COMPONENTS = dict(
    zip(
        flop_columns.COMPONENTS,
        [
            ("attention", figures.PALETTE[0]),
            ("feed-forward", figures.PALETTE[4]),
            ("state space", figures.PALETTE[2]),
            ("logits", figures.PALETTE[3]),
        ],
        strict=True,
    )
)
PHASES = {
    flop_columns.PHASES["prefill"]: ("prefill", "#6a6a6a"),
    flop_columns.PHASES["reasoning"]: ("reasoning", figures.PALETTE[1]),
    flop_columns.PHASES["answer"]: ("answer", figures.PALETTE[5]),
}
"""Column -> its label and colour."""
PRINTED = 0.07
"""Smallest share that is printed in its bar."""


def mean_costs(answers: pd.DataFrame) -> pd.DataFrame:
    """Return mean FLOP per problem at the largest cap, by model and strategy, benchmarks weighted equally."""
    key = ["model", "strategy"]
    order = cap_order(answers["cap"])
    top = answers[order == order.groupby([answers[k] for k in key]).transform("max")]
    columns = ["flops", *COMPONENTS, *PHASES]
    by_benchmark = top.groupby([*key, "benchmark"], sort=False)[columns].mean()
    return by_benchmark.groupby(level=key, sort=False).mean()


def draw_shares(axis: Axes, costs: pd.DataFrame, parts: dict[str, tuple[str, str]]) -> None:
    """Draw one stacked bar per row of `costs`, and print each share that fits."""
    left = np.zeros(len(costs))
    for column, (_, colour) in parts.items():
        share = (costs[column] / costs["flops"]).to_numpy()
        axis.barh(
            range(len(costs)), share, left=left, height=0.7, color=colour, edgecolor="white", linewidth=0.5
        )
        for place in np.flatnonzero(share >= PRINTED):
            light = np.dot(plt.matplotlib.colors.to_rgb(colour), (0.299, 0.587, 0.114)) > 0.55
            axis.text(
                left[place] + share[place] / 2,
                place,
                f"{100 * share[place]:.0f}",
                ha="center",
                va="center",
                fontsize=5.8,
                color=figures.DARK if light else "white",
            )
        left = left + share
    axis.set_xlim(0, 1)
    axis.set_ylim(len(costs) - 0.4, -0.6)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axis.set_xlabel("Share of compute (%)")
    axis.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def scientific(value: float) -> str:
    """Return a number with two digits, as 4.0 × 10⁷."""
    digits, exponent = f"{value:.1e}".split("e")
    return rf"${digits}{{\times}}10^{{{int(exponent)}}}$"


def draw(answers: pd.DataFrame, labels: figures.Labels) -> plt.Figure:
    """Return the figure from the table `answers`."""
    costs = mean_costs(answers).dropna(subset="flops").sort_values("flops", kind="stable")
    number = int(answers.groupby("benchmark")["problem_id"].nunique().sum())
    problems = f"{number:,} problems, {answers['benchmark'].nunique()} benchmarks"
    several = costs.index.get_level_values("strategy").nunique() > 1
    names = [labels.model(m) + (f", {s}" if several else "") for m, s in costs.index]
    figure, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, len(costs) * ROW + 1.0))
    for axis, parts, name in ((left, COMPONENTS, "By component"), (right, PHASES, "By phase")):
        draw_shares(axis, costs, parts)
        figures.title(axis, name, problems if axis is right else "")
    left.set_yticks(range(len(costs)), names)
    right.set_yticks(range(len(costs)), [scientific(v) for v in costs["flops"]])
    right.annotate(
        "FLOP per\nproblem",
        (0, 1),
        (-4, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=6,
        color="#555555",
    )
    figure.tight_layout(w_pad=1.0)
    for axis, parts in ((left, COMPONENTS), (right, PHASES)):
        used = [Patch(color=c, label=n) for k, (n, c) in parts.items() if (costs[k] > 0).any()]
        box = axis.get_position()
        figure.legend(
            handles=used,
            ncols=len(used),
            loc="upper center",
            bbox_to_anchor=((box.x0 + box.x1) / 2, 0.01),
            handlelength=1.0,
            columnspacing=1.2,
        )
    return figure
