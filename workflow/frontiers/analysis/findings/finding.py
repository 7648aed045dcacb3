"""What a finding is, and how its numbers are written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd

CANNOT = "These data cannot tell"


@dataclass(frozen=True)
class Cell:
    """Where a number stands: a table, the row's values that find it, and its column."""

    table: str
    row: Mapping[str, object]
    column: str
    value: float | str | None


@dataclass(frozen=True)
class Finding:
    """The answer to one question of the study, and the cells its numbers come from."""

    question: str
    answer: str
    cells: Sequence[Cell] = field(default_factory=tuple)


def cannot(reasons: pd.Series) -> str:
    """Return that the data cannot tell, with the commonest of the reasons."""
    known = reasons.dropna().astype(str)
    return f"{CANNOT}: {known.mode().iloc[0] if len(known) else 'nothing was compared'}."


def markdown(study: str, found: Sequence[Finding]) -> str:
    """Return the findings as a page."""
    parts = [f"# Findings: {study}", *(f"**{each.question}** {plain(each.answer)}" for each in found)]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Return `text` for Markdown, in which nothing of it is markup or HTML."""
    return re.sub(r"([\\`*_\[\]<>&])", r"\\\1", text)


def as_json(found: Sequence[Finding]) -> list[dict]:
    """Return the findings as JSON holds them."""
    return [asdict(each) for each in found]


def percent(share: float) -> str:
    """Return a share in percent with one digit."""
    return f"{100 * share:.1f}"


def scientific(value: float) -> str:
    """Return a number as 6.9e+14 is written in text: 6.9 × 10^14."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10^{int(exponent)}"


def points_of(row: Mapping, estimate: str, low: str, high: str) -> str:
    """Return a difference of accuracies in points, with its limits."""
    return f"{100 * row[estimate]:+.1f} points ({100 * row[low]:+.1f} to {100 * row[high]:+.1f})"


def limits_of(row: Mapping) -> str:
    """Return an estimate with its limits."""
    return f"{row['estimate']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"


def number(value: float) -> float | None:
    """Return a number, None where there is none."""
    return None if pd.isna(value) else float(value)


def whole(value: float | None) -> int | None:
    """Return a cap as an integer, None for uncapped."""
    return None if pd.isna(value) else int(value)


SHOWN = 0.05
"""Corrected p-value below which something is shown."""
