"""Checks the tables of a study and fails when one of them is not what it should be.

Inputs: the tables `points` and `frontier`, `answers` and those of the other analyses where the study has them; what
was planned, as JSON. Output: a JSON with every check, the rows it looked at
and its first failures. When a check fails, the file is written, the failures go to standard error and the
exit status is 1.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from frontiers.analysis import checks, registry
from frontiers.core import tables
from frontiers.core.cli import UserError, run
from frontiers.core.files import write_whole


def read(path: Path) -> pd.DataFrame:
    """Read a table whose content is verified, but checked against no schema."""
    return tables.read_arrow(path).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments, run the checks, write their results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--tables",
        type=Path,
        nargs="+",
        required=True,
        help="tables of the study, files called <table>.parquet; points and frontier at least",
    )
    parser.add_argument(
        "--expected",
        type=json.loads,
        help='JSON: {model: {"benchmarks": [...], "strategies": [...], "caps": [0, ..., null], '
        '"samples": n or {benchmark: n}}}; none for published figures',
    )
    parser.add_argument("--problems", type=json.loads, help="JSON: {benchmark: number of problems}")
    parser.add_argument(
        "--made-by",
        type=json.loads,
        help="JSON: digest of code and settings, by script, that the tables must record; without, what they were "
        "made of is not checked",
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    args = parser.parse_args(argv)
    found = {path.stem: read(path) for path in args.tables}
    if missing := {"points", "frontier"} - set(found):
        raise UserError(f"--tables: add {', '.join(sorted(missing))}.parquet; no study is checked without")
    if unknown := set(found) - {"points", "answers", *registry.tables()}:
        raise UserError(
            f"--tables: no analysis writes {', '.join(sorted(unknown))}; see analysis/registry.py"
        )
    results = checks.run_checks(found, args.expected, args.problems)
    if args.made_by is not None:
        results.append(checks.belong_together(args.tables, args.made_by))
    write_whole(args.output, json.dumps(checks.summary(results), indent=1).encode() + b"\n")
    if failed := [c for c in results if not c.passed]:
        lines = [f"{c.name} ({c.failed} failures in {c.rows} rows)" for c in failed]
        details = [f"  {c.name}: {text}" for c in failed for text in c.first_failures]
        raise UserError("\n".join([f"checks failed: {', '.join(lines)}", *details]))


if __name__ == "__main__":
    run(main)
