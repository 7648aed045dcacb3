"""Labels that would run a script, read a file, start a formula or control a terminal, in every product of a study."""

import csv
import re
import shutil
import subprocess
import zipfile
from xml.etree import ElementTree

import pandas as pd
import pytest

from support.small_study import BENCHMARKS, MODELS

RAN = "document.documentElement.dataset.ran = 'yes'"
MARKUP = f'</script><script>{RAN}</script><img src=x onerror="{RAN}"><svg onload="{RAN}">'
FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1"]
PROBE = """<script>
for (const each of Object.values(results)) {
  const place = document.body.appendChild(document.createElement("div"));
  place.innerHTML = each.caption;
}
const links = [...document.querySelectorAll("a[href^='javascript:']")].map(each => each.href);
document.documentElement.dataset.links = links.filter(each => each.includes("dataset")).length;
document.documentElement.dataset.shown = Object.keys(results).length;
</script>"""
"""Shows every caption of a report, as a click on each would."""


def hostile(number: int, secret) -> str:
    """Return a label that tries everything; what its cell in a CSV begins with depends on `number`."""
    return (
        f"{FORMULAS[number]} {MARKUP} "
        f"$\\frac{{$ $x_$ \x1b[31mred\u202e [m](javascript:{RAN}) {{{{ 7 * 191 }}}} {{input}}\n\n"
        f".. include:: {secret}\n\n.. raw:: html\n\n   <script>{RAN}</script>\n\n"
        f".. role:: html(raw)\n   :format: html\n\n:html:`<script>{RAN}</script>` `link <javascript:{RAN}>`_ |x| name_\n"
    )


STUDIES = ("pocket-strategies", "recorded", "published")
"""Studies of other kinds that need no log of another tool."""


def rename(path, secret) -> None:
    """Give every model and developer of a table of runs or points a hostile name."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in ("label", "developer"):
        numbers = {name: number for number, name in enumerate(table[column].unique())}
        table[column] = [f"{hostile(numbers[name] % len(FORMULAS), secret)} {name}" for name in table[column]]
    table.to_csv(path, index=False)


@pytest.fixture(
    scope="module", params=["pocket", *(pytest.param(study, marks=pytest.mark.slow) for study in STUDIES)]
)
def named(workflow, tmp_path_factory, request):
    """The results and the report of a study with hostile names of models, developers, benchmarks and strategies."""
    folder = tmp_path_factory.mktemp("hostile")
    secret = folder / "secret.txt"
    secret.write_text("what the file holds")
    copy = workflow.copied(folder / "copy")
    for number, name in enumerate(MODELS):
        copy.config["models"][name] |= {
            "label": hostile(number, secret),
            "developer": hostile(number + 1, secret),
        }
    for number, name in enumerate(BENCHMARKS):
        copy.config["benchmarks"][name]["label"] = hostile(number, secret)
    for number, strategy in enumerate(("cot", "vote_4")):
        copy.config["strategies"][strategy]["label"] = hostile(number, secret)
    few = {"draws": 200, "seed": 1, "device": "kinetics"}
    strategies = {"models": ["pocket-small"], "benchmarks": BENCHMARKS[:1], "strategies": ["cot", "vote_4"]}
    copy.config["studies"]["pocket-strategies"] |= {**strategies, "caps": [24], "samples": 4, "analysis": few}
    for study, table in (
        ("recorded", "data/recorded/runs.csv"),
        ("published", "data/published/open_models.csv"),
    ):
        rename(copy.folder / table, secret)
        labels = copy.config["studies"][study]["labels"]
        labels.update({name: f"{hostile(n, secret)} {name}" for n, name in enumerate(labels)})
    copy.config["run"] = [request.param]
    copy.snakemake()
    results = copy.folder / "results" / request.param
    with zipfile.ZipFile(results / "report.zip") as report:
        report.extractall(folder)
    return results, folder / "report"


def browsed(page, folder) -> str:
    """Return what a browser has made of a page, as HTML."""
    if not (browser := shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("no chromium is installed")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --virtual-time-budget=8000 --dump-dom"
    )
    called = subprocess.run(
        [browser, *options.split(), f"--user-data-dir={folder}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert called.returncode == 0, called.stderr
    return called.stdout


def test_no_product_holds_the_file(named):
    results, report = named
    files = [path for folder in (results, report) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 30
    assert [path for path in files if b"what the file holds" in path.read_bytes()] == []


def test_a_browser_runs_nothing_of_the_report(named, tmp_path):
    results, report = named
    page = report / "probed.html"
    text = (report / "report.html").read_text()
    page.write_text(text.replace("</body>", f"{PROBE}</body>"))
    made = browsed(page, tmp_path)
    head = re.search(r"<html[^>]*>", made)[0]
    assert 'data-shown="' in head and 'data-shown="0"' not in head, "the report's own scripts do not run"
    assert "data-ran" not in head and 'data-links="0"' in head
    # The captions of a published study name no model.
    assert "&lt;/script&gt;&lt;script&gt;" in made or results.name == "published"
    assert "{{ 7 * 191 }}" in made


def test_a_browser_runs_nothing_of_the_explorer_and_draws_its_charts(named, tmp_path):
    results, _ = named
    made = browsed(results / "explorer.html", tmp_path)
    assert "data-ran" not in re.search(r"<html[^>]*>", made)[0]
    assert ("&lt;/script&gt;" in made and "<svg" in made.split("chart-frontier")[1]) or "<canvas" in made


def test_a_browser_runs_nothing_of_the_page_of_answers(named, tmp_path):
    results, _ = named
    if not (results / "answers").exists():
        pytest.skip("a study of others' models has no completions")
    made = browsed(results / "answers.html", tmp_path)
    assert "data-ran" not in re.search(r"<html[^>]*>", made)[0]
    assert "&lt;/script&gt;" in made and "<summary>" in made, "its own script does not run"


def test_a_browser_runs_nothing_of_a_figure_and_each_shows_its_labels(named, tmp_path):
    results, _ = named
    figures = sorted((results / "figures").glob("*.svg"))
    assert figures
    for path in figures:
        root = ElementTree.parse(path).getroot()
        assert not [e.tag for e in root.iter() if e.tag.endswith(("script", "image", "foreignObject"))]
        words = " ".join(root.itertext())
        empty = (
            "every model has one point",
            "No two models of different kinds",
            "Too few models with several caps",
            "No gain to show",
            "No policy to judge",
            "with release date is not estimable",
        )
        assert r"$\frac{$ $x_$ \x1b[31mred\u202e" in words or any(text in words for text in empty), path.name
        assert "data-ran" not in browsed(path, tmp_path)
        assert path.with_suffix(".png").stat().st_size > 1000


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers(named):
    results, _ = named
    tables = sorted(results.glob("*.csv"))
    assert tables
    for path in tables:
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [c for c in cells if c.startswith(("=", "+", "@", "\t", "\r"))], path.name
        for cell in cells:
            if cell.startswith("-"):
                float(cell)
    if (points := results / "points.csv").exists():
        text = points.read_text()
        assert all(
            f"'{FORMULAS[number]} " in text
            for number in range(1 if "strategies" in results.name else len(MODELS))
        )


def test_the_card_of_a_model_holds_no_label(named):
    results, _ = named
    cards = sorted((results / "models").glob("*.md"))
    assert len(cards) == {"pocket": len(MODELS), "pocket-strategies": 1}.get(results.name, 0)
    assert [path for path in cards if "script" in path.read_text()] == []
