"""The page over all studies, and what a terminal shows of it."""

import base64
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from frontiers.core import sealed
from frontiers.core.escapes import one_line
from frontiers.core.keys import MEAN
from frontiers.core.tables import read_table

TEMPLATE = Path(__file__).with_name("index.html.jinja")
FILES = {
    "explorer.html": "Explore the points",
    "answers.html": "Read the answers: every completion with its verdict",
    "report.zip": "Report: figures, captions and how each was made",
    "findings.md": "Findings as text",
    "points.csv": "All points as a table",
    "checks.json": "Checks",
}
"""Products that a study is linked to, with what each is."""
FIGURE = Path("figures/frontier.png")
SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
WIDTH = 100


@dataclass(frozen=True)
class Study:
    """What the page says of a study: the name of its folder in `results/`, and what is in it."""

    name: str
    findings: Sequence[Mapping[str, str]]
    models: int
    benchmarks: int
    points: int
    checks: int
    picture: str | None
    files: Mapping[str, str]
    made: datetime


def read(folder: Path) -> Study:
    """Return what the page says of the finished study in `folder`; raises `UserError` where a product is damaged."""
    points = read_table(folder / "points.parquet", "points")
    picture = folder / FIGURE
    return Study(
        name=folder.name,
        findings=sealed.read(folder / "findings.json")["findings"],
        models=points["model"].nunique(),
        benchmarks=points.loc[points["benchmark"] != MEAN, "benchmark"].nunique(),
        points=len(points),
        checks=len(json.loads((folder / "checks.json").read_bytes())["checks"]),
        picture=base64.b64encode(picture.read_bytes()).decode() if picture.exists() else None,
        files={name: what for name, what in FILES.items() if (folder / name).exists()},
        made=datetime.fromtimestamp((folder / "points.parquet").stat().st_mtime, UTC),
    )


def page(studies: Sequence[Study], others: Sequence[str], made_with: Mapping[str, str]) -> str:
    """Return the page: `studies` in full, links to `others`, and the versions that it was `made_with`.

    All text is escaped; the page runs nothing and fetches nothing.
    """
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(TEMPLATE.read_text()).render(
        studies=studies, others=others, made_with=made_with, now=datetime.now(UTC)
    )


def told(study: Study, page_path: Path) -> str:
    """Return for a terminal the first sentences of a study's findings, and what to open."""
    lines = []
    for finding in study.findings:
        first = SENTENCE.split(one_line(finding["answer"]))[0]
        text = f"{one_line(finding['question'])} {first}"
        lines.append(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(
        [
            f"What the study `{study.name}` found:",
            "",
            *lines,
            "",
            f"Everything, to open in a browser: {page_path}",
        ]
    )
