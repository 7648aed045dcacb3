"""The charts of the explorer, as Vega-Lite specifications without data.

The page fills in the data sets `points`, `steps`, `names` and `budget`, the titles and the ticks of the axis of costs.
Colours are fields of the data, so that a model keeps its own whatever is shown with it.
"""

import altair as alt

from frontiers.report.figures.style import PALETTE

SHAPES = {"dense": "circle", "mixture of experts": "diamond", "hybrid": "triangle-up", "unknown": "square"}
DARK = (
    "#56a8e8", "#ff8f4d", "#3fcf9f", "#e79ac6", "#f2b63c",
    "#8fd0f5", "#9d92e8", "#d987ad", "#c9c96a", "#7fd6c8",
)  # fmt: skip
"""The colours of `PALETTE`, lighter, for a dark page."""
HEIGHT = 420
"""Height of the plot of accuracy against cost in pixels, which the page needs to place names."""


def colours(models: list[str], kinds: dict[str, str]) -> dict[str, dict]:
    """Return by model the series it belongs to, and that series' colours on a light and a dark page.

    `models` are in the order of the configuration, so that one that joins at the end changes no colour. Each is its
    own series while there are colours for all; otherwise the series are the kinds of architecture, in `kinds`.
    """
    own = len(models) <= len(PALETTE)
    series = models if own else [kind for kind in SHAPES if kind in kinds.values()]
    given = {name: (PALETTE[n], DARK[n]) for n, name in enumerate(series)}
    return {m: {"series": s, "colour": given[s]} for m in models for s in [m if own else kinds[m]]}


def charts() -> dict[str, dict]:
    """Return the Vega-Lite specifications of both charts."""
    return {"frontier": _frontier_chart(), "caps": _cap_chart()}


COLOUR = alt.Color("colour:N", scale=None, legend=None)
SHAPE = alt.Shape(
    "architecture:N", legend=None, scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
)


def _opacity(shown: float) -> alt.Opacity:
    """Return an opacity that fades what is not among the chosen models."""
    return alt.when("datum.faded").then(alt.value(0.1)).otherwise(alt.value(shown))


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


def _frontier_chart() -> dict:
    """Return the chart of accuracy against a cost with the frontier, its names and the budget."""
    base = alt.Chart(alt.NamedData("points"))
    scale = alt.Scale(type="log", nice=False, padding=16)
    x = alt.X("value:Q", title="", scale=scale, axis=alt.Axis(labelFlush=False))
    bars = base.mark_rule(strokeWidth=1).encode(
        x=x, y=_accuracy("accuracy_low"), y2="accuracy_high:Q", color=COLOUR, opacity=_opacity(0.4)
    )
    lines = base.mark_line(strokeWidth=1).encode(
        x=x,
        y=_accuracy(),
        color=COLOUR,
        detail=["model:N", "strategy:N"],
        order="place:Q",
        opacity=_opacity(0.6),
    )
    dots = base.mark_point(filled=True, size=52, cursor="pointer").encode(
        x=x, y=_accuracy(), color=COLOUR, shape=SHAPE, opacity=_opacity(0.95), tooltip=_tooltip()
    )
    rings = (
        base.transform_filter("datum.on")
        .mark_point(filled=False, size=150, strokeWidth=1.5, cursor="pointer")
        .encode(
            x=x,
            y=_accuracy(),
            shape=SHAPE,
            stroke=alt.Stroke("ink:N", scale=None),
            tooltip=_tooltip(),
            strokeOpacity=alt.StrokeOpacity(
                "p:Q", scale=alt.Scale(domain=[0, 1], range=[0.2, 1]), legend=None
            ),
        )
    )
    step = (
        alt.Chart(alt.NamedData("steps"))
        .mark_line(interpolate="step-after", strokeWidth=1.75)
        .encode(x=x, y=_accuracy(), order="value:Q", stroke=alt.Stroke("ink:N", scale=None))
    )
    budget = (
        alt.Chart(alt.NamedData("budget"))
        .mark_rule(strokeWidth=2, strokeDash=[5, 4])
        .encode(x=x, stroke=alt.Stroke("ink:N", scale=None))
    )
    layers = [bars, lines, step, rings, dots, budget]
    for side in ("left", "right"):
        names = alt.Chart(alt.NamedData("names")).transform_filter(f"datum.side == '{side}'")
        names = names.mark_text(
            align=side, fontSize=12, dx={"expr": "datum.dx"}, dy={"expr": "datum.dy"}
        ).encode(x=x, y=_accuracy(), text="label:N", color=alt.Color("ink:N", scale=None))
        layers.append(names)
    return _finished(alt.layer(*layers), HEIGHT)


def _cap_chart() -> dict:
    """Return the chart of accuracy against the reasoning cap; caps are evenly spaced, not to scale."""
    base = alt.Chart(alt.NamedData("points"))
    x = alt.X(
        "cap:O",
        title="Reasoning cap (tokens)",
        sort=alt.EncodingSortField("place"),
        axis=alt.Axis(labelAngle=0, labelOverlap=True),
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        x=x, y=_accuracy(), color=COLOUR, detail=["model:N", "strategy:N"], opacity=_opacity(0.8)
    )
    bars = base.mark_rule(strokeWidth=1).encode(
        x=x, y=_accuracy("accuracy_low"), y2="accuracy_high:Q", color=COLOUR, opacity=_opacity(0.35)
    )
    dots = base.mark_point(filled=True, size=45, cursor="pointer").encode(
        x=x, y=_accuracy(), color=COLOUR, shape=SHAPE, opacity=_opacity(0.95), tooltip=_tooltip()
    )
    return _finished(alt.layer(bars, lines, dots), 360)


def _finished(chart: alt.LayerChart, height: int) -> dict:
    """Return the specification of a chart as wide as its container on the page."""
    chart = chart.properties(width="container", height=height, background="transparent")
    return chart.configure_axis(labelFontSize=12, titleFontSize=13, titleFontWeight="normal").to_dict()
