"""Text that a terminal, a spreadsheet, reStructuredText or a page would act on."""

import io
import json

import pandas as pd
import pytest
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st

from frontiers.core import cli, tables
from frontiers.core.escapes import csv_cell, one_line, printable, rst, script_json
from support.tables import grades


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x07\x08\r\x7f\x9b", r"\x07\x08\r\x7f\x9b"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("two\n\tlines, “ünïcode”\u00a0× 10⁷", "two\n\tlines, “ünïcode”\u00a0× 10⁷"),
    ],
)
def test_text_for_a_terminal_controls_nothing(text, shown):
    assert printable(text) == shown


def test_neither_a_message_nor_a_line_of_progress_controls_a_terminal(capsys):
    def fail():
        raise cli.UserError("\x1b]0;title\x07: remove it")

    with pytest.raises(SystemExit) as ended:
        cli.run(fail)
    assert ended.value.code == r"error: \x1b]0;title\x07: remove it"
    cli.say("done: \x1b[2J")
    assert capsys.readouterr().err == "done: \\x1b[2J\n"


@given(st.text(max_size=30))
def test_a_label_is_plain_text_in_rst(text):
    """Docutils shows it as it is, as one paragraph, and finds no fault."""
    said = io.StringIO()
    source = f"Before {rst(text)} after."
    shown = publish_parts(source, writer_name="pseudoxml", settings_overrides={"warning_stream": said})
    assert said.getvalue() == ""
    head, *lines = shown["whole"].splitlines()
    assert head.startswith("<document") and lines[0].strip() == "<paragraph>"
    assert " ".join(" ".join(lines[1:]).split()) == " ".join(f"Before {one_line(text)} after.".split())


@given(st.text(), st.text())
def test_json_in_a_script_comes_back_and_closes_nothing(key, value):
    text = script_json({key: [value]})
    assert json.loads(text) == {key: [value]}
    assert not set("<>&") & set(text)


def test_only_text_that_a_spreadsheet_would_run_is_changed(tmp_path):
    assert [csv_cell(c) for c in ("=1", "+1", "-1", "@A", "\tx", "\rx", "＝1")] == [
        "'=1", "'+1", "'-1", "'@A", "'\tx", "'\rx", "'＝1",
    ]  # fmt: skip
    assert [csv_cell(c) for c in ("1=1", "a", "", None, -1, -1.5, True)] == [
        "1=1",
        "a",
        "",
        None,
        -1,
        -1.5,
        True,
    ]
    table = grades(range(3)).assign(problem_id=["=cmd|' /C calc'!A0", "-2", "p"])
    tables.write_table(table, tmp_path / "grades.parquet", "grades", csv=True)
    found = pd.read_csv(tmp_path / "grades.csv")
    assert list(found["problem_id"]) == ["'=cmd|' /C calc'!A0", "'-2", "p"]
    assert list(tables.read_table(tmp_path / "grades.parquet", "grades")["problem_id"]) == list(
        table["problem_id"]
    )
    for name in table.columns.drop("problem_id"):
        assert found[name].isna().equals(table[name].isna()), name


def test_the_columns_of_numbers_of_a_csv_may_be_negative(measured, tmp_path):
    points = tables.read_table(measured["differences"], "differences")
    assert (points["difference"] < 0).any()
    tables.write_table(points, tmp_path / "d.parquet", "differences", csv=True)
    assert pd.read_csv(tmp_path / "d.csv")["difference"].dtype == float
