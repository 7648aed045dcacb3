"""Replicas of an engine: fake ones in real processes, and two of the CPU engine."""

import os
import subprocess
import sys

import pytest

from frontiers.core.cli import UserError
from frontiers.generation.engines.gpu_locks import VISIBLE
from frontiers.generation.engines.replicas import Replicas
from frontiers.generation.strategies import chain
from support.jobs import Job
from support.paths import ROOT
from support.replicable import Placed
from support.writer import PROBLEMS, THINKING, TOKENIZER, Writer, decode, settings_of


@pytest.fixture
def several():
    """A function that makes replicas, which end with the test."""
    made = []

    def make(count, **options):
        made.append(Replicas(Placed(**options), count))
        return made[-1]

    yield make
    for replicas in made:
        replicas.close()


def rows(engine, folder, samples=1):
    folder.mkdir()
    episodes = chain.episodes(
        PROBLEMS, TOKENIZER, THINKING, {}, settings_of([0, 8, None], samples=samples, piece=16)
    )
    return decode(episodes, folder / "j.jsonl", engine)[0]


def test_eight_devices_are_filled_by_one_model(several, tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, "7,6,5,4,3,2,1,0")
    engine = several(8)
    assert (engine.capacity, engine.devices) == (24, 16)
    found = rows(engine, tmp_path / "several", samples=8)
    assert os.environ[VISIBLE] == "7,6,5,4,3,2,1,0"
    told = [worker.ask("describe") for worker in engine._workers]
    assert [one["visible"] for one in told] == list("76543210")
    assert all(one["asked"] for one in told)
    assert [row for rows in found for row in rows] == [
        row for rows in rows_of_one(tmp_path, samples=8) for row in rows
    ]


def rows_of_one(folder, samples):
    return rows(Writer(), folder / "one", samples)


def test_two_devices_each(several, tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, "3,2,1,0")
    engine = several(2)
    rows(engine, tmp_path / "rows")
    assert [worker.ask("describe")["visible"] for worker in engine._workers] == ["3,2", "1,0"]


def test_what_a_problem_asks_stays_on_the_replica_that_has_its_prefix(several, tmp_path):
    engine = several(2, capacity=64)
    rows(engine, tmp_path / "rows", samples=4)
    problems = [set(worker.ask("describe")["problems"]) for worker in engine._workers]
    assert sum(map(len, problems)) == len(set.union(*problems)) == len(PROBLEMS)
    assert all(problems)


def test_the_slowest_start_is_told(several, tmp_path):
    engine = several(2)
    assert engine.describe()["replicas"] == 2  # not started
    rows(engine, tmp_path / "rows")
    described = engine.describe()
    assert described["replicas"] == 2 and described["engine_start_seconds"] == 1.5


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ({"start_fault": True}, "the device is on fire. Put it out"),
        ({"dies_at": 2}, r"status 9\). What was decoded is in the journal: rerun"),
    ],
)
def test_a_replica_that_fails_is_told_once(several, tmp_path, option, wanted):
    with pytest.raises(UserError, match=wanted):
        rows(several(3, **option), tmp_path / "rows")


@pytest.mark.slow
def test_two_cpu_engines_write_what_one_writes(tmp_path):
    tables = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        wanted = Job(folder, problems=6)
        wanted.more = ["--gpus", "1", "--granted", str(number)]
        subprocess.run(
            [sys.executable, ROOT / "workflow/scripts/generate.py", *wanted.arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT / "workflow"), VISIBLE: "0,1"},
            check=True,
        )
        tables.append(wanted.table())
    told = wanted.provenance()
    assert told["replicas"] == 2 and told["engine_start_seconds"] > 0 and told["decoded_requests"] > 6
    assert tables[0].equals(tables[1])
