"""Compare the tables of two results folders: every value but wall times and what follows from them.

PYTHONPATH=workflow .venv/bin/python tests/support/same_tables.py BEFORE/results results

Exits with 1 and one line per difference where a table is missing or a value differs in its last bit.
"""

import json
import sys
from pathlib import Path

import pandas as pd

TIMED = ("seconds", "dollars", "joules")
"""Columns, costs and measures that hold wall time."""
TABLES = (".parquet", ".csv")


def timeless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table without its timed columns, and without rows of a timed cost."""
    for key in ("cost", "measure"):
        if key in frame:
            frame = frame[~frame[key].isin(TIMED)]
    kept = [name for name in frame if not any(word in name for word in TIMED)]
    return frame[kept].reset_index(drop=True)


def read(path: Path) -> pd.DataFrame:
    """Return a table of a results folder, or the summaries in `frontier.json` as one."""
    if path.suffix == ".json":
        return pd.DataFrame({"text": untimed(json.loads(path.read_text()))})
    return timeless(pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str))


def untimed(summary: dict) -> list[str]:
    """Return what `frontier.json` holds that is not about time, one text per frontier."""
    frontiers = [each for each in summary["frontiers"] if each["cost"] not in TIMED]
    return [json.dumps(each) for each in [{**summary, "frontiers": None, "sha256": None}, *frontiers]]


def difference(before: Path, after: Path) -> str | None:
    """Return how two tables differ, None where they hold the same values of the same types."""
    if not after.exists():
        return "is missing"
    try:
        pd.testing.assert_frame_equal(read(before), read(after), check_exact=True)
    except AssertionError as error:
        return " ".join(str(error).split())
    return None


def main(before: Path, after: Path) -> int:
    """Print every difference; return the exit status."""
    files = [p for p in sorted(before.rglob("*")) if p.suffix in TABLES or p.name == "frontier.json"]
    files = [p for p in files if p.parts[len(before.parts)] != "journal" and p.stem != "plan"]
    found = {p: difference(p, after / p.relative_to(before)) for p in files}
    for path, what in found.items():
        if what:
            print(f"{path.relative_to(before)}: {what}")
    differing = sum(what is not None for what in found.values())
    print(f"{len(files)} tables compared, {differing} differ")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
