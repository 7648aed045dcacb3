"""What every check returns, and how it names the rows that fail."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from frontiers.core.keys import CURVE, cap_text

SHOWN = 5
RELATIVE = 1e-6


@dataclass(frozen=True)
class Check:
    """The result of one check: what it checked, the number of rows, and the first failures."""

    name: str
    what: str
    passed: bool
    rows: int
    failed: int
    first_failures: list[str]


def report(name: str, what: str, rows: int, failures: Iterable[str]) -> Check:
    """Return the result of the check `name` over `rows` rows."""
    found = list(failures)
    return Check(name, what, not found, int(rows), len(found), found[:SHOWN])


def named(row: Mapping) -> str:
    """Return the key of a row in words."""
    parts = [str(row[k]) for k in CURVE if k in row]
    if "order" in row:
        parts.append(cap_text(row["order"]))
    parts += [f"{k} {row[k]}" for k in ("problem_id", "sample") if k in row]
    return ", ".join(parts)


def each(rows: pd.DataFrame, text: Callable[[dict], str]) -> Iterable[str]:
    """Return a failure in words per row."""
    return (f"{named(row)}: {text(row)}" for row in rows.to_dict("records"))
