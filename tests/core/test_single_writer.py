"""A file has one writer at a time, whatever the clocks say and however the last writer ended."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from frontiers.core import single_writer
from frontiers.core.cli import UserError
from frontiers.core.single_writer import Owner, SingleWriter, held
from frontiers.generation.journal import Journal
from support.paths import ROOT
from support.writer import completion

HEAD = """
import os, sys, time
from pathlib import Path
from frontiers.core import single_writer
single_writer.BEAT, single_writer.LOOK = 0.05, 0.005
path = Path(sys.argv[1])
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(single_writer, "BEAT", 0.05)
    monkeypatch.setattr(single_writer, "LOOK", 0.005)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "j.jsonl"


def process(code, path):
    """Start a Python that runs `code` with quick heartbeats; wait until it has said something."""
    found = subprocess.Popen(
        [sys.executable, "-c", HEAD + code, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        text=True,
    )
    found.stdout.readline()
    return found


def left(path, content=None, **fields):
    """Leave the owner's file of a process of another machine."""
    owner = replace(Owner.here(), host="node7", kernel="another", **fields)
    file = path.with_name(path.name + ".owner")
    file.write_bytes(json.dumps(asdict(owner)).encode() if content is None else content)
    return file


def seconds_to_take(path, patience=5.0):
    one, begun = SingleWriter(path), time.monotonic()
    one.take(patience, lambda line: None)
    one.release()
    return time.monotonic() - begun


def beating(file, when):
    """Touch `file` like an owner, at the times that `when` gives; return what ends that."""
    ended = threading.Event()

    def beat():
        while not ended.wait(single_writer.BEAT):
            os.utime(file, ns=(0, when()))

    thread = threading.Thread(target=beat)
    thread.start()
    return lambda: (ended.set(), thread.join())


def test_an_owner_is_there_while_held_and_gone_after(path):
    with held(path):
        owner = json.loads((path.parent / "j.jsonl.owner").read_text())
        assert owner["pid"] == os.getpid()
        assert not Owner(**owner).gone
    assert list(path.parent.iterdir()) == []


def test_several_processes_never_write_at_once(path):
    """Each adds one to a number in a file, slowly; the first owner is a dead one that all of them find."""
    left(path, pid=1, begun="1", since="before")
    path.write_text("0")
    code = """
print(flush=True)
for _ in range(6):
    with single_writer.held(path):
        number = int(path.read_text())
        time.sleep(0.002)
        path.write_text(str(number + 1))
"""
    processes = [process(code, path) for _ in range(5)]
    assert [each.wait() for each in processes] == [0] * 5
    assert path.read_text() == "30"
    assert list(path.parent.iterdir()) == [path]


def test_the_file_of_a_killed_process_of_this_machine_is_free_at_once(path):
    owner = process("single_writer.SingleWriter(path).take(0); print(flush=True); time.sleep(60)", path)
    with pytest.raises(UserError, match=rf"process {owner.pid} on .*or end it with `kill {owner.pid}`"):
        SingleWriter(path).take(0)
    owner.kill()
    owner.wait()
    assert seconds_to_take(path, patience=0) < single_writer.BEAT * single_writer.MISSED


def test_a_process_that_exits_without_releasing_leaves_no_owner(path):
    assert (
        process("single_writer.SingleWriter(path).take(0); print(flush=True); sys.exit(3)", path).wait() == 3
    )
    assert not list(path.parent.iterdir())


def test_another_process_with_the_same_number_is_not_the_owner(path):
    left(path)
    owner = replace(Owner.here(), begun="17")
    (path.parent / "j.jsonl.owner").write_text(json.dumps(asdict(owner)))
    assert owner.gone
    assert seconds_to_take(path, patience=0) < single_writer.BEAT * single_writer.MISSED


def test_an_owner_elsewhere_is_dead_after_the_missed_beats_and_not_before(path):
    left(path)
    assert (
        single_writer.BEAT * single_writer.MISSED
        <= seconds_to_take(path)
        < 3 * single_writer.BEAT * single_writer.MISSED
    )


@pytest.mark.parametrize("hours", [-48, 0, 48])
def test_a_dead_owner_is_dead_whatever_time_its_file_carries(path, hours):
    os.utime(left(path), (time.time() + hours * 3600,) * 2)
    assert (
        single_writer.BEAT * single_writer.MISSED
        <= seconds_to_take(path)
        < 3 * single_writer.BEAT * single_writer.MISSED
    )


def test_a_live_owner_is_alive_though_its_clock_jumps(path):
    jumps = iter(range(10**6))
    end = beating(left(path, job="17"), lambda: (-1) ** (n := next(jumps)) * n * 3600 * 10**9 + 2 * 10**18)
    said = []
    with pytest.raises(
        UserError, match=r"another job is writing this file: process .* on node7, SLURM job 17"
    ) as error:
        SingleWriter(path).take(4 * single_writer.BEAT * single_writer.MISSED, said.append)
    end()
    assert "or end it with `scancel 17`" in str(error.value)
    (line,) = said
    assert "SLURM job 17" in line and "waiting for it" in line


def test_an_owner_file_torn_by_a_crash_blocks_nobody_for_long(path):
    left(path, content=b'{"token": "a')
    assert (
        single_writer.BEAT * single_writer.MISSED
        <= seconds_to_take(path)
        < 3 * single_writer.BEAT * single_writer.MISSED
    )


def test_an_owner_that_touches_its_file_while_it_is_judged_keeps_it(path):
    file = left(path)
    judged = single_writer.look(file)
    os.utime(file, ns=(0, judged[1] + 1))
    other = SingleWriter(path)
    other._me = Owner.here()
    other._evict(judged, None, pytest.fail)
    assert single_writer.look(file) == (judged[0], judged[1] + 1)
    assert [each.name for each in path.parent.iterdir()] == [file.name]


def test_a_writer_that_slept_writes_no_more_once_it_is_replaced(path):
    code = """
from frontiers.generation.journal import Journal
from support.writer import completion
single_writer.kernel = lambda: "another"
journal = Journal(path, 0)
journal.append(completion("a"))
print(flush=True)
try:
    while True:
        time.sleep(0.01)
        journal.append(completion("b"))
except single_writer.UserError as error:
    print(error)
"""
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT / "workflow", ROOT / "tests")))}
    sleeper = subprocess.Popen(
        [sys.executable, "-c", HEAD + code, str(path)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    sleeper.stdout.readline()
    os.kill(sleeper.pid, signal.SIGSTOP)
    journal = Journal(path, 60)
    journal.append(completion("c"))
    content = path.read_bytes()
    os.kill(sleeper.pid, signal.SIGCONT)
    said = sleeper.communicate()[0]
    assert "another writer has taken over" in said
    # At most the line that it was about to write.
    assert path.read_bytes().count(b"\n") - content.count(b"\n") <= 1
    journal.append(completion("d"))
    journal.close()
    assert {"a", "c", "d"} <= set(Journal(path).entries)


def test_a_removed_owner_file_ends_the_writer(path):
    journal = Journal(path, 0)
    journal.append(completion("a"))
    (path.parent / "j.jsonl.owner").unlink()
    time.sleep(3 * single_writer.BEAT)
    with pytest.raises(UserError, match="another writer has taken over"):
        journal.append(completion("b"))
    journal.close()
    assert list(Journal(path).entries) == ["a"]


def test_a_second_writer_waits_and_continues_where_the_first_stopped(path):
    first = Journal(path, 0)
    first.append(completion("a"))
    second = []
    waiting = threading.Thread(target=lambda: second.append(Journal(path, 60)))
    waiting.start()
    time.sleep(0.1)
    assert not second
    first.append(completion("b"))
    first.close()
    waiting.join()
    assert list(second[0].entries) == ["a", "b"]
    second[0].close()


def test_an_owner_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"j\.jsonl\.owner: cannot be written"):
        SingleWriter(tmp_path / "file" / "j.jsonl").take(math.inf)
