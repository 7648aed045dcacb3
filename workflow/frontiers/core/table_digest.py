"""The digest of a table's content, which its file carries in the footer's metadata.

It depends on columns, types, values and nulls, not on how the rows are divided into parts or stored in the file. So
it also finds damage that the checksums of parquet's pages do not cover: that of page headers and of the footer.
"""

import hashlib
import json

import numpy as np
import pyarrow as pa

KEY = b"frontiers.sha256"
"""Name of the digest in the footer's metadata."""
TYPES = (pa.int64(), pa.float64(), pa.string(), pa.bool_())
"""Types of columns that a table can have."""


class TableDigest:
    """The sha256 of a table with this schema, computed part by part."""

    def __init__(self, schema: pa.Schema):
        """Raise `pyarrow.ArrowTypeError` if a column has a type that no table has."""
        if odd := [field for field in schema if field.type not in TYPES]:
            raise pa.ArrowTypeError(f"column {odd[0].name} is of type {odd[0].type}")
        self.schema = schema
        self.rows = 0
        self._columns = [(hashlib.sha256(), hashlib.sha256(), hashlib.sha256()) for _ in schema]

    def update(self, part: pa.Table | pa.RecordBatch) -> None:
        """Add the rows of `part`, which has the columns of the schema in its order."""
        self.rows += part.num_rows
        for column, hashes in zip(part.columns, self._columns, strict=True):
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                for content, digest in zip(_contents(chunk), hashes, strict=True):
                    digest.update(content)

    def hexdigest(self) -> str:
        """Return the digest of the rows so far, in hexadecimal."""
        columns = [
            [field.name, str(field.type), field.nullable, *(digest.hexdigest() for digest in hashes)]
            for field, hashes in zip(self.schema, self._columns, strict=True)
        ]
        return hashlib.sha256(json.dumps([self.rows, columns]).encode()).hexdigest()


def _contents(values: pa.Array) -> tuple[memoryview, memoryview, memoryview]:
    """Return which values are present, the length of each text, and the values; nulls are 0, false or empty."""
    present = values.is_valid().to_numpy(zero_copy_only=False)
    if values.type == pa.string():
        filled = values.fill_null("") if values.null_count else values
        _, ends, text = filled.buffers()
        ends = np.frombuffer(ends, np.int32)[filled.offset : filled.offset + len(filled) + 1] if ends else []
        content = memoryview(text)[ends[0] : ends[-1]] if text and len(ends) else b""
        return present.data, np.diff(ends).astype(np.int32).data, content
    filled = values.fill_null(False if values.type == pa.bool_() else 0) if values.null_count else values
    return present.data, memoryview(b""), filled.to_numpy(zero_copy_only=False).data
