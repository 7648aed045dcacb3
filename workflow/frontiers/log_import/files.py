"""Reading log files, record by record: JSON lines, also packed, and parquet, also truncated ones."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from frontiers.log_import.entry import Entry, Faults, at
from frontiers.log_import.formats import inspect, lm_eval, table
from frontiers.log_import.matching import SHOWN
from frontiers.log_import.other_tools import evalscope, lighteval, nemo_skills, openai_batch

ROWS = 2_000
"""Rows of a parquet file in memory at a time."""
LONGEST = 2**28
"""Bytes of the longest line that is read."""
READERS = {
    "lm-eval": lm_eval,
    "inspect": inspect,
    "evalscope": evalscope,
    "lighteval": lighteval,
    "nemo-skills": nemo_skills,
    "openai-batch": openai_batch,
}
"""Readers of the records of each format, but for `table`, which has a column map."""
DAMAGED = "The file is truncated or has another format: copy it again, or correct `format` in config.yaml"


def read_entries(log: Mapping, file: Path, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of one log of a study; `log` is its block of config.yaml.

    `file` is the log itself, or for an Inspect log the output of `read_inspect`. Faults of single records go
    to `faults`, and those records are skipped.
    """
    name, columns = log["file"], log.get("columns") or {}
    if log["format"] == "table" and file.suffix == ".json":
        rows = document_rows(file, name, log.get("records"), faults)
    else:
        rows = (parquet_rows if file.suffix == ".parquet" else json_rows)(file, name, faults)
    if "where" in log:
        rows = chosen(rows, log["where"], name, faults)
    if log["format"] == "table":
        entries = table(rows, name, columns, faults)
    else:
        entries = READERS[log["format"]](rows, name, columns.get("id"), faults)
    pattern = re.compile(log["id_pattern"]) if "id_pattern" in log else None
    for entry in entries:
        cap = entry.cap if log.get("cap") is None else log["cap"]
        budget = entry.budget or log.get("max_tokens")
        entry = replace(entry, cap=cap, budget=budget, template=log.get("prompt"))
        if pattern and entry.id is not None and (found := pattern.search(entry.id)):
            entry = replace(entry, id=found[1])
        if entry.failed and log.get("on_error") != "leave_out":
            what, fix = entry.failed
            faults.add(name, what, entry.place, f"{fix}, or write `on_error: leave_out` in the log's block")
        else:
            yield entry


def chosen(
    rows: Iterator[tuple[str, dict]], where: Mapping, name: str, faults: Faults
) -> Iterator[tuple[str, dict]]:
    """Yield the records whose columns have the values of `where`; that none has them is a fault."""
    seen: dict[str, set[str]] = {column: set() for column in where}
    found = False
    for place, row in rows:
        values = {column: at(row, column) for column in where}
        if values == dict(where):
            found = True
            yield place, row
        for column, value in values.items():
            if len(seen[column]) < SHOWN:
                seen[column].add(json.dumps(value, default=str)[:60])
    if not found:
        others = "; ".join(f"`{column}` is {', '.join(sorted(known))}" for column, known in seen.items())
        fix = f"Correct `where` of the log in config.yaml; in the first records {others}"
        faults.add(name, "no record that `where` selects", "", fix)


def document_rows(file: Path, name: str, records: str | None, faults: Faults) -> Iterator[tuple[str, dict]]:
    """Yield (place, record) of a JSON document: a list, or the list that it has at `records`."""
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        faults.add(name, f"cannot be read ({error.strerror})", "", "Correct `file` in config.yaml")
        return
    except (ValueError, RecursionError):
        faults.add(name, "not a JSON document", "", DAMAGED)
        return
    listed = document if records is None else at(document, records)
    if not isinstance(listed, list):
        keys = (
            f"; the document has: {', '.join(map(str, document))[:300]}" if isinstance(document, dict) else ""
        )
        faults.add(
            name, "no list of records", "", f"Name the path of the list with `records` of the log{keys}"
        )
        return
    for number, row in enumerate(listed, start=1):
        if isinstance(row, dict):
            yield f"record {number}", row
        else:
            faults.add(
                name, "a record that is not a JSON object", f"record {number}", "Correct `records` of the log"
            )


def json_rows(file: Path, name: str, faults: Faults) -> Iterator[tuple[str, dict]]:
    """Yield (place, record) of a file of JSON lines; a line that is not an object is a fault."""
    try:
        with io.BufferedReader(pa.input_stream(str(file), compression="detect")) as lines:
            empty = True
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST), b""), start=1):
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
        why = error.strerror or str(error).splitlines()[0][:120]
        faults.add(
            name, f"cannot be read ({why})", "", "Copy the file again, or correct `file` in config.yaml"
        )


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
