"""A file is replaced in one step, whoever else writes it, and whatever killed an earlier writer."""

import errno
import os
import re
import subprocess
import sys
import time
from fnmatch import fnmatch

import pytest

from frontiers.core import files, tables
from frontiers.core.cli import UserError
from support.paths import ROOT
from support.tables import grades

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "workflow", ROOT / "tests")))}
READS = 300


def process(code, path, *arguments):
    """Start a Python that runs `code` on `path`; wait until it has said something."""
    head = "import os, sys, time\nfrom pathlib import Path\nfrom frontiers.core import files\npath = Path(sys.argv[1])\n"
    found = subprocess.Popen(
        [sys.executable, "-c", head + code, str(path), *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    found.stdout.readline()
    return found


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_no_read_is_torn_while_two_processes_write(tmp_path):
    """Each writes a table of its own length in pieces, again and again; one reads them as fast as it can."""
    path = tmp_path / "grades.parquet"
    code = """
from frontiers.core import table_batches
from support.tables import grades
rows = int(sys.argv[2])
pieces = [grades(range(at, at + 10)) for at in range(0, rows, 10)]
table_batches.write_parts(pieces, path, "grades")
print(flush=True)
while not path.with_name("stop").exists():
    table_batches.write_parts(pieces, path, "grades")
"""
    writers = [process(code, path, rows) for rows in (50, 80)]
    lengths = [len(tables.read_table(path, "grades")) for _ in range(READS)]
    (tmp_path / "stop").touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    assert set(lengths) == {50, 80}
    assert names(tmp_path) == ["grades.parquet", "stop"]


def test_what_a_killed_writer_left_goes_with_the_next_and_nothing_reads_it(tmp_path):
    path = tmp_path / "t.parquet"
    code = """
with files.partial(path) as hidden:
    hidden.write_bytes(b"half")
    print(flush=True)
    time.sleep(60)
"""
    writer = process(code, path)
    tables.write_table(grades(range(5)), path, "grades")
    (left,) = [name for name in names(tmp_path) if name != path.name]
    assert re.fullmatch(r"\.t\.parquet\..*\.partial", left), "that of a live writer stays"
    writer.kill()
    writer.wait()
    assert not list(tmp_path.glob("[!.]*.partial")) and list(tmp_path.glob("*.parquet")) == [path]
    tables.write_table(grades(range(5)), path, "grades")
    assert names(tmp_path) == ["t.parquet"]


def test_what_a_writer_elsewhere_left_goes_after_a_day(tmp_path):
    """Whether a process of another machine still runs is not seen from here."""
    path = tmp_path / "t.json"
    left = tmp_path / ".t.json.1-17-0123abcd-00000000.partial"
    other = tmp_path / ".t.json.csv.1-17-0123abcd-00000000.partial"
    for age, remains in ((3600, [left.name, "t.json"]), (25 * 3600, ["t.json"])):
        left.touch()
        os.utime(left, (time.time() - age,) * 2)
        files.write_whole(path, b"{}")
        assert names(tmp_path) == remains
    other.touch()
    os.utime(other, (0, 0))
    files.write_whole(path, b"{}")
    assert other.exists(), "a partial file of another name"


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "t.json"
    files.write_whole(path, b"old")
    with pytest.raises(ZeroDivisionError), files.partial(path) as hidden:
        hidden.write_bytes(b"new")
        raise ZeroDivisionError
    with pytest.raises(UserError, match=r"t\.json: no space left"), files.partial(path) as hidden:
        raise OSError(errno.ENOSPC, "full")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["t.json"]


def test_a_file_reaches_the_disk_before_it_replaces_the_old_one(tmp_path, monkeypatch):
    path, steps = tmp_path / "t.json", []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append(os.fstat(file).st_size), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (steps.append("replaced"), replace(*names)))
    files.write_whole(path, b"12345")
    assert steps == [5, "replaced"]


def test_git_ignores_partial_files(tmp_path):
    with files.partial(tmp_path / "t.json") as hidden:
        assert fnmatch(hidden.name, ".*.partial")
    assert ".*.partial" in (ROOT / ".gitignore").read_text().splitlines()
