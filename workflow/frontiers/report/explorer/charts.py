"""The charts of the explorer, as Vega-Lite specifications without data."""

import altair as alt

from frontiers.report.figures.style import PALETTE

SHAPES = {"dense": "circle", "mixture of experts": "diamond", "hybrid": "triangle-up", "unknown": "square"}
POWERS = (
    "indexof([1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) < 0 ? '' : "
    "datum.value < 1e5 ? format(datum.value, ',~r') : "
    "replace(round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))) + '×', '1×', '') + '10' + "
    "(datum.value < 1e10 ? '' : slice('⁰¹²³⁴⁵⁶⁷⁸⁹', floor(floor(log(datum.value) / LN10 + 1e-9) / 10), "
    "floor(floor(log(datum.value) / LN10 + 1e-9) / 10) + 1)) + "
    "slice('⁰¹²³⁴⁵⁶⁷⁸⁹', floor(log(datum.value) / LN10 + 1e-9) % 10, "
    "floor(log(datum.value) / LN10 + 1e-9) % 10 + 1)"
)
"""Vega expression for the labels of a logarithmic axis: 1, 2 and 5 times a power of ten, no others."""


def charts(rows: list[dict]) -> dict[str, dict]:
    """Return the Vega-Lite specifications of both charts; the page fills in data and titles.

    Each model has its own colour if there are enough; otherwise colour shows the architecture.
    """
    labels = sorted({row["label"] for row in rows})
    few = len(labels) <= len(PALETTE)
    by = "label" if few else "architecture"
    legend = alt.Legend(
        orient="bottom", columns=2 if few else 4, symbolLimit=0, labelLimit=240, title=None, symbolOpacity=1
    )
    names = labels if few else [k for k in SHAPES if any(r["architecture"] == k for r in rows)]
    colour = alt.Color(f"{by}:N", legend=legend, scale=alt.Scale(domain=names, range=PALETTE[: len(names)]))
    kinds = [k for k in SHAPES if any(r["architecture"] == k for r in rows)]
    scale = alt.Scale(domain=kinds, range=[SHAPES[k] for k in kinds])
    shape = alt.Shape("architecture:N", legend=None if few else legend, scale=scale)
    chosen = alt.selection_point(fields=[by], bind="legend", name="chosen")
    shown = {"colour": colour, "shape": shape, "chosen": chosen}
    return {"frontier": _frontier_chart(few, **shown), "caps": _cap_chart(**shown)}


def _faded(chosen: alt.Parameter, value: float) -> dict:
    """Return an opacity that fades what is not selected in the legend."""
    return alt.when(chosen).then(alt.value(value)).otherwise(alt.value(0.08))


def _accuracy(axis: str = "accuracy") -> alt.Y:
    """Return the y axis of accuracies in percent."""
    scale = alt.Scale(domain=[0, 1], nice=False)
    return alt.Y(f"{axis}:Q", title="Accuracy (%)", scale=scale, axis=alt.Axis(labelExpr="100 * datum.value"))


def _tooltip() -> list[alt.Tooltip]:
    """Return the tooltip of a point."""
    fields = {
        "label": "model",
        "cap": "reasoning cap (tokens)",
        "interval": "accuracy, 95 % (%)",
        "cost_text": "cost",
        "reasoning_tokens": "mean trace (tokens)",
        "p_text": "on frontier (% of draws)",
        "architecture": "architecture",
        "release_date": "released",
        "problems": "problems",
    }
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in fields.items()]


def _frontier_chart(few: bool, colour: alt.Color, shape: alt.Shape, chosen: alt.Parameter) -> dict:
    """Return the chart of accuracy against a cost with the frontier."""
    base = alt.Chart(alt.NamedData("points"))
    scale = alt.Scale(type="log", nice=False, padding=14)
    x = alt.X("value:Q", title="", scale=scale, axis=alt.Axis(labelExpr=POWERS, labelFlush=False))
    bars = base.mark_rule(strokeWidth=1).encode(
        x=x, y=_accuracy("accuracy_low"), y2="accuracy_high:Q", color=colour, opacity=_faded(chosen, 0.45)
    )
    lines = base.mark_line(strokeWidth=1).encode(
        x=x,
        y=_accuracy(),
        color=colour,
        detail=["model:N", "strategy:N"],
        order="place:Q",
        opacity=_faded(chosen, 0.7),
    )
    dots = (
        base.mark_point(filled=True, size=45)
        .encode(
            x=x,
            y=_accuracy(),
            color=colour,
            shape=shape,
            opacity=_faded(chosen, 0.9),
            tooltip=_tooltip(),
        )
        .add_params(chosen)
    )
    rings = (
        base.transform_filter("datum.on")
        .mark_point(filled=False, size=150, stroke="#222222", strokeWidth=1.5)
        .encode(
            x=x,
            y=_accuracy(),
            shape=shape,
            tooltip=_tooltip(),
            strokeOpacity=alt.StrokeOpacity(
                "p:Q", scale=alt.Scale(domain=[0, 1], range=[0.15, 1]), legend=None
            ),
        )
    )
    steps = alt.Chart(alt.NamedData("steps"))
    step = steps.mark_line(interpolate="step-after", color="#222222", strokeWidth=1.5).encode(
        x=x, y=_accuracy(), order="value:Q"
    )
    layers = [bars, lines, step, rings, dots]
    for side, away in () if few else (("right", -7), ("left", 7)):
        names = steps.transform_filter(f"datum.side == '{side}'")
        names = names.mark_text(align=side, dx=away, dy=-8, fontSize=10, color="#222222")
        layers.append(names.encode(x=x, y=_accuracy(), text="label:N"))
    return _finished(alt.layer(*layers), 420)


def _cap_chart(colour: alt.Color, shape: alt.Shape, chosen: alt.Parameter) -> dict:
    """Return the chart of accuracy against the reasoning cap; caps are evenly spaced, not to scale."""
    base = alt.Chart(alt.NamedData("points"))
    x = alt.X(
        "cap:O",
        title="Reasoning cap (tokens)",
        sort=alt.EncodingSortField("place"),
        axis=alt.Axis(labelAngle=0),
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        x=x, y=_accuracy(), color=colour, detail=["model:N", "strategy:N"], opacity=_faded(chosen, 0.8)
    )
    bars = base.mark_rule(strokeWidth=1).encode(
        x=x, y=_accuracy("accuracy_low"), y2="accuracy_high:Q", color=colour, opacity=_faded(chosen, 0.35)
    )
    dots = (
        base.mark_point(filled=True, size=40)
        .encode(
            x=x, y=_accuracy(), color=colour, shape=shape, opacity=_faded(chosen, 0.9), tooltip=_tooltip()
        )
        .add_params(chosen)
    )
    return _finished(alt.layer(bars, lines, dots), 360)


def _finished(chart: alt.LayerChart, height: int) -> dict:
    """Return the specification of a chart as wide as its container on the page."""
    chart = chart.properties(width="container", height=height, background="transparent")
    chart = chart.configure_axis(
        gridColor="#e8e8e8", labelFontSize=11, titleFontSize=12, titleFontWeight="normal"
    )
    return chart.configure_view(stroke="#bbbbbb").to_dict()
