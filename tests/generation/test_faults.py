"""What ends a job of the real engine, and the tables that the next job makes of what it left."""

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from itertools import pairwise

import pytest

from support.jobs import Job
from support.pages import faults

FULL_DISK = """
import errno, os
from frontiers.generation.journal import Journal
write = os.write
def full(file, line):
    if os.fstat(file).st_size > {limit}:
        raise OSError(errno.ENOSPC, "No space left on device")
    return write(file, line[:{limit}])
from frontiers.generation import journal
journal.os = type("os", (), {{**vars(os), "write": staticmethod(full)}})
"""


class Pieces(Job):
    """A job whose traces are journalled in pieces of 16 tokens."""

    def __init__(self, folder, **options):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, problems=12, **options)
        self.engine = self.engine | {"piece_tokens": 16}


@pytest.fixture(scope="module")
def undisturbed(forks, tmp_path_factory):
    """A job that nothing happened to, its table, and how many requests it decoded."""
    job = Pieces(tmp_path_factory.mktemp("undisturbed"))
    status, said = forks.run(job)
    assert status == 0, said
    return job, job.table(), job.provenance()["decoded_requests"]


def lines(job):
    return sum(path.read_bytes().count(b"\n") for path in job.journals)


def wait_for(job, pid, wanted):
    """Wait until the journal has so many lines or the job has ended."""
    while lines(job) < wanted and os.path.exists(f"/proc/{pid}"):
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.0005)


def killed(forks, job, rng, undisturbed, times=1):
    """Kill a job at random moments of its decoding, and have it go on; return the statuses, and the journals left."""
    ends, left = [], []
    for _ in range(times):
        pid = forks.start(job)
        wait_for(job, pid, lines(job) + rng.randrange(1, 40 // times))
        time.sleep(rng.random() * 0.01)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ends.append(forks.wait(job)[0])
        left.append(b"".join(path.read_bytes() for path in job.journals))
    status, said = forks.run(job)
    assert status == 0, said
    assert job.table().equals(undisturbed[1])
    provenance = job.provenance()
    if ends[-1]:
        # Each death may have torn its last line.
        assert left[-1].count(b"\n") - times <= provenance["journalled_requests"] <= left[-1].count(b"\n")
    assert provenance["journalled_requests"] + provenance["decoded_requests"] == undisturbed[2]
    return ends, left


def test_a_job_killed_at_random_moments_loses_at_most_a_line_each_time(forks, undisturbed, tmp_path):
    job = Pieces(tmp_path)
    ends, left = killed(forks, job, random.Random(1), undisturbed, times=3)
    assert ends == [-signal.SIGKILL] * 3
    assert b'"after"' in left[-1]
    assert b'"after"' not in job.journals[0].read_bytes()


@pytest.mark.slow
def test_jobs_killed_at_25_random_moments_end_in_the_same_tables(forks, undisturbed, tmp_path, request):
    rng, ends = random.Random(25), []
    for moment in range(25):
        ends += killed(forks, Pieces(tmp_path / str(moment)), rng, undisturbed)[0]
    assert ends.count(-signal.SIGKILL) >= 20
    faults.check_row(
        request,
        "kills of a job",
        "`kill -9` at 25 random moments of decoding, each job then run again",
        "25 of 25 tables equal those of the undisturbed job but for seconds; no request was decoded twice",
    )


def test_sigterm_and_then_a_full_disk_are_one_message_each_and_lose_nothing(forks, undisturbed, tmp_path):
    job = Pieces(tmp_path)
    pid = forks.start(job)
    wait_for(job, pid, 5)
    os.kill(pid, signal.SIGTERM)
    status, said = forks.wait(job)
    assert status == 143
    assert "stopped by SIGTERM: what was decoded is in the journal under" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    (path,) = job.journals
    kept = lines(job)
    assert kept >= 5
    status, said = forks.run(job, FULL_DISK.format(limit=path.stat().st_size + 2000))
    assert status == 1
    assert "no space left on its disk" in said
    assert "Traceback" not in said
    assert "torn" not in said
    assert path.read_bytes().endswith(b"\n")
    assert kept + 3 < (now := lines(job))
    status, said = forks.run(job)
    assert status == 0
    assert "torn" not in said
    assert job.provenance()["journalled_requests"] == now
    assert job.table().equals(undisturbed[1])


def test_a_finished_journal_is_compact_and_a_second_job_decodes_nothing(forks, undisturbed):
    job, table, _ = undisturbed
    (path,) = job.journals
    content = path.read_bytes()
    entries = [json.loads(line.partition(b" ")[2]) for line in content.splitlines()]
    assert not any("after" in entry for entry in entries)
    assert [("tally" in entry) for entry in entries] == [False] * (len(entries) - 1) + [True]
    assert entries[-1]["tally"]["done"] == entries[-1]["tally"]["total"] == 12
    status, said = forks.run(job)
    assert status == 0
    assert "Loading" not in said  # the engine has not been started
    assert path.read_bytes() == content
    assert job.table().equals(table)


def test_a_raised_cap_goes_on_with_the_stored_traces(forks, tmp_path):
    job, tables, spent = Job(tmp_path, problems=12), [], []
    for caps in ([0, 8, 24], [0, 8, 24, 48], [0, 8, 24, 32, 48]):
        job.caps = caps
        status, said = forks.run(job)
        assert status == 0, said
        tables.append(job.table())
        spent.append(job.provenance()["decoded_tokens"])
    first, second, third = tables
    unfinished = first[(first["cap"] == 24) & ~first["ended"]]
    now = second[(second["cap"] == 48) & second["problem_id"].isin(unfinished["problem_id"])]
    assert len(now)
    # Of each unfinished trace there were 25 tokens; one beyond the cap tells whether it ends there.
    beyond = (now["reasoning_tokens"] + 1 - 25).clip(lower=0).sum()
    assert spent[1] == beyond + now.loc[now["reasoning_tokens"] > 24, "answer_tokens"].sum()
    assert second[second["cap"] < 48].reset_index(drop=True).equals(first)
    between = third[(third["cap"] == 32) & ~third["ended"]]
    assert spent[2] == between["answer_tokens"].sum()
    for _, rows in third.groupby("problem_id"):
        texts = list(rows["reasoning"])
        assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))


def test_one_job_generates_every_benchmark_and_each_as_alone(forks, undisturbed, tmp_path):
    job = Pieces(tmp_path, benchmarks=("short-chains", "middle-chains"))
    status, said = forks.run(job)
    assert status == 0, said
    assert said.count("Loading safetensors checkpoint shards: 100%") == 1
    assert job.table("middle-chains").equals(undisturbed[1])
    assert len(job.table("short-chains")) == len(undisturbed[1])
    assert len(job.journals) == 2


def test_problems_that_change_under_way_are_said_and_nothing_is_written(forks, undisturbed, tmp_path):
    job = Pieces(tmp_path)
    (path,) = job.problems
    before = path.read_bytes()
    pid = forks.start(job)
    wait_for(job, pid, 3)
    path.write_bytes(b"".join(before.splitlines(keepends=True)[1:]))
    status, said = forks.wait(job)
    assert status == 1
    assert f"{path}: changed while its problems were answered, so nothing is written" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    path.write_bytes(before)
    status, said = forks.run(job)
    assert status == 0
    assert job.provenance()["decoded_requests"] == 0
    assert job.table().equals(undisturbed[1])


def test_an_added_sample_decodes_the_new_traces_alone(forks, undisturbed, tmp_path):
    job = Pieces(tmp_path)
    shutil.copytree(undisturbed[0].folder / "journal", tmp_path / "journal")
    first = len(job.journals[0].read_bytes().splitlines()) - 1  # compacted, and then the tally
    job.samples = 2
    assert forks.run(job)[0] == 0
    said, table = job.provenance(), job.table()
    assert said["journalled_requests"] == first
    assert 0 < said["decoded_requests"] < 2 * undisturbed[2]
    assert table[table["sample"] == 0].reset_index(drop=True).equals(undisturbed[1])
