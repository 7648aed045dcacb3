import copy
import importlib
import inspect
import json
import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

import plot as script
from frontiers.analysis import registry
from frontiers.compute import model_card
from frontiers.compute.architecture import Architecture, Layer
from frontiers.compute.layer_parts import Attention, FeedForward
from frontiers.compute.precision import read_precision
from frontiers.core import sealed
from frontiers.core.cli import UserError
from frontiers.core.escapes import rst
from frontiers.core.tables import read_table
from frontiers.report.figures import caps as figure_caps
from frontiers.report.figures import components as figure_components
from frontiers.report.figures import context as figure_context
from frontiers.report.figures import frontier as figure_frontier
from frontiers.report.figures import gains as figure_gains
from frontiers.report.figures import outcomes as figure_outcomes
from frontiers.report.figures import strategies as figure_strategies
from frontiers.report.figures import style as figures
from frontiers.report.figures import trend as figure_trend
from support.paths import ROOT
from support.synthetic_study import LABELS

NAMES = ("frontier", "caps", "gains", "trend", "outcomes", "components")
FIGURES = {
    figure.name: tuple("points" if table == "measures" else table for table in figure.tables)
    for figure in registry.FIGURES
    if figure.name in NAMES
}
DRAW = {
    "frontier": figure_frontier,
    "caps": figure_caps,
    "gains": figure_gains,
    "trend": figure_trend,
    "outcomes": figure_outcomes,
    "components": figure_components,
}
UNITS = {
    "frontier": ["Accuracy (%)", "Compute (FLOP per problem)"],
    "caps": ["Accuracy (%)", "Reasoning cap (tokens)"],
    "gains": ["Points per doubling", "Compute (FLOP per problem)"],
    "trend": ["is not estimable: models with a release date: 4"],
    "outcomes": ["Compute (FLOP per generation)", "Failed / successful (ratio)"],
    "components": ["Share of compute (%)", "FLOP per"],
}
HOSTILE = "<script>alert(1)</script> $x_$ & co"


def plot(name, paths, folder, labels=LABELS):
    return write(name, ["--tables", *(f"{table}={paths[table]}" for table in FIGURES[name])], folder, labels)


def write(name, given, folder, labels):
    out = folder / f"{name}.svg", folder / f"{name}.png"
    written = ["--output-svg", str(out[0]), "--output-png", str(out[1])]
    script.main(["--figure", name, *given, "--labels", json.dumps(labels), *written])
    return out


def texts(svg):
    """Everything written in a figure, by element; formulae are left out."""
    return ["".join(e.itertext()).strip() for e in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_text_units_and_problems_and_the_same_bytes_again(name, measured, tmp_path):
    labels = LABELS | {"models": LABELS["models"] | {"small": HOSTILE}}
    svg, png = plot(name, measured, tmp_path, labels)
    written = " | ".join(texts(svg))
    for unit in UNITS[name]:
        assert unit in written
    assert name == "trend" or re.search(r"40 (problems|per model)|80 problems", written)
    assert not list(ET.parse(svg).iter("{http://www.w3.org/2000/svg}script"))
    assert name == "trend" or HOSTILE in written
    first = svg.read_bytes(), png.read_bytes()
    assert b"<dc:date>" not in first[0] and first[1].startswith(b"\x89PNG")
    if name != "frontier":  # one that has every kind of element stands for all
        return
    plot(name, measured, tmp_path, labels)
    assert (svg.read_bytes(), png.read_bytes()) == first


@pytest.mark.parametrize("name", ["frontier", "trend"])
def test_published_figures_are_drawn(name, published, tmp_path):
    labels = {"benchmarks": {"gpqa-diamond": "GPQA Diamond"}}
    written = " | ".join(texts(plot(name, published, tmp_path, labels)[0]))
    assert "GPQA Diamond" in written and "198 problems, 37 models" in written
    if name == "frontier":
        said = " ".join(written.replace("|", " ").split())
        assert "Compute: counted from the architecture for" in said and "ran in a reasoning mode" in said
    if name == "frontier":
        assert "Phi-4" in written and "Yi 34B Chat" not in written, "only the frontier is labelled"
    else:
        assert "fit, all models: doubles in" in written
        assert "Accuracy per compute (1/FLOP)" in written and "Release date" in written


def drawn(name, measured, published):
    labels = figures.Labels(**LABELS)
    get = {
        t: read_table(measured[t], t)
        for t in ("points", "frontier", "saturation", "gains", "trend", "outcomes", "answers")
    }
    figures.set_style()
    if name == "published":
        tables = [read_table(published[t], t) for t in ("points", "frontier")]
        return figure_frontier.draw(*tables, figures.with_point_labels(figures.Labels(), tables[0]))
    return DRAW[name].draw(*(get[t] for t in FIGURES[name]), labels)


@pytest.mark.parametrize("name", [*FIGURES, "published"])
def test_neither_axis_labels_nor_names_cover_one_another(name, measured, published):
    figure = drawn(name, measured, published)
    figure.canvas.draw()
    for axis in figure.axes:
        for which in (axis.xaxis, axis.yaxis):
            low, high = sorted(which.get_view_interval())
            boxes = [
                t.label1.get_window_extent() for t in which.get_major_ticks() if low <= t.get_loc() <= high
            ]
            boxes = sorted((b for b in boxes if b.width > 1), key=lambda b: (b.x0, b.y0))
            assert not any(a.overlaps(b) for a, b in pairwise(boxes)), axis.get_title(loc="left")
        names = [t.get_window_extent() for t in axis.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(names) for b in names[i + 1 :])
    figures.matplotlib.pyplot.close(figure)


def test_frontier_bars_run_from_point_to_point():
    rows = pd.DataFrame(
        {
            "model": ["a", "a", "b", "b"],
            "value": [1.0, 3.0, 3.0, 9.0],
            "order": [0.0, 8.0, 8.0, np.inf],
            "on_frontier": [True, True, True, True],
        }
    )
    best = figure_frontier.choices(rows)
    assert best[["model", "value", "end"]].values.tolist() == [["a", 1, 3], ["a", 3, 9], ["b", 9, np.inf]]
    assert figure_frontier.caps_text(rows["order"]) == ", cap 0 to none"
    assert figure_frontier.caps_text(pd.Series([16.0])) == ", cap 16"
    assert figure_frontier.caps_text(pd.Series([np.inf])) == ""


def test_a_break_tells_slowing_from_onset_and_stands_at_its_place_among_the_caps():
    row = pd.Series({"breakpoint_flops": 1e3, "direction": "levels_off"})
    assert figure_caps.break_marker(row) == "|"
    assert figure_caps.break_marker(row.replace("levels_off", "onset")) == ">"
    assert figure_caps.break_marker(row.replace("levels_off", "unclear")) == "d"
    assert figure_caps.break_marker(row.replace(1e3, np.nan)) is None
    curve = pd.DataFrame({"flops": [1e2, 1e4, 1e4], "place": [0.0, 2.0, 3.0]})
    assert figure_caps.at_flops(curve, 1e3) == pytest.approx(1)
    assert np.isnan(figure_caps.at_flops(curve, 1e5))
    places = figure_caps.positions(pd.Series([0.0, 8.0, 16.0, 64.0, np.inf]))
    assert places.is_monotonic_increasing and places[1] == 3


def test_points_without_caps_have_no_curves_and_say_so(published, measured):
    points = read_table(published["points"], "points")
    figure = figure_caps.draw(
        points[points["cap"].isna()], read_table(measured["saturation"], "saturation"), figures.Labels()
    )
    assert "every model has one point" in figure.axes[0].texts[0].get_text()


def test_a_trend_that_cannot_be_estimated_says_why(measured, tmp_path):
    written = " ".join(texts(plot("trend", measured, tmp_path)[0]))
    assert "not estimable: models with a release date: 4" in written


def test_the_line_of_the_trend_is_that_of_its_table(published):
    points = read_table(published["points"], "points")
    trend = read_table(published["trend"], "trend")
    trend["slope_per_year"] += 0.01
    with pytest.raises(UserError, match="was not fitted on these points"):
        figure_trend.draw(points, trend, figures.Labels())
    assert figure_trend.factor(1e-5) == "<0.01" and figure_trend.factor(1e5) == ">100"


def test_an_outcome_without_estimate_gives_its_reason(measured):
    outcomes = read_table(measured["outcomes"], "outcomes")
    gone = (outcomes["model"] == "large") & (outcomes["measure"] == "flops")
    outcomes.loc[gone, ["estimable", "reason"]] = False, "failed: 2, successful: 38; at least 5 are needed"
    figure = figure_outcomes.draw(outcomes, figures.Labels())
    written = {t.get_text().replace("\n", " ") for axis in figure.axes for t in axis.texts}
    assert "2 failed, 38 right" in written
    with pytest.raises(UserError, match="no rows of `flops`"):
        figure_outcomes.draw(outcomes[outcomes["measure"] == "early_stopping"], figures.Labels())


def test_shares_are_means_over_benchmarks_at_the_largest_cap(measured):
    answers = read_table(measured["answers"], "answers")
    costs = figure_components.mean_costs(answers)
    top = answers[answers["cap"].isna() & (answers["model"] == "large")]
    expected = top.groupby("benchmark")["flops"].mean().mean()
    assert costs.loc[("large", "cot"), "flops"] == pytest.approx(expected)
    assert np.allclose(costs[list(figure_components.COMPONENTS)].sum(axis=1), costs["flops"])
    assert np.allclose(costs[list(figure_components.PHASES)].sum(axis=1), costs["flops"])


def test_colours_are_each_models_own_while_there_are_enough():
    few, many = [f"m{i}" for i in range(7)], [f"m{i}" for i in range(40)]
    assert len(set(figures.model_colours(few).values())) == 7
    some = figures.model_colours(many, many[:4])
    assert [some[m] for m in many[:4]] == list(figures.PALETTE[:4]) and some["m30"] == figures.GREY
    assert set(figures.model_colours(many, many[:20]).values()) == {figures.ACCENT, figures.GREY}


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}}'])
def test_bad_labels_are_refused(text):
    with pytest.raises(UserError, match="--labels"):
        figures.parse_labels(text)


def test_a_figure_without_one_of_its_tables_names_it(measured, tmp_path):
    given = ["--tables", f"points={measured['points']}"]
    with pytest.raises(UserError, match="`frontier` also reads frontier; add --tables frontier=PATH"):
        write("frontier", given, tmp_path, LABELS)


@pytest.mark.parametrize("figure", registry.FIGURES, ids=lambda figure: figure.name)
def test_every_figure_of_the_registry_has_its_module_and_caption(figure):
    module = importlib.import_module(f"frontiers.report.figures.{figure.name}")
    taken = ["points" if table == "measures" else table for table in figure.tables]
    assert list(inspect.signature(module.draw).parameters) == [*taken, "labels"]
    assert (ROOT / f"workflow/report/{figure.name}.rst").exists()


def described(**changes):
    """The card of a small model whose scores cost as much as all else at a context of 100 tokens."""
    layers = (
        Layer((Attention(8, heads=1, kv_heads=1, head_width=8), FeedForward(8, intermediate=24)), 16),
    ) * 4
    architecture = Architecture("LlamaForCausalLM", "llama", 8, 256, False, layers)
    precision = read_precision({"dtype": "float32"})
    made = model_card.describe(architecture, 4, precision, 256) | {"config_sha256": "0" * 64}
    return made | changes


def context_figure(**models):
    figures.set_style()
    figure = figure_context.draw(models, figures.Labels({"small": HOSTILE}))
    figure.canvas.draw()
    return figure


def test_the_figure_of_contexts_has_text_units_and_the_same_bytes_again(tmp_path):
    paths = [tmp_path / f"{name}.json" for name in ("small", "m-1.5b")]
    for path in paths:
        model_card.write_card(described(), path)
    given = "context", ["--models", *map(str, paths)], tmp_path, {"models": {"small": HOSTILE}}
    out = write(*given)
    written = texts(out[0])
    for text in ("Share of FLOP (%)", "Context (tokens)", HOSTILE, "m-1.5b", "attention scores", "logits"):
        assert text in written
    assert "state space" not in written, "no model has any"
    first = out[0].read_bytes(), out[1].read_bytes()
    write(*given)
    assert (out[0].read_bytes(), out[1].read_bytes()) == first
    sealed.write(paths[0], {})
    with pytest.raises(UserError, match=r"small\.json.*required property"):
        write(*given)


def test_bands_of_a_context_are_shares_of_the_whole_and_scores_meet_half_at_the_mark():
    made = described()
    grid, flops = figure_context.bands(made, 1)
    assert grid[0] == 1 and grid[-1] == 256
    assert flops[:, -1].sum() == pytest.approx(made["flops_per_token"][-1]["total"])
    share = np.interp(made["scores_overtake"], grid, flops[0] / flops.sum(axis=0))
    assert share == pytest.approx(0.5, abs=0.01)
    figure = context_figure(small=made)
    assert f"{made['scores_overtake']:,}" in {t.get_text() for t in figure.axes[0].texts}


def test_where_scores_lead_outside_the_context_an_arrow_says_so():
    beyond, never = described(scores_overtake=300), described(scores_overtake=None)
    short = described(flops_per_token=described()["flops_per_token"][:5])
    figure = context_figure(beyond=beyond, never=never, short=short)
    written = [{t.get_text() for t in axis.texts} for axis in figure.axes]
    assert "→ 300" in written[0] and not any("→" in text for text in written[1])
    assert "longest\ncontext\n16" in written[2]
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "beyond the longest context" in labels[-1]
    assert figure_context.limits([described(), short]) == (1, 256)


def test_names_and_axis_labels_of_contexts_do_not_cover_one_another():
    figure = context_figure(**{name: described() for name in ("small", "b", "c", "d")})
    for axis in figure.axes[:4]:
        boxes = [tick.label1.get_window_extent() for tick in axis.xaxis.get_major_ticks()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
        boxes = [t.get_window_extent() for t in axis.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(80.3e3, 342e3, "80.3 to 342 kFLOP"), (440e3, 1.22e6, "0.44 to 1.22 MFLOP"), (7e9, 7e9, "7 to 7 GFLOP")],
)
def test_both_ends_of_a_range_have_one_unit(low, high, text):
    assert figure_context.per_token(low, high) == f"{text} per token"


MEASURED_ONLY = {"caps", "components", "context", "differences", "difficulty", "outcomes"}
PROBLEMS = {"caps", "components", "difficulty", "frontier", "outcomes"}
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"told": "Because it is."}


CAPTIONS = pytest.mark.parametrize(
    "caption", sorted((ROOT / "workflow/report").glob("*.rst")), ids=lambda p: p.stem
)
CHECK = {"name": "caps_respected", "what": "no trace is longer than its cap", "passed": True, "rows": 24}


LINKS = "\n\n" + "\n".join(
    f".. _{name}: #shown" for name in ("Findings", "Explorer", "Figures", "Tables", "Checks")
)
"""Targets that Snakemake appends to the pages of a report."""


def rendered(caption, config):
    """Yield each study that has the caption, its text, and the HTML of that."""
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    found = {"passed": True, "checks": [CHECK], "findings": [{"question": "Why?", "answer": config["told"]}]}
    environment.filters |= {"rst": rst, "read_json": lambda path: found, "read_base64": lambda path: "AAAA"}
    for name, study in config["studies"].items():
        if caption.stem in MEASURED_ONLY and study["kind"] != "measured":
            continue
        if caption.stem == "judge_error" and "judge" not in study:
            continue
        job = SimpleNamespace(
            config=config,
            wildcards=SimpleNamespace(study=name),
            params={},
            output=SimpleNamespace(checks="c"),
        )
        text = environment.from_string(caption.read_text()).render(snakemake=job) + LINKS
        settings = {"halt_level": 2, "report_level": 1}
        yield study, text, publish_parts(text, writer="html", settings_overrides=settings)["html_body"]


@CAPTIONS
def test_captions_are_valid_for_every_study(caption):
    for study, text, _ in rendered(caption, CONFIG):
        if study["kind"] == "measured" and caption.stem in PROBLEMS:
            rows = CONFIG["benchmarks"][study["benchmarks"][0]]["rows"]
            assert f"{rows} problems" in text


@CAPTIONS
def test_no_label_and_no_path_of_any_kind_of_study_is_markup_in_a_caption(caption, tmp_path):
    (tmp_path / "secret").write_text("what the file holds")
    label = f"a_ |b| `c <javascript:alert(1)>`_ <b>\n\n.. include:: {tmp_path / 'secret'}\n\n.. raw:: html\n\n   <i>\n"
    config = copy.deepcopy(CONFIG) | {"told": label}
    for block in [*config["benchmarks"].values(), *config["models"].values()]:
        block["label"] = label
    for study in config["studies"].values():
        study |= {key: label for key in ("table", "runs") if key in study}
        if "labels" in study:
            study["labels"] = dict.fromkeys(study["labels"], label)
    for _, _, html in rendered(caption, config):
        assert not re.search(r"<a (?![^>]*#shown)|<b>|<i>|what the file holds", html)


@pytest.mark.parametrize("name", ["checks", "workflow"])
def test_the_page_of_the_checks_names_those_that_passed(name):
    for _, _, html in rendered(ROOT / f"workflow/report/{name}.rst", CONFIG):
        assert CHECK["name"] in html


def test_strategies_stand_in_their_colours_and_the_best_uncapped_ones_by_name(measured, tmp_path):
    figures.set_style()
    points = read_table(measured["points"], "points").assign(strategy="cot")
    chains = {"cot": {"label": "One chain", "method": "chain"}}
    votes = {
        "vote_4": {"label": "Majority of 4", "method": "vote"},
        "worse": {"label": "Worse", "method": "beam"},
    }
    better = points.assign(
        strategy="vote_4", flops=4 * points["flops"], accuracy=points["accuracy"] / 2 + 0.5
    )
    worse = points.assign(strategy="worse", flops=8 * points["flops"], accuracy=points["accuracy"] / 2)
    benchmarks = LABELS["benchmarks"] | {"short-chains": r"$\frac{$"}
    labels = figures.Labels(LABELS["models"], benchmarks, chains | votes)
    drawn = figure_strategies.draw(pd.concat([points, better, worse]), labels)
    figures.save(drawn, tmp_path / "s.svg", tmp_path / "s.png")
    written = texts(tmp_path / "s.svg")
    assert {"one chain", "majority vote", "beam search", "Model small", "accuracy (%)", r"$\frac{$"} <= set(
        written
    )
    assert "Majority of 4" in written and "Worse" not in written
