"""What a release has to agree on: version, date, licence, and the documents that name them."""

import datetime
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from support.workflow_copy import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ENTRY = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)
# Required by the schema of the Citation File Format 1.2.0, and what else is useful.
CITED = {"cff-version", "message", "title", "authors", "version", "date-released", "license", "type"}


def test_the_changelog_begins_with_the_version_that_is_cited():
    entries = ENTRY.findall((ROOT / "CHANGELOG.md").read_text())
    assert entries[0] == (CITATION["version"], CITATION["date-released"])
    versions = [tuple(map(int, version.split("."))) for version, _ in entries]
    dates = [datetime.date.fromisoformat(date) for _, date in entries]
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_citation_has_its_fields():
    assert set(CITATION) >= CITED
    assert CITATION["cff-version"] == "1.2.0"
    assert all("name" in author or "family-names" in author for author in CITATION["authors"])


def test_the_licence_is_the_one_that_is_cited():
    assert CITATION["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_version_is_in_one_place_besides_the_changelog():
    called = subprocess.run(
        ["git", "grep", "-lF", f"version: {CITATION['version']}"], cwd=ROOT, capture_output=True, text=True
    )
    if called.returncode not in (0, 1):
        pytest.skip("no git checkout")
    assert set(called.stdout.split()) <= {"CITATION.cff"}
    assert "version" not in (ROOT / "pyproject.toml").read_text().replace("target-version", "")


def test_a_tag_of_this_commit_is_its_version():
    called = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if called.returncode:
        pytest.skip("no git checkout")
    assert set(called.stdout.split()) <= {f"v{CITATION['version']}"}


def test_the_workflow_catalog_is_told_what_holds():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) <= {"mandatory-flags", "software-stack-deployment"}
    deployed = usage["software-stack-deployment"]
    assert set(deployed) <= {"conda", "apptainer", "apptainer+conda", "report"}
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert deployed["conda"] == ("conda:" in rules) and deployed["report"] == ("report(" in rules)


PAGES = ("*.md", "docs/**/*.md", "data/published/*.md", "data/pocket/**/*.md", "tests/log_import/**/*.md")


def pages() -> list[str]:
    """Return every page of the project, as a path from its root."""
    return sorted({str(path.relative_to(ROOT)) for pattern in PAGES for path in ROOT.glob(pattern)})


@pytest.mark.parametrize("page", pages())
def test_a_page_names_only_files_that_are_there(page):
    """Relative links, the headings they point at, and paths in backticks that begin with a folder of the project."""
    path = ROOT / page
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"\[[^]]*\]\(https?:[^)]*\)", "", text)
    named = re.findall(r"`((?:workflow|tests|docs|envs|profiles|containers|data)/[\w./*-]+)`", text)
    made = ("data/hub", "data/models", "data/benchmarks")
    made_by_hand = re.findall(r"in `([^`]+)`:\n\n +```", path.read_text())
    named = [name for name in named if not name.startswith(made) and name not in made_by_hand]
    missing = [name for name in named if not list(ROOT.glob(name))]
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    missing += [link for link in links if not leads_somewhere(path, link)]
    assert missing == []


def leads_somewhere(page: Path, link: str) -> bool:
    """Return whether the file of a relative link exists, and has the heading after a `#`."""
    name, _, heading = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not heading or heading in anchors(target.read_text()))


def anchors(text: str) -> set[str]:
    """Return the anchors that a renderer of Markdown gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_lists_every_page_of_the_docs():
    listed = re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/README.md").read_text())
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(set(pages) - {"README.md"})
