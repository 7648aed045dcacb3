"""The figure of accuracy per FLOP against release date, with the fitted lines."""

from collections.abc import Sequence

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from frontiers.analysis.trend.dated_points import dated_points, frontier_at_date
from frontiers.analysis.trend.regressions import CLUSTER, HC3, JACKKNIFE, JACKKNIFE_MODELS
from frontiers.core.cli import UserError
from frontiers.core.keys import MEAN
from frontiers.report.figures import style as figures

PANEL = 2.0
COLOURS = {"dense": figures.PALETTE[0], "moe": figures.PALETTE[1], "hybrid": figures.PALETTE[2]}
QUOTED = (CLUSTER, JACKKNIFE, HC3, JACKKNIFE_MODELS)
"""Intervals of accuracy per FLOP, those by developer first."""
SELECTIONS = {"all": "-", "frontier_at_date": (0, (4, 2))}


def dated(points: pd.DataFrame) -> pd.DataFrame:
    """Return the points that the trend is fitted on, per benchmark and model.

    Adds to `dated_points`: `day`, `low` and `high` (limits of the efficiency), `current` (on the frontier at
    its date).
    """
    rows = dated_points(points)
    rows = rows[rows["left_out"].isna()]
    half = 0.5 / (rows["problems"] + 1)
    rows = rows.assign(
        day=pd.to_datetime(rows["release_date"], format="%Y-%m-%d"),
        low=rows["accuracy_low"].clip(lower=half) / rows["flops"],
        high=rows["accuracy_high"] / rows["flops"],
    )
    current = [pd.Series(frontier_at_date(part), part.index) for _, part in rows.groupby("benchmark")]
    return rows.assign(current=pd.concat(current).reindex(rows.index).astype(bool) if current else False)


def quoted(trend: pd.DataFrame, metric: str, ranked: Sequence[str]) -> pd.DataFrame:
    """Return the estimable rows of a metric with the best available interval, in the order of `ranked`.

    Intervals by developer come first, since those over models treat models of one developer as independent.
    """
    rows = trend[(trend["metric"] == metric) & trend["estimable"] & trend["standard_error"].isin(ranked)]
    rows = rows.assign(rank=rows["standard_error"].map({name: i for i, name in enumerate(ranked)}))
    return rows.sort_values("rank", kind="stable").drop_duplicates(["selection", "estimator"]).sort_index()


def fitted_line(rows: pd.DataFrame, fit: pd.Series, years: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return line, lower and upper limit (accuracy per FLOP) at `years`, with the errors of the row `fit`.

    Raises `UserError` if the slope from the points differs from this row of the table `trend`.
    """
    middle, slope = rows["years"].mean(), fit["slope_per_year"]
    model = sm.OLS(
        np.log10(rows["efficiency"].to_numpy()), sm.add_constant(rows["years"].to_numpy() - middle)
    )
    if fit["standard_error"] == CLUSTER:
        makers = rows["developer"].where(rows["developer"].notna(), rows["model"]).to_numpy(str)
        groups = {"groups": np.unique(makers, return_inverse=True)[1]}
        result = model.fit(cov_type="cluster-crv3", cov_kwds=groups, use_t=True)
    else:
        result = model.fit(cov_type="HC3", use_t=True)
    if not np.isclose(result.params[1], slope, rtol=1e-6, atol=1e-9):
        where = f"{rows['benchmark'].iloc[0]}: points give {result.params[1]:.6g}, the table has {slope:.6g}"
        raise UserError(f"the trend was not fitted on these points ({where}); rerun fit_trend")
    found = result.get_prediction(sm.add_constant(years - middle, has_constant="add"))
    low, high = found.conf_int(alpha=0.05).T
    return tuple(10**v for v in (found.predicted_mean, low, high))


def factor(value: float) -> str:
    """Return a factor with two digits; extreme ones as a bound."""
    return "<0.01" if value < 0.01 else ">100" if value > 100 else f"{value:.2g}"


def change_text(row: pd.Series) -> str:
    """Return in words how accuracy per FLOP changes; a doubling time only if the sign is certain."""
    if not row["low"] > 0 and not row["high"] < 0:
        change, low, high = (factor(10 ** row[c]) for c in ("slope_per_year", "low", "high"))
        return f"unclear, ×{change} a year ({low} to {high})"
    what = "doubles" if row["slope_per_year"] > 0 else "halves"
    months, low, high = (abs(row[f"doubling_{c}"]) for c in ("months", "low", "high"))
    low, high = min(low, high), max(low, high)
    ends = f"{low:.1f} to {high:.1f}" if high < 100 else f"{low:.1f} or more"
    return f"{what} in {months:.1f} months ({ends})"


def remark(trend: pd.DataFrame) -> str:
    """Return the line of text above one benchmark's panel: how fast the fit of all models rises; empty without one."""
    fits = quoted(trend[trend["estimator"] == "ols"], "accuracy_per_flop", QUOTED)
    known = fits[fits["selection"] == "all"]
    return f"fit, all models: {change_text(known.iloc[0])}" if len(known) else ""


def reason_of(trend: pd.DataFrame) -> str:
    """Return why the fit of all models is not estimable."""
    plain = trend[(trend["metric"] == "accuracy_per_flop") & (trend["standard_error"] == HC3)]
    return str(plain.loc[plain["selection"] == "all", "reason"].iloc[0])


def draw_panel(axis: Axes, rows: pd.DataFrame, trend: pd.DataFrame) -> None:
    """Draw the models of one benchmark and the fits, or the reason why there is none."""
    for point in rows.itertuples():
        colour = COLOURS.get(point.architecture, figures.DARK)
        face = colour if point.current else "white"
        axis.vlines(point.day, point.low, point.high, color=colour, linewidth=0.5, alpha=0.5, zorder=1)
        axis.scatter(
            point.day,
            point.efficiency,
            s=13,
            marker=figures.marker(point.architecture),
            color=[face],
            edgecolor=colour,
            linewidth=0.7,
            zorder=3,
        )
    fits = quoted(trend[trend["estimator"] == "ols"], "accuracy_per_flop", QUOTED)
    for _, row in fits.iterrows():
        part = rows if row["selection"] == "all" else rows[rows["current"]]
        years = np.linspace(part["years"].min(), part["years"].max(), 60)
        line, low, high = fitted_line(part, row, years)
        days = mdates.num2date(years * 365.25 - mdates_epoch())
        axis.plot(
            days, line, color=figures.DARK, linewidth=1.0, linestyle=SELECTIONS[row["selection"]], zorder=2
        )
        if row["selection"] == "all":
            axis.fill_between(days, low, high, color=figures.DARK, alpha=0.1, linewidth=0, zorder=0)
    if fits.empty:
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.3)
        text = figures.wrapped(f"not estimable: {reason_of(trend)}", 52)
        axis.text(0.5, 0.96, text, transform=axis.transAxes, ha="center", va="top", color=figures.DARK)


def mdates_epoch() -> float:
    """Return the proleptic ordinal of the day from which matplotlib counts."""
    return float(pd.Timestamp(mdates.get_epoch()).toordinal())


def date_axis(axis: Axes, days: pd.Series) -> None:
    """Show dates, with at least a month on each side of the first and the last."""
    room = max((days.max() - days.min()) * 0.05, pd.Timedelta(days=30))
    axis.set_xlim(days.min() - room, days.max() + room)
    months = (days.max() - days.min()).days / 30.4
    if months < 4:
        axis.xaxis.set_major_locator(mdates.DayLocator(interval=max(1, round(months * 30.4 / 3))))
        if days.nunique() == 1:
            axis.set_xticks([days.iloc[0]])
        axis.xaxis.set_major_formatter(mdates.DateFormatter("%Y-%m-%d"))
        return
    step = next((s for s in (1, 2, 3, 6, 12) if months / s <= 5), 12)
    axis.xaxis.set_major_locator(
        mdates.MonthLocator(bymonth=range(1, 13, step)) if months <= 60 else mdates.YearLocator()
    )
    axis.xaxis.set_major_formatter(mdates.DateFormatter("%Y-%m"))


def legend(figure: plt.Figure, rows: pd.DataFrame, trend: pd.DataFrame) -> None:
    """Put one legend under all panels."""
    handles = []
    for handle in figures.architecture_handles(rows["architecture"]):
        kind = next((k for k, name in figures.ARCHITECTURES.items() if name == handle.get_label()), None)
        handle.set_color(COLOURS.get(kind, figures.DARK))
        handles.append(handle)
    ring = {"marker": "o", "linestyle": "", "color": figures.DARK, "markersize": 4}
    handles += [
        Line2D([], [], **ring, label="on the frontier at its date"),
        Line2D([], [], **ring, markerfacecolor="white", label="behind it"),
    ]
    fits = trend[(trend["metric"] == "accuracy_per_flop") & trend["estimable"]]
    for selection, name in (("all", "fit, all models"), ("frontier_at_date", "fit, frontier at date")):
        if (fits["selection"] == selection).any():
            handles.append(Line2D([], [], color=figures.DARK, linestyle=SELECTIONS[selection], label=name))
    figure.legend(handles=handles, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.0))


def draw(points: pd.DataFrame, trend: pd.DataFrame, labels: figures.Labels) -> plt.Figure:
    """Return the figure from the tables `points` and `trend`."""
    rows = dated(points)
    benchmarks = figures.benchmark_order(points)
    texts = {b: remark(trend[trend["benchmark"] == b]) for b in benchmarks}
    if rows.empty or not any(texts.values()):
        reasons = {reason_of(trend[trend["benchmark"] == b]) for b in benchmarks}
        why = "no model has a release date" if rows.empty else " / ".join(sorted(reasons))
        figure, axis = plt.subplots(figsize=(figures.WIDTH, 1.0))
        figures.say(
            axis,
            figures.wrapped(
                f"How accuracy per compute moves with release date is not estimable: {why}.", 100
            ),
        )
        return figure
    columns = min(2, len(benchmarks))
    lines = -(-len(benchmarks) // columns)
    room = 0.135
    figure, axes = plt.subplots(
        lines, columns, figsize=(figures.WIDTH, lines * (PANEL + 0.5 + room)), squeeze=False, sharex=True
    )
    for axis, benchmark in zip(axes.flat, benchmarks, strict=False):
        here = rows[rows["benchmark"] == benchmark]
        figures.log_axis(axis, "y", *figures.log_limits([*here["low"], *here["high"]]))
        draw_panel(axis, here, trend[trend["benchmark"] == benchmark])
        date_axis(axis, rows["day"])
        axis.tick_params(labelbottom=True)
        axis.grid(axis="y")
        axis.set_ylabel("Accuracy per compute (1/FLOP)")
        axis.set_xlabel("Release date")
        name = labels.benchmark(benchmark, among=len(benchmarks) - 1 if benchmark == MEAN else None)
        figures.title(axis, name, f"{figures.problems_text(here)}, {len(here)} models", pad=13)
        text = axis.text(0, 1.02, texts[benchmark], transform=axis.transAxes, fontsize=6, va="bottom")
        text.set_in_layout(False)
    for axis in axes.flat[len(benchmarks) :]:
        axis.set_visible(False)
    figure.tight_layout(h_pad=1.0, w_pad=1.2)
    legend(figure, rows, trend)
    return figure
