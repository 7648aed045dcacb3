"""A table comes back as it was written, or not at all."""

import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frontiers.core import table_batches, tables
from frontiers.core.cli import UserError
from support.pages import faults
from support.tables import grades

FLIPS = 400


def parts(path, name):
    return pd.concat(table_batches.read_parts(path, name), ignore_index=True)


READERS = {"whole": tables.read_table, "in parts": parts}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "grades.parquet"
    tables.write_table(grades(range(60)), path, "grades")
    return path


@pytest.mark.parametrize("how", READERS)
def test_a_flipped_bit_is_found_or_changes_nothing(path, how, request):
    """Anywhere in the file: pages, their headers, the footer, its length."""
    read = READERS[how]
    whole, before = path.read_bytes(), read(path, "grades")
    flipped, found = random.Random(14), 0
    for bit in flipped.sample(range(8 * len(whole)), FLIPS):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            after = read(path, "grades")
        except UserError as error:
            found += 1
            assert str(path) in str(error) and "delete it and rerun snakemake" in str(error), bit
        else:
            pd.testing.assert_frame_equal(after, before, obj=f"the table with bit {bit} flipped")
    assert found > FLIPS / 2
    faults.check_row(
        request,
        f"bits of a table, read {how}",
        f"{FLIPS} single bits flipped at random in a table of 60 rows, one at a time",
        f"{found} refused with one message, {FLIPS - found} read as what had been written, 0 as other rows",
    )


def test_two_runs_write_the_same_bytes(path, tmp_path):
    tables.write_table(grades(range(60)), tmp_path / "again.parquet", "grades")
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_the_digest_does_not_depend_on_how_rows_are_divided(path, tmp_path):
    digest = tables.content_digest(path)
    assert len(digest) == 64
    for size in (1, 7, 60):
        pieces = (grades(range(60))[i : i + size] for i in range(0, 60, size))
        table_batches.write_parts(pieces, tmp_path / "parts.parquet", "grades")
        assert tables.content_digest(tmp_path / "parts.parquet") == digest
    pd.testing.assert_frame_equal(
        tables.read_table(tmp_path / "parts.parquet", "grades"), tables.read_table(path, "grades")
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(correct=~t["correct"]),
        lambda t: t.assign(extracted=t["extracted"].where(t["extracted"].notna(), "")),
        lambda t: t.assign(cap=t["cap"].fillna(1)),
        lambda t: t.iloc[:-1],
        lambda t: t.iloc[::-1],
        # The same characters, divided among the rows in another way.
        lambda t: t.assign(extracted=["x" * (len(t) - 1), "", *["x"] * (len(t) - 2)]),
    ],
)
def test_the_digest_depends_on_every_value_and_null(path, tmp_path, change):
    changed = tmp_path / "changed.parquet"
    tables.write_table(change(grades(range(60))), changed, "grades")
    assert tables.content_digest(changed) != tables.content_digest(path)


def test_the_digest_depends_on_names_and_types(tmp_path):
    values = pa.array([1, 2])
    digests = set()
    for column, kind, nullable in (
        ("a", pa.int64(), True),
        ("b", pa.int64(), True),
        ("a", pa.float64(), True),
        ("a", pa.int64(), False),
    ):
        schema = pa.schema([pa.field(column, kind, nullable)])
        tables.write_arrow([pa.table([values.cast(kind)], schema=schema)], tmp_path / "t.parquet", schema)
        digests.add(tables.content_digest(tmp_path / "t.parquet"))
    assert len(digests) == 4


def test_a_sliced_table_has_the_digest_of_its_rows(tmp_path):
    schema = tables.arrow_schema("grades")
    whole = pa.Table.from_pandas(grades(range(60))[schema.names], schema=schema, preserve_index=False)
    tables.write_arrow([whole.slice(13, 21)], tmp_path / "slice.parquet", schema)
    tables.write_table(grades(range(13, 34)), tmp_path / "rows.parquet", "grades")
    assert tables.content_digest(tmp_path / "slice.parquet") == tables.content_digest(
        tmp_path / "rows.parquet"
    )


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_without_rows_or_with_nulls_only_come_back(tmp_path, rows):
    table = grades(range(rows)).assign(extracted=None)
    tables.write_table(table, tmp_path / "t.parquet", "grades")
    assert len(tables.read_table(tmp_path / "t.parquet", "grades")) == rows
    assert len(list(table_batches.read_parts(tmp_path / "t.parquet", "grades"))) == rows


@pytest.mark.parametrize("read", [*READERS.values(), lambda path, name: tables.content_digest(path)])
def test_a_table_without_a_digest_is_refused_with_the_fix(path, read):
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    with pytest.raises(UserError, match=r"grades\.parquet: has no digest .*; delete it and rerun snakemake"):
        read(path, "grades")


def test_rows_of_another_table_are_not_those_of_the_footer(path, tmp_path):
    """A table whose footer says what another one holds is found though every checksum of a page is right."""
    other = grades(range(60)).assign(correct=True)
    tables.write_table(other, tmp_path / "other.parquet", "grades")
    schema = tables.arrow_schema("grades")
    wrong = pa.Table.from_pandas(other[schema.names], schema=schema, preserve_index=False)
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        writer.write_table(wrong)
        writer.add_key_value_metadata({tables.KEY: "0" * 64})
    for read in READERS.values():
        with pytest.raises(UserError, match=r"grades\.parquet: damaged: .*; delete it and rerun snakemake"):
            read(path, "grades")
