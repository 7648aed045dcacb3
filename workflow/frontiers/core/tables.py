"""Reading and writing the study's tables, each checked against its JSON schema."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from frontiers.core import lineage
from frontiers.core.cli import UserError
from frontiers.core.escapes import csv_cell
from frontiers.core.files import partial, write_whole
from frontiers.core.paths import TABLE_SCHEMAS
from frontiers.core.table_digest import KEY, TableDigest

ARROW = {"integer": pa.int64(), "number": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}
REMAKE = "delete it and rerun snakemake"
UNREADABLE = (OSError, ValueError, LookupError, TypeError, MemoryError, pa.ArrowException)
"""What pyarrow raises while reading a damaged file."""


@cache
def table_schema(name: str) -> dict:
    """Return the JSON schema of one row of the table `name`."""
    return json.loads((TABLE_SCHEMAS / f"{name}.schema.json").read_text())


def _types(column: dict) -> tuple[str, bool]:
    """Return (type, nullable) of a column."""
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    return next(t for t in types if t != "null"), "null" in types


def arrow_schema(name: str, present: Iterable[str] = ()) -> pa.Schema:
    """Return the parquet schema of the table `name`, in the order of its JSON schema.

    Optional columns are part of it if they are among those that are `present`.
    """
    fields = []
    for column, rule in table_schema(name)["properties"].items():
        if rule.get("x-optional") and column not in present:
            continue
        kind, nullable = _types(rule)
        fields.append(pa.field(column, ARROW[kind], nullable))
    return pa.schema(fields)


def check_table(frame: pd.DataFrame, name: str, where: str) -> None:
    """Raise `UserError` unless `frame` has the columns, nulls, ranges and key of the table `name`."""
    schema = table_schema(name)
    columns = schema["properties"]
    if missing := [c for c, rule in columns.items() if c not in frame and not rule.get("x-optional")]:
        raise UserError(f"{where}: table `{name}` lacks the columns {missing}")
    if unknown := [c for c in frame if c not in columns]:
        raise UserError(f"{where}: table `{name}` has columns that are not in its schema: {unknown}")
    for column, rule in columns.items():
        if column in frame and (fault := _column_fault(frame[column], rule)):
            raise UserError(f"{where}: column `{column}` {fault}")
    key = schema.get("x-key", [])
    if key and frame.duplicated(key).any():
        first = frame.loc[frame.duplicated(key), key].iloc[0].to_dict()
        raise UserError(f"{where}: two rows of `{name}` have the same key {first}")


def _column_fault(values: pd.Series, rule: dict) -> str | None:
    """Return what is wrong with a column, by its rule in the schema; None if nothing is."""
    kind, nullable = _types(rule)
    present = values.dropna()
    if not nullable and len(present) < len(values):
        return f"has {len(values) - len(present)} empty values"
    if kind in ("integer", "number") and len(present):
        numbers = present.to_numpy(dtype=float)
        if not np.isfinite(numbers).all():
            return "has infinite values"
        low, high = rule.get("minimum", -np.inf), rule.get("maximum", np.inf)
        if numbers.min() < low or numbers.max() > high:
            return f"ranges from {numbers.min()} to {numbers.max()}, outside {low} to {high}"
    if "enum" in rule and (odd := set(present) - set(rule["enum"])):
        return f"holds {sorted(odd)}, allowed are {rule['enum']}"
    return None


def write_table(
    frame: pd.DataFrame,
    path: str | Path,
    name: str,
    csv: bool = False,
    of: Iterable[str | Path] | None = None,
) -> None:
    """Check `frame` against the schema `name` and write it to `path` (and next to it as CSV) in one step.

    `of` names the files that it was made of, where they are not all that the process has read.
    """
    path = Path(path)
    frame = frame.reset_index(drop=True)
    check_table(frame, name, str(path))
    schema = arrow_schema(name, frame)
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    write_arrow([table], path, schema, of)
    if csv:
        write_whole(path.with_suffix(".csv"), _csv(frame[schema.names]))


def _csv(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV in which no text is a formula, see `csv_cell`."""
    texts = frame.select_dtypes(exclude=["number", "boolean"])
    return frame.assign(**{name: texts[name].map(csv_cell) for name in texts}).to_csv(index=False).encode()


def write_arrow(
    parts: Iterable[pa.Table], path: Path, schema: pa.Schema, of: Iterable[str | Path] | None = None
) -> None:
    """Write a table, given in `parts`, to `path` in one step, with checksums of its pages and the digest of all.

    It records what it was made of, see `lineage`: all that the process has read, or the files `of`.

    Raises `UserError` when the disk is full or not writable.
    """
    digest = TableDigest(schema)
    with partial(path) as hidden, pq.ParquetWriter(hidden, schema, write_page_checksum=True) as writer:
        for part in parts:
            digest.update(part)
            writer.write_table(part.replace_schema_metadata({}))
        writer.add_key_value_metadata({KEY: digest.hexdigest(), **lineage.written(path, of)})


@contextmanager
def opened(path: str | Path, **options) -> Iterator[pq.ParquetFile]:
    """Open the table at `path`; the checksums of its pages are verified on reading.

    `options` are those of `pyarrow.parquet.ParquetFile`. Raises `UserError` when the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, **options) as file:
            yield file
    except UserError:
        raise
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as a table ({error}); {REMAKE}") from error


def recorded_digest(file: pq.ParquetFile, path: str | Path) -> str:
    """Return the digest that an open table carries; raise `UserError` if it has none."""
    digest = (file.metadata.metadata or {}).get(KEY)
    if digest is None:
        raise UserError(
            f"{path}: has no digest of its content: an older version or another tool wrote it; {REMAKE}"
        )
    return digest.decode()


def content_digest(path: str | Path) -> str:
    """Return the sha256 of a table's content that its file records, 64 hexadecimal digits.

    Reads the footer only: reading the table verifies that the content has this digest.
    Raises `UserError` when the file is missing, damaged or has none.
    """
    with opened(path) as file:
        return recorded_digest(file, path)


def footer(path: str | Path) -> Mapping[bytes, bytes]:
    """Return the metadata in the footer of a table; raise `UserError` when the file is missing or damaged."""
    with opened(path) as file:
        return file.metadata.metadata or {}


def verify(digest: TableDigest, file: pq.ParquetFile, path: str | Path) -> None:
    """Raise `UserError` unless the rows of an open table, all added to `digest`, have the digest it carries."""
    if digest.hexdigest() != recorded_digest(file, path):
        raise UserError(f"{path}: damaged: its content does not have the digest written with it; {REMAKE}")


def read_arrow(path: str | Path) -> pa.Table:
    """Return the table at `path` after verifying its content, checked against no schema.

    Raises `UserError` when the file is missing or damaged.
    """
    with opened(path) as file:
        recorded_digest(file, path)
        table = file.read()
        digest = TableDigest(file.schema_arrow)
        digest.update(table)
        verify(digest, file, path)
        lineage.note(path, digest.hexdigest(), file.metadata.metadata)
    return table


def check_read(frame: pd.DataFrame, name: str, path: str | Path) -> None:
    """Raise `UserError`, with the fix, unless what was read from `path` is a table `name`, see `check_table`."""
    try:
        check_table(frame, name, str(path))
    except UserError as error:
        raise UserError(f"{error}; {REMAKE}") from error


def read_table(path: str | Path, name: str) -> pd.DataFrame:
    """Read a table and check it; nullable integer columns come back as Int64.

    Raises `UserError` when the file is missing, damaged or not a table of that name.
    """
    table = read_arrow(path)
    nullable = {pa.int64(): pd.Int64Dtype()}
    frame = table.to_pandas(types_mapper=nullable.get)
    check_read(frame, name, path)
    for field in table.schema:
        if field.type == pa.int64() and not _types(table_schema(name)["properties"][field.name])[1]:
            frame[field.name] = frame[field.name].astype("int64")
    return frame


def frame_of(rows: Iterable[Mapping[str, object]], name: str) -> pd.DataFrame:
    """Return the rows as the table `name`: columns and types of its schema, missing fields empty."""
    columns = table_schema(name)["properties"]
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for column, rule in columns.items():
        if "number" in rule["type"]:
            frame[column] = frame[column].astype(float).replace([np.inf, -np.inf], np.nan)
        elif "integer" in rule["type"]:
            frame[column] = frame[column].astype(float).astype("Int64")
        elif "boolean" in rule["type"]:
            frame[column] = frame[column].astype(bool)
        else:
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    return frame
