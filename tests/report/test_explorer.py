import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
import vl_convert

from frontiers.core.cli import UserError
from frontiers.core.tables import read_table, write_table
from frontiers.report.explorer import charts
from frontiers.report.explorer import page as explorer
from support.explorer_pages import build
from support.synthetic_study import LABELS

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Elements, attributes, scripts and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.open, self.words = [], [], [], None, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        if self.open == "script":
            self.scripts[-1] += data
        elif self.open != "style":
            self.words.append(data.strip())

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def texts(measured, published, tmp_path_factory):
    labels = json.dumps({"benchmarks": LABELS["benchmarks"]})
    return {
        "measured": build(measured, tmp_path_factory.mktemp("a"), "--labels", labels),
        "published": build(published, tmp_path_factory.mktemp("b")),
    }


@pytest.mark.parametrize("kind", ["measured", "published"])
def test_the_page_needs_nothing_from_outside(kind, texts):
    text = texts[kind]
    page = Page(text)
    assert len(text.encode()) < 5_000_000
    assert not {"link", "iframe", "img", "object", "embed", "base", "form"} & set(page.tags)
    assert not [
        a for a in page.attributes if a[1] in ("src", "href", "srcset", "action") or a[1].startswith("on")
    ]
    assert "@import" not in text and "url(" not in text.split("<script>")[0]
    policy = next(v for v in page.values("content") if "default-src" in v)
    assert "default-src 'none'" in policy and "http" not in policy
    data, *scripts = page.scripts
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy, "the browser would refuse the page's own script"
    assert "http" not in scripts[1] and "$schema" in data


@pytest.mark.parametrize("kind", ["measured", "published"])
def test_the_page_holds_every_point_and_choice(kind, texts, measured, published):
    paths = measured if kind == "measured" else published
    page = Page(texts[kind])
    points = read_table(paths["points"], "points")
    data = json.loads(page.scripts[0])
    assert len(data["points"]) == len(points)
    assert set(data["models"]) == set(points["model"])
    assert data["capped"] == (kind == "measured")
    summary = json.loads(paths["summary"].read_text())
    chosen = read_table(paths["frontier"], "frontier").query("on_frontier")
    rows = [a for a in page.attributes if a[:2] == ("tr", "data-cost")]
    assert len(rows) == chosen["cost"].isin(summary["costs"]).sum() > 0
    words = " ".join(page.words)
    assert "A study & more" in words and "Which model at which budget" in words
    for row in points.head(5).itertuples():
        assert explorer.interval(row.accuracy, row.accuracy_low, row.accuracy_high) in words
    on = read_table(paths["frontier"], "frontier").query("cost == 'flops' and on_frontier")
    assert sum(p["on"]["flops"] for p in data["points"]) == len(on)


@pytest.mark.parametrize("kind", ["measured", "published"])
def test_the_charts_compile_and_draw(kind, texts):
    data = json.loads(Page(texts[kind]).scripts[0])
    rows = [
        p
        | {
            "value": p["costs"]["flops"],
            "on": p["on"]["flops"],
            "p": p["p"]["flops"],
            "place": p["order"] or 1e9,
        }
        for p in data["points"]
        if p["benchmark"] == "mean"
    ]
    for name, spec in data["charts"].items():
        drawn = [r | {"colour": "#0072b2", "ink": "#000000", "side": "left", "dx": 0, "dy": 0} for r in rows]
        on = [r for r in drawn if r["on"]]
        spec["datasets"] = {"points": drawn, "steps": on, "names": on, "budget": on[:1]}
        spec["width"] = 500
        svg = vl_convert.vegalite_to_svg(spec)
        assert "Accuracy (%)" in svg, name
        assert name != "frontier" or on[0]["label"] in svg


def test_a_model_keeps_its_colour_when_another_joins():
    few = [f"m{n}" for n in range(4)]
    kinds = dict.fromkeys([*few, "new"], "dense")
    before, after = charts.colours(few, kinds), charts.colours([*few, "new"], kinds)
    assert {m: after[m] for m in few} == before
    assert len({tuple(each["colour"]) for each in after.values()}) == 5
    many = {f"m{n}": "dense" if n % 2 else "hybrid" for n in range(30)}
    assert {each["series"] for each in charts.colours(list(many), many).values()} == {"dense", "hybrid"}


def test_the_page_opens_on_the_benchmark_with_the_most_models(measured, tmp_path):
    points = read_table(measured["points"], "points")
    last = sorted(set(points["benchmark"]) - {"mean"})[-1]
    fewer = points[(points["benchmark"] == last) | (points["model"] == points["model"].iloc[0])]
    write_table(fewer[fewer["benchmark"] != "mean"], tmp_path / "points.parquet", "points")
    page = Page(build(measured | {"points": tmp_path / "points.parquet"}, tmp_path))
    assert page.values("value")[0] == last


def test_hostile_labels_are_escaped_everywhere(measured, tmp_path):
    points = read_table(measured["points"], "points").assign(label=HOSTILE, developer=HOSTILE)
    write_table(points, tmp_path / "points.parquet", "points")
    text = build(
        measured | {"points": tmp_path / "points.parquet"},
        tmp_path,
        "--labels",
        json.dumps({"benchmarks": {"short-chains": HOSTILE}}),
    )
    page = Page(text)
    own = text.replace(page.scripts[1], "")
    assert "alert(1)</script>" not in own and "<img" not in own
    assert len(page.scripts) == 3 and "img" not in page.tags
    assert any(HOSTILE in words for words in page.words)
    assert {p["label"] for p in json.loads(page.scripts[0])["points"]} == {HOSTILE}
    assert {m["label"] for m in json.loads(page.scripts[0])["models"].values()} == {HOSTILE}


def test_the_same_study_gives_the_same_page(texts, measured, tmp_path):
    labels = json.dumps({"benchmarks": LABELS["benchmarks"]})
    assert build(measured, tmp_path, "--labels", labels) == texts["measured"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (1234.5, "1,234"),
        (2.5e7, "2.5 × 10⁷"),
        (1e-5, "1 × 10⁻⁵"),
        (1e13, "1 × 10¹³"),
    ],
)
def test_numbers_are_written_for_readers(value, text):
    assert explorer.scientific(value) == text


def test_a_damaged_summary_is_named(measured, tmp_path):
    broken = tmp_path / "frontier.json"
    broken.write_text("{")
    with pytest.raises(UserError, match=re.escape(str(broken))):
        build(measured | {"summary": broken}, tmp_path)
