"""What ends a job of the real engine, and the tables that the next job makes of what it left."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from itertools import pairwise

import pytest

from support.jobs import Forks, Job

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


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def undisturbed(forks, tmp_path_factory):
    """A job that nothing happened to, its table, and the seconds from its first journalled request to its end."""
    job = Job(tmp_path_factory.mktemp("undisturbed"), problems=12)
    pid = forks.start(job)
    wait_for(job, pid, 1)
    begun = time.monotonic()
    status, said = forks.wait(job)
    assert status == 0, said
    return job, job.table(), time.monotonic() - begun


def wait_for(job, pid, lines):
    """Wait until the journal has so many lines or the job has ended."""
    while sum(path.read_bytes().count(b"\n") for path in job.journals) < lines and os.path.exists(
        f"/proc/{pid}"
    ):
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.0005)


def killed(forks, job, rng, undisturbed):
    """Start a job, kill it at a random moment of its decoding, and have it go on; return the two statuses."""
    pid = forks.start(job)
    wait_for(job, pid, rng.randrange(1, 40))
    time.sleep(rng.random() * 0.01)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    first, _ = forks.wait(job)
    known = sum(path.read_bytes().count(b"\n") for path in job.journals)
    second, said = forks.run(job)
    assert second == 0, said
    assert job.table().equals(undisturbed[1])
    provenance, whole = job.provenance(), undisturbed[0].provenance()
    if first:
        assert first == -signal.SIGKILL
        assert known - 1 <= provenance["journalled_requests"] <= known
    assert provenance["journalled_requests"] + provenance["decoded_requests"] == whole["decoded_requests"]
    return first


@pytest.mark.parametrize("moment", range(3))
def test_a_job_killed_at_a_random_moment_loses_at_most_a_line(forks, undisturbed, tmp_path, moment):
    assert killed(forks, Job(tmp_path, problems=12), random.Random(moment), undisturbed) == -signal.SIGKILL


@pytest.mark.slow
def test_jobs_killed_at_25_random_moments_end_in_the_same_tables(forks, undisturbed, tmp_path):
    rng, ends = random.Random(25), []
    for moment in range(25):
        (tmp_path / str(moment)).mkdir()
        ends.append(killed(forks, Job(tmp_path / str(moment), problems=12), rng, undisturbed))
    assert ends.count(-signal.SIGKILL) >= 20


def test_sigterm_keeps_what_was_decoded_and_says_how_to_go_on(forks, undisturbed, tmp_path):
    job = Job(tmp_path, problems=12)
    pid = forks.start(job)
    wait_for(job, pid, 5)
    os.kill(pid, signal.SIGTERM)
    status, said = forks.wait(job)
    assert status == 143
    assert "stopped by SIGTERM: what was decoded is in the journal under" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    status, said = forks.run(job)
    assert status == 0
    assert job.provenance()["journalled_requests"] >= 5
    assert "torn" not in said
    assert job.table().equals(undisturbed[1])


def test_a_full_disk_ends_the_job_with_one_message_and_nothing_torn(forks, undisturbed, tmp_path):
    job = Job(tmp_path, problems=12)
    status, said = forks.run(job, FULL_DISK.format(limit=3000))
    assert status == 1
    assert "no space left on its disk" in said
    assert "Traceback" not in said
    (path,) = job.journals
    assert path.read_bytes().endswith(b"\n")
    kept = path.read_bytes().count(b"\n")
    assert kept > 3
    status, said = forks.run(job)
    assert status == 0
    assert "torn" not in said
    assert job.provenance()["journalled_requests"] == kept
    assert job.table().equals(undisturbed[1])


def test_a_finished_journal_is_compact_and_a_second_job_decodes_nothing(forks, undisturbed):
    job, table, _ = undisturbed
    (path,) = job.journals
    content = path.read_bytes()
    lines = [json.loads(line.partition(b" ")[2]) for line in content.splitlines()]
    assert [("tally" in line) for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["tally"]["done"] == lines[-1]["tally"]["total"] == 12
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


def test_long_traces_are_journalled_in_pieces_and_joined_at_the_end(forks, tmp_path):
    job = Job(tmp_path, problems=12)
    job.engine = job.engine | {"piece_tokens": 16}
    pid = forks.start(job)
    wait_for(job, pid, 20)
    os.kill(pid, signal.SIGKILL)
    forks.wait(job)
    (path,) = job.journals
    assert b'"after"' in path.read_bytes()
    assert forks.run(job)[0] == 0
    assert b'"after"' not in path.read_bytes()
    table = job.table()
    (tmp_path / "whole").mkdir()
    whole = Job(tmp_path / "whole", problems=12)
    whole.engine = job.engine
    assert forks.run(whole)[0] == 0
    assert whole.table().equals(table)


def test_one_job_generates_every_benchmark_and_each_as_alone(forks, undisturbed, tmp_path):
    job = Job(tmp_path, benchmarks=("short-chains", "middle-chains"), problems=12)
    status, said = forks.run(job)
    assert status == 0, said
    assert said.count("Loading safetensors checkpoint shards: 100%") == 1
    assert job.table("middle-chains").equals(undisturbed[1])
    assert len(job.table("short-chains")) == len(undisturbed[1])
    assert len(job.journals) == 2


def test_problems_that_change_under_way_are_said_and_nothing_is_written(forks, undisturbed, tmp_path):
    job = Job(tmp_path, problems=12)
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
    job = Job(tmp_path, problems=12)
    assert forks.run(job)[0] == 0
    first = job.provenance()["decoded_requests"]
    job.samples = 2
    assert forks.run(job)[0] == 0
    said, table = job.provenance(), job.table()
    assert said["journalled_requests"] == first
    assert 0 < said["decoded_requests"] < 2 * first
    assert table[table["sample"] == 0].reset_index(drop=True).equals(undisturbed[1])
