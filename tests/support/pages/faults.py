"""The page of faults and edits: a row per suite, written by the suite itself."""

import re

import pytest

from support.paths import ROOT

PAGE = ROOT / "docs/evidence/faults.md"


def check_row(request: pytest.FixtureRequest, suite: str, done: str, came: str) -> None:
    """Assert that the page's row of a suite says this; with `--write-docs` write it."""
    row, page = f"| {suite} | {done} | {came} |", PAGE.read_text()
    found = re.search(rf"^\| {re.escape(suite)} \|.*$", page, re.MULTILINE)
    assert found, f"docs/evidence/faults.md has no row for: {suite}"
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page.replace(found[0], row))
    assert row in PAGE.read_text(), "make docs"
