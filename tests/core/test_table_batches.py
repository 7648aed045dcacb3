"""Tables written and read in parts are checked as whole ones are."""

import pandas as pd
import pytest

from frontiers.core import table_batches
from frontiers.core.cli import UserError
from support.tables import grades


def test_a_table_passes_in_parts_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(table_batches, "MOST_ROWS", 7)
    whole = grades(range(40))
    path = tmp_path / "new" / "t.parquet"
    assert table_batches.write_parts((whole.iloc[i : i + 9] for i in range(0, 40, 9)), path, "grades") == 40
    parts = list(table_batches.read_parts(path, "grades"))
    assert [len(part) for part in parts] == [7] * 5 + [5]
    read = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(read, whole[list(read)], check_dtype=False)
    monkeypatch.setattr(table_batches, "BYTES", 1)
    assert {len(part) for part in table_batches.read_parts(path, "grades")} == {1}


def test_a_key_that_stands_in_two_parts_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(table_batches, "MOST_ROWS", 7)
    table_batches.write_parts([grades(range(20)), grades([3])], tmp_path / "t.parquet", "grades")
    with pytest.raises(UserError, match="same key, the second is row 20"):
        next(table_batches.read_parts(tmp_path / "t.parquet", "grades"))


def test_nothing_is_left_of_a_table_that_could_not_be_made(tmp_path):
    def parts():
        yield grades(range(5))
        yield grades(range(5, 9)).assign(status="guessed")

    (tmp_path / "t.parquet").write_bytes(b"old")
    with pytest.raises(UserError, match="guessed"):
        table_batches.write_parts(parts(), tmp_path / "t.parquet", "grades")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(UserError, match="cannot be read as a table"):
        next(table_batches.read_parts(tmp_path / "t.parquet", "grades"))
