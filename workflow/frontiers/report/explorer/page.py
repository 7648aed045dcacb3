"""The explorer: one HTML page with all points of a study that needs no network and no server."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import vl_convert
from jinja2 import Environment, StrictUndefined

from frontiers.analysis.frontier.summary import UNITS
from frontiers.analysis.points import with_measures
from frontiers.analysis.published_runs import STRATEGY, counted_text
from frontiers.core.escapes import script_json
from frontiers.core.keys import KEY, MEAN, cap_order
from frontiers.report.explorer import charts as charting
from frontiers.report.explorer.tables import (
    architecture_rows,
    choice_rows,
    interval,
    pair_rows,
    saturation_rows,
    scientific,
    trend_rows,
)

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SCRIPTS = [Path(__file__).with_name(f"{name}.js") for name in ("state", "charts", "page")]
"""The page's own scripts, in the order in which they run, as one."""
COSTS_SHOWN = {
    "flops": "Compute",
    "eflops": "Memory-aware compute",
    "tokens": "Tokens generated",
    "seconds": "Time",
    "joules": "Energy",
    "dollars": "Money",
}
ARCHITECTURES = {"dense": "dense", "moe": "mixture of experts", "hybrid": "hybrid"}
SCALES = {"dollars": (1000, "US$ per 1,000 problems")}
"""Costs that are shown in another unit than that of the tables: the factor, and the unit."""
FACTS = ("developer", "release_date", "total_params", "active_params", "mode")
"""What is shown of a model, where the points have it."""
DIGITS = 6


def point_rows(points: pd.DataFrame, frontier: pd.DataFrame, costs: list[str]) -> list[dict]:
    """Return the points as records for the charts and the table, with the frontier on each of `costs`.

    `on` and `p` give, for each cost, whether the point is on the frontier and in which share of draws.
    """
    points = with_measures(points).assign(order=cap_order(points["cap"]))
    listed = frontier.assign(order=cap_order(frontier["cap"]))
    joint = [*KEY[:3], "order"]
    signs = {
        (*k, c): (bool(on), p)
        for *k, c, on, p in _columns(listed, [*joint, "cost", "on_frontier", "p_on_frontier"])
    }
    apart = {
        (*k, c): [_plain(v) for v in ends]
        for *k, c, held, low, high in _columns(
            listed, [*joint, "cost", "held_out", "held_out_low", "held_out_high"]
        )
        if pd.notna(held)
        for ends in [(held, low, high)]
    }
    several = points["strategy"].nunique() > 1
    rows = []
    for row in points.to_dict("records"):
        key = tuple(row[k] for k in joint)
        cap = "none" if np.isinf(row["order"]) else f"{row['order']:.0f}"
        kept = [
            "benchmark",
            "model",
            "strategy",
            "accuracy",
            "accuracy_low",
            "accuracy_high",
            "problems",
            "samples",
        ]
        kept += ["reasoning_tokens", "release_date", "may_have_seen", "source"]
        rows.append(
            {k: _plain(row[k]) for k in kept}
            | {
                "label": str(row["label"]) + (f", {row['strategy']}" if several else ""),
                "architecture": kind_of(row["architecture"]),
                "cap": cap,
                "order": None if np.isinf(row["order"]) else row["order"],
                "costs": {c: _plain(row[c]) for c in costs},
                "on": {c: signs.get((*key, c), (False, 0.0))[0] for c in costs},
                "p": {c: _plain(signs.get((*key, c), (False, 0.0))[1]) for c in costs},
                "held": {c: apart[(*key, c)] for c in costs if (*key, c) in apart},
            }
        )
    return rows


def kind_of(architecture: object) -> str:
    """Return the name of a kind of architecture for readers."""
    return ARCHITECTURES.get(architecture, "unknown") if isinstance(architecture, str) else "unknown"


def model_rows(points: pd.DataFrame, order: Sequence[str]) -> dict[str, dict]:
    """Return what the page says of each model, in the `order` of the configuration, then in that of the points."""
    known = points.drop_duplicates("model")
    place = {model: n for n, model in enumerate(order)}
    known = known.sort_values("model", key=lambda m: m.map(place).fillna(len(place)), kind="stable")
    given = charting.colours(
        list(known["model"]), {m: kind_of(a) for m, a in _columns(known, ["model", "architecture"])}
    )
    return {
        row["model"]: {
            "label": str(row["label"]),
            "architecture": kind_of(row["architecture"]),
            **{name: _plain(row[name]) for name in FACTS if name in row},
            **given[row["model"]],
        }
        for row in known.to_dict("records")
    }


def gain_rows(gains: pd.DataFrame) -> list[dict]:
    """Return the gains per doubling of compute as records."""
    kept = ["model", "strategy", "benchmark", "from_cap", "to_cap", "gain", "low", "high", "pays"]
    return [{k: _plain(v) for k, v in row.items()} for row in gains[kept].to_dict("records")]


def _columns(frame: pd.DataFrame, names: list[str]) -> zip:
    """Return the rows of some columns as tuples."""
    return zip(*(frame[n] for n in names), strict=True)


def _plain(value: object) -> object:
    """Return a value as a JSON type, floats with 6 digits, missing ones as None."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, (bool, np.bool_, str)):
        return value if isinstance(value, str) else bool(value)
    return int(value) if isinstance(value, (int, np.integer)) else float(f"{value:.{DIGITS}g}")


def page(
    title: str,
    points: pd.DataFrame,
    frontier: pd.DataFrame,
    summary: Mapping,
    trend: pd.DataFrame,
    saturation: pd.DataFrame | None = None,
    benchmarks: Mapping[str, str] | None = None,
    findings: Sequence[Mapping[str, str]] = (),
    gains: pd.DataFrame | None = None,
    order: Sequence[str] = (),
    architectures: pd.DataFrame | None = None,
    size_pairs: pd.DataFrame | None = None,
) -> str:
    """Return the page as HTML.

    The tables are those of these names, `summary` is the JSON written with `frontier`, `saturation` is None for
    published figures, `benchmarks` maps slugs to labels, `findings` are the questions and answers to show, `gains`,
    `architectures` and `size_pairs` the tables of these names, `order` the models as the configuration lists them.
    All text is escaped; all scripts are in the page, and its content security policy lets the browser run only these
    and fetch nothing.
    """
    costs = list(summary["costs"])
    models = dict(zip(points["model"], points["label"], strict=True))
    rows = point_rows(points, frontier, costs)
    given = {b: (benchmarks or {}).get(b, b) for b in dict.fromkeys(points["benchmark"]) if b != MEAN}
    models_of = points.groupby("benchmark")["model"].nunique()
    mean = {MEAN: f"Mean of {len(given)} benchmarks"} if MEAN in models_of else {}
    # The page opens on the first: the mean, unless it leaves models out, else the benchmark with most models.
    most = dict(sorted(given.items(), key=lambda item: -models_of[item[0]]))
    names = mean | most if mean and models_of[MEAN] == models_of.max() else most | mean
    capped = points.groupby(["model", "strategy"])["cap"].nunique(dropna=False).max() > 1
    units = {c: SCALES.get(c, (1, UNITS[c])) for c in costs}
    described = model_rows(points, order)
    data = {
        "study": title,
        "points": rows,
        "models": described,
        "gains": [] if gains is None else gain_rows(gains),
        "charts": charting.charts(),
        "height": charting.HEIGHT,
        "shapes": charting.SHAPES,
        "benchmarks": names,
        "costs": {
            c: {"name": COSTS_SHOWN[c], "unit": unit, "scale": scale} for c, (scale, unit) in units.items()
        },
        "capped": bool(capped),
    }
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    scripts = {
        "library": library.replace("</script", "<\\/script"),
        "page": "".join(path.read_text() for path in SCRIPTS),
    }
    published = bool((points["strategy"] == STRATEGY).all())
    left_out = [(models.get(m["model"], m["model"]), m["missing"]) for m in summary["left_out_of_mean"]]
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(TEMPLATE.read_text()).render(
        title=title,
        policy=content_policy(scripts.values()),
        scripts=scripts,
        data=script_json(data),
        benchmarks=names,
        problems=points.groupby("benchmark")["problems"].max().to_dict(),
        costs={c: f"{COSTS_SHOWN[c]} ({unit})" for c, (_, unit) in units.items()},
        scales={c: scale for c, (scale, _) in units.items()},
        kinds=sorted({m["architecture"] for m in described.values()}),
        developers=sorted({str(m["developer"]) for m in described.values() if m.get("developer")}),
        published=published,
        counted=counted_text(points) if published else "",
        recorded=bool((points["strategy"] == "cut").all()),
        held_out=bool(frontier["held_out"].notna().any()),
        intervals=sorted(set(points["interval"])),
        models=len(models),
        left_out=[(name, [names.get(b, b) for b in missing]) for name, missing in left_out],
        summary=summary,
        choices=choice_rows(frontier, models, units),
        saturation=[] if saturation is None else saturation_rows(saturation, models),
        trend=trend_rows(trend),
        architectures=[] if architectures is None else architecture_rows(architectures),
        pairs=[] if size_pairs is None else pair_rows(size_pairs, models),
        rows=rows,
        findings=findings,
        scientific=scientific,
        interval=interval,
    )


def content_policy(scripts: object) -> str:
    """Return a content security policy that allows exactly these inline scripts and no request."""
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{h}'" for h in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"
