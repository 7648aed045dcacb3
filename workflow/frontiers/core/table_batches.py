"""Reading and writing tables larger than memory in batches, with the checks of `tables`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from frontiers.core import lineage
from frontiers.core.cli import UserError
from frontiers.core.table_digest import TableDigest
from frontiers.core.tables import (
    REMAKE,
    arrow_schema,
    check_read,
    check_table,
    opened,
    recorded_digest,
    table_schema,
    verify,
    write_arrow,
)

MOST_ROWS = 20_000
"""Rows read at a time, fewer when they are long."""
BYTES = 32 << 20
"""Bytes of rows read at a time, by the mean size of a row in the file."""
BUFFER = 1 << 20
"""Bytes read from a column at a time."""


def read_parts(path: str | Path, name: str) -> Iterator[pd.DataFrame]:
    """Yield the table at `path` in parts, each checked as the table `name`.

    Nullable integer columns come back as Int64. Duplicate keys are looked for
    first, over the whole table; its content is verified after the last part. Use
    no part before all have been read. Raises `UserError` as `tables.read_table` does.
    """
    with opened(path, buffer_size=BUFFER, pre_buffer=False) as file:
        lineage.note(path, recorded_digest(file, path), file.metadata.metadata)
        digest = TableDigest(file.schema_arrow)
        _check_key(file, name, str(path))
        for batch in file.iter_batches(_rows(file), use_threads=False):
            digest.update(batch)
            part = batch.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
            check_read(part, name, path)
            yield part
        verify(digest, file, path)


def write_parts(parts: Iterable[pd.DataFrame], path: str | Path, name: str) -> int:
    """Write the table `name`, given in `parts`, to `path` in one step; return its number of rows.

    Each part is checked; the caller ensures that their keys differ.
    Raises `UserError` when the disk is full or not writable.
    """
    path, schema, written = Path(path), arrow_schema(name), 0

    def tables() -> Iterator[pa.Table]:
        nonlocal written
        for part in parts:
            check_table(part, name, str(path))
            written += len(part)
            yield pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False)

    write_arrow(tables(), path, schema)
    return written


def _rows(file: pq.ParquetFile) -> int:
    """Return how many rows of `file` to hold at a time."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups) / max(1, file.metadata.num_rows)
    return int(min(MOST_ROWS, max(1, BYTES / max(1, size))))


def _check_key(file: pq.ParquetFile, name: str, where: str) -> None:
    """Raise `UserError` if two rows have the same key; needs 8 bytes per row."""
    key = table_schema(name).get("x-key", [])
    if not key or not set(key) <= set(file.schema_arrow.names):
        return
    batches = file.iter_batches(MOST_ROWS, columns=key, use_threads=False)
    hashes = [
        pd.util.hash_pandas_object(batch.to_pandas(), index=False, categorize=False) for batch in batches
    ]
    if hashes and (again := pd.concat(hashes, ignore_index=True)).duplicated().any():
        row = int(again.duplicated().to_numpy().argmax())
        raise UserError(f"{where}: two rows of `{name}` have the same key, the second is row {row}; {REMAKE}")
