"""Reading log files, record by record: JSON lines and parquet, also truncated ones."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from frontiers.log_import.entry import Entry, Faults
from frontiers.log_import.formats import inspect, lm_eval, table

ROWS = 2_000
"""Rows of a parquet file in memory at a time."""
DAMAGED = "The file is truncated or has another format: copy it again, or correct `format` in config.yaml"


def read_entries(log: Mapping, file: Path, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of one log of a study; `log` is its block of config.yaml.

    `file` is the log itself, or for an Inspect log the output of `read_inspect`. Faults of single records go
    to `faults`, and those records are skipped.
    """
    name, columns = log["file"], log.get("columns") or {}
    rows = parquet_rows(file, name, faults) if file.suffix == ".parquet" else json_rows(file, name, faults)
    match log["format"]:
        case "lm-eval":
            entries = lm_eval(rows, name, columns.get("id"), faults)
        case "inspect":
            entries = inspect(((row["place"], row) for _, row in rows), name, columns.get("id"), faults)
        case _:
            entries = table(rows, name, columns, faults)
    for entry in entries:
        yield replace(entry, cap=log["cap"]) if log.get("cap") is not None else entry


def json_rows(file: Path, name: str, faults: Faults) -> Iterator[tuple[str, dict]]:
    """Yield (place, record) of a file of JSON lines; a line that is not an object is a fault."""
    try:
        with file.open("rb") as lines:
            empty = True
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                empty = False
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    row = None
                if isinstance(row, dict):
                    yield f"line {number}", row
                else:
                    faults.add(name, "a line that is not a JSON object", f"line {number}", DAMAGED)
            if empty:
                faults.add(name, "the file is empty", "", DAMAGED)
    except OSError as error:
        faults.add(name, f"cannot be read ({error.strerror})", "", "Correct `file` in config.yaml")


def parquet_rows(file: Path, name: str, faults: Faults) -> Iterator[tuple[str, dict]]:
    """Yield (place, record) of a parquet file; a damaged file is a fault."""
    try:
        with pq.ParquetFile(file) as table:
            if not table.metadata.num_rows:
                faults.add(name, "the file has no rows", "", DAMAGED)
            number = 0
            for batch in table.iter_batches(ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (OSError, pa.ArrowInvalid) as error:
        faults.add(name, f"cannot be read as parquet ({str(error).splitlines()[0][:120]})", "", DAMAGED)
