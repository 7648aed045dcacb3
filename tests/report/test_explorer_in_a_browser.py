"""The explorer in Chromium: what a reader does with it, at three sizes, light and dark; skipped where there is none."""

import csv
import io
import shutil
from urllib.parse import parse_qs

import numpy as np
import pytest

from frontiers.core.tables import read_table
from support.explorer_pages import build

api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
SIZES = {"desktop": (1200, 900), "phone": (390, 800)}
DRAWN = "() => Number(document.documentElement.dataset.drawn ?? 0) > %d"

SMALL_TEXT = """[...document.querySelectorAll("main *, svg text")]
    .filter((e) => e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 12)
    .map((e) => e.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def paths(measured, published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, tables in (("measured", measured), ("published", published)):
        (folder / name).mkdir()
        build(tables, folder / name)
        found[name] = folder / name / "explorer.html"
    return found


@pytest.fixture
def opened(browser, paths):
    """Open a page; what its console says and what it asks the network for must stay empty."""
    contexts, said = [], []

    def open_page(kind="measured", size="desktop", scheme="light", address=""):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(local) or said.append(request.url))
        page.goto(paths[kind].as_uri() + address)
        page.wait_for_function(DRAWN % 0)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def acted(page, act):
    """Do something that redraws the page, and wait until it has."""
    before = int(page.evaluate("document.documentElement.dataset.drawn"))
    act()
    page.wait_for_function(DRAWN % before)


def points_of(measured, benchmark, cost="flops"):
    points = read_table(measured["points"], "points")
    return points[(points["benchmark"] == benchmark) & points[cost].notna()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["measured", "published"])
def test_the_page_is_quiet_fits_and_has_no_fault_of_accessibility(opened, kind, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(kind, size, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.locator("#chart-frontier svg").count() == 1
    for act in (lambda: None, lambda: page.locator("td button[data-model]:visible").first.click()):
        act()
        found = axe.Axe().run(page).response["violations"]
        assert [
            (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
        ] == []
    assert page.evaluate(SMALL_TEXT) == []


def test_a_budget_is_answered_with_the_most_accurate_point_within_it(opened, measured):
    page = opened()
    points = points_of(measured, page.locator("#benchmark").input_value())
    for share in (0.1, 0.5, 0.9):
        budget = float(f"{points['flops'].quantile(share):.3g}")
        page.fill("#budget", f"{budget:g}")
        within = points[points["flops"] <= budget]
        best = within[within["accuracy"] == within["accuracy"].max()].sort_values("flops").iloc[0]
        text = page.inner_text("#answer")
        assert f"{best['label']}" in page.inner_text("#answer strong"), text
        assert f"{100 * best['accuracy']:.1f} % ({100 * best['accuracy_low']:.1f} to" in text
        other = within[within["model"] != best["model"]]
        assert ("Next best" in text) == (len(other) > 0)
    page.fill("#budget", "1")
    assert "Nothing costs so little" in page.inner_text("#answer")
    page.fill("#budget", "a lot")
    assert "Type a budget" in page.inner_text("#answer")


def test_slider_keys_and_clicks_on_the_chart_set_the_budget(opened):
    page = opened()
    page.focus("#slider")
    before = float(page.locator("#budget").input_value())
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    after = float(page.locator("#budget").input_value())
    assert after > before
    chart, slider = page.locator("#chart-frontier svg"), page.locator("#slider").bounding_box()
    left = slider["x"] - chart.bounding_box()["x"]
    chart.click(position={"x": left + 0.25 * slider["width"], "y": 30})
    assert abs(int(page.locator("#slider").input_value()) - 250) < 15
    assert float(page.locator("#budget").input_value()) < after


def test_the_address_restores_what_was_chosen(opened):
    page = opened()
    options = page.locator("#benchmark option").evaluate_all("all => all.map(o => o.value)")
    acted(page, lambda: page.select_option("#benchmark", options[-1]))
    button = page.locator("#legend button").nth(1)
    name = button.inner_text()
    acted(page, button.click)
    page.fill("#budget", "3e7")
    address = page.evaluate("location.hash").removeprefix("#")
    assert parse_qs(address)["benchmark"] == [options[-1]] and parse_qs(address)["budget"] == ["3e7"]
    again = opened(address=f"#{address}")
    assert again.locator("#benchmark").input_value() == options[-1]
    assert again.locator("#budget").input_value() == "3e7"
    assert again.locator("#legend button[aria-pressed=true]").inner_text() == name
    acted(again, lambda: again.select_option("#benchmark", options[0]))
    assert again.locator("#legend button[aria-pressed=true]").inner_text() == name, "lost with the benchmark"


def test_filters_leave_the_frontier_of_the_models_that_pass(opened, measured):
    page = opened()
    benchmark = page.locator("#benchmark").input_value()
    page.click("#filters summary")
    kind = page.locator("#kind option").nth(1).inner_text()
    acted(page, lambda: page.select_option("#kind", kind))
    points = points_of(measured, benchmark)
    kinds = {"dense": "dense", "moe": "mixture of experts", "hybrid": "hybrid"}
    left = points[points["architecture"].map(kinds) == kind].sort_values(
        ["flops", "accuracy"], ascending=[True, False]
    )
    best = left["accuracy"].cummax()
    on = left[left["accuracy"] > best.shift(fill_value=-1)]
    labels = page.locator("#choices tbody tr td.model").all_inner_texts()
    assert len(labels) == len(on.drop_duplicates(["model", "flops", "accuracy"]))
    assert set(labels) == set(on["label"])
    assert page.locator("#choices tbody tr td:last-child").first.inner_text() == "–"
    assert f"of {points['model'].nunique()} models shown" in page.inner_text("#coverage")
    assert "left out by the filters" in page.inner_text("#coverage")
    acted(page, lambda: page.click("#clear"))
    assert "left out" not in page.inner_text("#coverage")


def test_what_is_shown_can_be_saved(opened, measured):
    page = opened()
    with page.expect_download() as saved:
        page.click("#save-csv")
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text())))
    points = points_of(measured, page.locator("#benchmark").input_value())
    assert len(rows) == len(points.drop_duplicates(["model", "strategy", "flops", "accuracy"]))
    np.testing.assert_allclose(
        sorted(float(r["accuracy"]) for r in rows)[-1], points["accuracy"].max(), rtol=1e-5
    )
    for button, begins in (("#save-svg", b"<svg"), ("#save-png", b"\x89PNG")):
        with page.expect_download() as saved:
            page.click(button)
        assert saved.value.path().read_bytes().startswith(begins)


def test_a_model_has_a_card_and_escape_closes_it(opened, measured):
    page = opened()
    button = page.locator("td button[data-model]:visible").first
    label = button.inner_text()
    button.focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#card-title") == label
    points = read_table(measured["points"], "points")
    assert page.locator("#card-points tbody tr").count() == (points["label"] == label).sum()
    page.keyboard.press("Escape")
    assert not page.locator("#card").is_visible()


def test_every_control_is_reached_by_the_keyboard(opened):
    page = opened()
    page.evaluate("document.querySelector('#filters').open = true")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    wanted = {
        "benchmark",
        "cost",
        "budget",
        "search",
        "kind",
        "developer",
        "since",
        "memory",
        "clear",
        "slider",
    }
    assert wanted | {"save-csv", "save-svg", "save-png"} <= reached


def test_a_search_fades_the_other_models_and_shortens_the_table(opened, measured):
    page = opened()
    label = points_of(measured, page.locator("#benchmark").input_value())["label"].iloc[0]
    acted(page, lambda: page.fill("#search", label.upper()))
    shown = page.locator("td.model button[data-model]:visible").all_inner_texts()
    assert shown and all(label.lower() in each.lower() for each in shown)


def test_the_picture_is_described_by_what_it_shows(opened):
    page = opened()
    text = page.locator("#chart-frontier").get_attribute("aria-label")
    assert "The frontier runs from" in text and "models" in text
