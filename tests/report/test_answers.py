"""The page of answers: what is kept of the texts, and what a reader does with it in Chromium, where there is one."""

import base64
import gzip
import json
import shutil

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.report.answers import page, series

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
CAPS = [0, 8, None]


def tables(trace="one two three. " + HOSTILE, problems=45, samples=1):
    """Return generations, grades and answers of as many problems; the even ones are right from the cap of 8 on."""
    rows = []
    for number in range(problems):
        for sample in range(samples):
            for cap in CAPS:
                text = trace if cap is None else trace[:cap]
                right = number % 2 == 0 and cap != 0
                answer = f"\\boxed{{{number if right else -1}}} {HOSTILE}"
                rows.append(
                    {
                        "problem_id": f"p-{number}",
                        "sample": sample,
                        "cap": cap,
                        "reasoning": text,
                        "answer": answer,
                    }
                    | {
                        "reasoning_tokens": len(text),
                        "end_tokens": 1,
                        "answer_tokens": 3,
                        "ended": cap is None,
                    }
                    | {"truncated": False, "looping": number == 3, "refused": False, "flops": 1.5e14}
                    | {
                        "extracted": None if number == 5 else str(number),
                        "correct": float(right),
                        "status": "rule",
                    }
                )
    frame = pd.DataFrame(rows).astype({"cap": "Int64"})
    kept = ["problem_id", "sample", "cap"]
    return (
        frame.drop(columns=["extracted", "refused", "correct", "status", "flops"]),
        frame[[*kept, "extracted", "refused"]],
        frame[[*kept, "correct", "status", "flops"]],
    )


def unpacked(file: bytes) -> object:
    """Return the content of a file of the page."""
    packed = file.decode().split('","')[1].split('"')[0]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


@given(st.text(max_size=60), st.integers(0, 70))
def test_a_clipped_text_keeps_its_ends_and_counts_what_it_leaves_out(text, most):
    part = series.clipped(text, most)
    end, left_out = part.get("end", ""), part.get("left_out", 0)
    assert len(part["start"] + end) == min(len(text), most)
    assert text.startswith(part["start"]) and text.endswith(end)
    assert len(part["start"]) + left_out + len(end) == len(text)


def test_all_caps_share_one_trace_with_the_places_of_the_cuts():
    trace = "0123456789" * 3
    records = series.series(*tables(trace, problems=2, samples=2), most=100)
    assert [(r["problem"], r["sample"]) for r in records] == [("p-0", 0), ("p-0", 1), ("p-1", 0), ("p-1", 1)]
    first = records[0]
    assert first["trace"] == {"start": trace}
    assert [(at["cap"], at["at"], at["correct"]) for at in first["caps"]] == [
        (0, 0, False),
        (8, 8, True),
        (None, 30, True),
    ]
    assert all("own" not in at for at in first["caps"])


def test_a_trace_that_is_no_start_of_the_longest_is_kept_whole():
    generations, *others = tables("0123456789" * 3, problems=1)
    generations.loc[generations["cap"] == 8, "reasoning"] = "another thought altogether"
    caps = series.series(generations, *others, most=100)[0]["caps"]
    assert [at.get("own") for at in caps] == [None, {"start": "another thought altogether"}, None]


def test_a_cut_inside_a_character_is_no_other_trace():
    generations, *others = tables("0123456é89", problems=1)
    generations.loc[generations["cap"] == 8, "reasoning"] = "0123456\N{REPLACEMENT CHARACTER}"
    at = series.series(generations, *others, most=100)[0]["caps"][1]
    assert at["at"] == 7 and "own" not in at


def test_of_a_hidden_benchmark_no_text_is_kept():
    records = series.series(*tables("a secret thought", problems=3), most=100, hidden=True)
    asked = series.questions({"p-0": ("a secret question", "42")}, hidden=True)
    assert "secret" not in json.dumps([records, asked]) and "boxed" not in json.dumps(records)
    assert records[0]["caps"][1]["correct"] is True and records[0]["caps"][1]["read"] == "0"


def test_the_texts_of_a_study_are_bounded():
    assert series.longest(100) == series.LONGEST
    assert series.longest(19 * 2000 * 8) * 19 * 2000 * 8 <= series.MOST


def test_a_file_holds_base64_alone_and_is_the_same_each_time():
    content = {"text": HOSTILE + "\ud800"}
    file = page.file("texts-0", content)
    assert file == page.file("texts-0", content)
    assert b"<" not in file and unpacked(file)["text"].startswith(HOSTILE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write the page of two models on one benchmark; of one the trace is long."""
    out = tmp_path_factory.mktemp("answers")
    (out / "answers").mkdir()
    problems = {f"p-{n}": (f"{HOSTILE} what is {n}?", str(n)) for n in range(45)}
    (out / "answers" / "questions-0.js").write_bytes(page.file("questions-0", series.questions(problems)))
    listed = []
    for number, trace in enumerate(("one two three. " + HOSTILE, "start " + "x" * 500 + " finish")):
        records = series.series(*tables(trace), most=120)
        (out / "answers" / f"texts-{number}.js").write_bytes(page.file(f"texts-{number}", records))
        listed.append(
            {"model": f"m-{number}", "benchmark": "b", "strategy": "cot", "file": f"texts-{number}"}
            | {"questions": "questions-0", "caps": CAPS}
        )
    labels = {"models": {"m-0": f"Model {HOSTILE}"}}
    (out / "answers.html").write_text(page.page(f"Answers {HOSTILE}", listed, labels, 100))
    return out


@pytest.fixture
def opened(folder):
    """Open the page from the disk; its console and its requests to others must stay empty."""
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        said = []

        def open_page(address="", width=1100, where=folder):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            tab.on("console", lambda message: said.append(message.text))
            tab.on("pageerror", lambda error: said.append(str(error)))
            tab.on("request", lambda request: request.url.startswith("file:") or said.append(request.url))
            tab.goto((where / "answers.html").as_uri() + address)
            tab.wait_for_function("!document.getElementById('count').textContent.startsWith('Reading')")
            return tab

        open_page.said = said
        yield open_page
        browser.close()
    assert said == []


def counted(tab):
    return tab.locator("#count").inner_text()


def test_answers_are_filtered_searched_and_paged(opened):
    tab = opened()
    assert counted(tab) == "45 of 45 traces, page 1 of 3"
    tab.select_option("#show", "gained")
    assert counted(tab) == "23 of 45 traces, page 1 of 2"
    tab.click("#after")
    assert counted(tab).endswith("page 2 of 2") and tab.locator("#list details").count() == 3
    tab.select_option("#show", "wrong")
    assert counted(tab).startswith("22 of 45")
    tab.select_option("#cap", "0")
    assert counted(tab).startswith("45 of 45")
    tab.select_option("#show", "looping")
    assert counted(tab).startswith("1 of 45")
    tab.select_option("#show", "unread")
    assert counted(tab).startswith("1 of 45")
    tab.select_option("#show", "all")
    tab.fill("#search", "WHAT IS 31?")
    assert counted(tab).startswith("1 of 45") and tab.locator("#list summary").first.inner_text().startswith(
        "p-31"
    )
    assert opened(tab.url[tab.url.index("#") :]).locator("#list details").count() == 1


def test_hostile_texts_are_shown_and_do_nothing(opened):
    tab = opened()
    tab.locator("#list summary").first.click()
    assert HOSTILE in tab.locator("#list .text").nth(1).inner_text().replace("cut at 8", "").replace(
        "cut at 0", ""
    )
    assert tab.locator("img").count() == 0 and tab.title() != "run"
    assert tab.locator("#list mark").all_inner_texts() == ["cut at 0", "cut at 8"]
    assert tab.locator("tbody tr").count() == 3


def test_a_long_trace_says_what_it_leaves_out(opened):
    tab = opened("#model=m-1")
    tab.locator("#list summary").first.click()
    shown = tab.locator("#list .text").nth(1).inner_text()
    assert "393 characters left out" in shown and shown.endswith("x finish") and "start xx" in shown


def test_the_page_fits_a_phone_and_has_no_fault_of_accessibility(opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = opened(width=390)
    tab.locator("#list summary").first.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    found = axe.Axe().run(tab).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_page_without_its_folder_says_so(opened, folder, tmp_path):
    shutil.copy(folder / "answers.html", tmp_path)
    tab = opened(where=tmp_path)
    assert "cannot be read: keep the folder answers/ next to this page" in counted(tab)
    assert all("ERR_FILE_NOT_FOUND" in text for text in opened.said)
    opened.said.clear()
