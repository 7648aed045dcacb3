"""Devices handed to jobs, and what they are measured to take, against a stand-in for NVML."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise

import pytest

from frontiers.core.cli import UserError
from frontiers.generation.engines import energy, gpu_locks, lease
from frontiers.generation.engines.energy import Meter
from frontiers.generation.engines.gpu_locks import VISIBLE, held, parallel, visible
from frontiers.generation.engines.lease import LeasedEngine
from frontiers.generation.strategies import chain
from support.fake_nvml import Library
from support.paths import ROOT
from support.writer import PROBLEMS, THINKING, TOKENIZER, Writer, decode, settings_of

JOB = """
import json, sys, time
from pathlib import Path
from support.fake_nvml import Library
from frontiers.generation.engines import gpu_locks

gpu_locks.WAIT = 0.02
count, seconds, locks, log = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
environment = json.loads(sys.argv[5])
with gpu_locks.held(count, lambda line: None, Library(4), environment, locks) as taken:
    begun = time.monotonic()
    with log.open("a") as file:
        file.write("held " + environment["CUDA_VISIBLE_DEVICES"] + "\\n")
    time.sleep(seconds)
    ended = time.monotonic()
    with log.open("a") as file:
        file.write(json.dumps([[device.identity for device in taken], begun, ended]) + "\\n")
"""


def start(count, seconds, folder, environment=None):
    command = [sys.executable, "-c", JOB, str(count), str(seconds), folder / "locks", folder / "log"]
    paths = os.pathsep.join([str(ROOT / "workflow"), str(ROOT / "tests")])
    return subprocess.Popen(
        [*command, json.dumps(environment or {})], env={**os.environ, "PYTHONPATH": paths}
    )


def lines(folder):
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def spans(folder):
    """Return, by device, when jobs held it."""
    found = defaultdict(list)
    for line in lines(folder):
        if line.startswith("["):
            names, begun, ended = json.loads(line)
            for name in names:
                found[name].append((begun, ended))
    return found


def test_no_two_jobs_are_on_one_device_and_all_devices_are_used(tmp_path):
    """Twelve jobs of one, two and four devices on four; one of them is killed while it holds some."""
    victim = start(2, 60, tmp_path)
    wait_for(lambda: lines(tmp_path))
    jobs = [start(count, 0.2, tmp_path) for count in (1, 2, 1, 4, 1, 2, 1, 1, 2, 4, 1)]
    wait_for(lambda: sum(line.startswith("[") for line in lines(tmp_path)) >= 4)
    victim.send_signal(signal.SIGKILL)
    assert [job.wait(60) for job in jobs] == [0] * len(jobs)
    victim.wait()
    found = spans(tmp_path)
    assert set(found) == {f"GPU-{i}000" for i in range(4)}
    assert sum(map(len, found.values())) == 1 + 2 + 1 + 4 + 1 + 2 + 1 + 1 + 2 + 4 + 1
    for times in found.values():
        times.sort()
        assert all(one[1] <= other[0] for one, other in pairwise(times))
    killed = lines(tmp_path)[0].removeprefix("held ").split(",")
    assert all(found[f"GPU-{token}000"] for token in killed)


def test_jobs_see_each_other_by_whatever_name_they_call_a_device(tmp_path):
    first = start(1, 60, tmp_path, {VISIBLE: "2"})
    wait_for(lambda: lines(tmp_path))
    second = start(1, 0, tmp_path, {VISIBLE: "GPU-2000,3"})
    assert second.wait(30) == 0
    first.kill()
    first.wait()
    assert lines(tmp_path)[:2] == ["held 2", "held 3"]


def test_an_allocation_is_kept_to_and_named_as_it_was():
    library = Library(4)
    assert [d.token for d in visible(library, {})] == ["0", "1", "2", "3"]
    assert [(d.token, d.identity) for d in visible(library, {VISIBLE: "3, 1"})] == [
        ("3", "GPU-3000"), ("1", "GPU-1000")
    ]  # fmt: skip
    assert [d.token for d in visible(library, {VISIBLE: "0,-1,2"})] == ["0"]
    assert [d.token for d in visible(library, {VISIBLE: "1,7,2"})] == ["1"]
    assert [d.identity for d in visible(library, {VISIBLE: "GPU-2"})] == ["GPU-2000"]
    assert [d.identity for d in visible(library, {VISIBLE: "MIG-abc"})] == ["MIG-abc"]
    assert [d.identity for d in visible(None, {VISIBLE: "0,1"})] == ["0", "1"]
    assert visible(library, {VISIBLE: ""}) == visible(None, {}) == []


def test_the_environment_names_the_devices_held_and_is_put_back(tmp_path):
    environment = {VISIBLE: "3,2,0"}
    with held(2, print, Library(4, used=[0, 0, 7, 5]), environment, tmp_path) as taken:
        assert [device.token for device in taken] == ["3", "0"]  # the emptiest, in the order given
        assert environment == {VISIBLE: "3,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert environment == {VISIBLE: "3,2,0"}
    with held(0, print, None, environment, tmp_path) as taken:
        assert taken == [] and environment == {VISIBLE: "3,2,0"}


def test_waiting_is_said_once(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(gpu_locks, "WAIT", 0.01)
    job = start(3, 0.5, tmp_path)
    wait_for(lambda: lines(tmp_path))
    with held(2, said.append, Library(4), {}, tmp_path / "locks"):
        pass
    job.wait()
    assert said == ["waiting for 2 of 4 devices; 3 are held by other jobs"]


@pytest.mark.parametrize(
    ("library", "environment", "wanted"),
    [
        (Library(1), {}, "needs 2 devices, this node has 1"),
        (Library(4), {VISIBLE: "1"}, "needs 2 devices, CUDA_VISIBLE_DEVICES=1 has 1"),
        (None, {}, "this node has 0"),
    ],
)
def test_too_few_devices_are_said_at_once(tmp_path, library, environment, wanted):
    with pytest.raises(UserError, match=wanted), held(2, print, library, environment, tmp_path):
        pass


def test_how_a_model_is_spread():
    assert parallel(0) == parallel(1) == {"tensor_parallel_size": 1}
    assert parallel(4) == {"tensor_parallel_size": 4}
    assert parallel(8, 2) == {
        "tensor_parallel_size": 8,
        "pipeline_parallel_size": 2,
        "distributed_executor_backend": "ray",
    }


# The meter


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(energy, "IDLE_SECONDS", 0.05)


def measure(library, count=2, seconds=0.4):
    """Measure devices that work at 200 W each for a while, after an engine's start at 100 W."""
    found = Meter(library, visible(library, {})[:count], period=0.02)
    library.work(100.0)
    time.sleep(0.2)
    library.work(200.0)
    found.begin()
    found.begin()
    time.sleep(seconds)
    found.end()
    library.work(300.0)
    time.sleep(0.05)
    found.end()
    return found.report()


def test_energy_is_that_of_the_devices_held_while_they_generate(quick):
    report = measure(Library(3, used=[10, 20, 40]))
    assert report["joules"] == pytest.approx(2 * 200 * report["seconds"], rel=0.05)
    assert 0.4 <= report["seconds"] < 1
    assert (report["joules_from"], report["reason"]) == ("total-energy counter", None)
    assert (report["idle_watts"], report["mean_watts"], report["peak_watts"]) == (80, 400, 400)
    assert (report["peak_memory_bytes"], report["utilisation"]) == (30, pytest.approx(0.9))
    assert report["samples"] > 5 and report["devices"] == ["Fake", "Fake"]
    assert "FLOPs" in report["attribution"]


def test_without_a_counter_power_is_summed_up(quick):
    report = measure(Library(2, lacks=["nvmlDeviceGetTotalEnergyConsumption"]))
    assert report["joules"] == pytest.approx(2 * 200 * report["seconds"], rel=0.1)
    assert report["joules_from"] == "integral of power samples"


def test_what_a_device_does_not_tell_is_null_with_the_reason(quick):
    silent = [
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetUtilizationRates",
    ]
    report = measure(Library(2, lacks=silent), seconds=0.05)
    assert report["joules"] is report["mean_watts"] is report["idle_watts"] is report["utilisation"] is None
    assert report["reason"] == "the devices report neither energy nor power"
    assert report["peak_memory_bytes"] == 0


def test_without_devices_everything_is_null_with_the_reason():
    found = Meter(None, [], "NVML: Driver Not Loaded")
    found.begin()
    found.end()
    report = found.report()
    assert report.pop("reason") == "NVML: Driver Not Loaded"
    assert report.pop("samples") == 0 and report.pop("devices") == [] and report.pop("seconds") >= 0
    assert report.pop("attribution") and set(report.values()) == {None}


def test_a_counter_that_went_back_is_not_believed(quick):
    library = Library(1, lacks=["nvmlDeviceGetPowerUsage"])
    found = Meter(library, visible(library, {}))
    library.work(200)
    found.begin()
    library._joules = -1000.0
    found.end()
    assert found.report()["joules"] is None


def test_nothing_decoded_is_nothing_measured(quick):
    found = Meter(Library(1), visible(Library(1), {}))
    found.end()
    assert (found.report()["joules"], found.report()["reason"]) == (None, "nothing was decoded")


class Slow(Writer):
    """An engine that takes 500 W to start, then 100 W, and sees which devices it has."""

    def __init__(self, library):
        super().__init__()
        self.library, self.saw = library, None

    def submit(self, request):
        if not self.asked:
            self.saw = os.environ.get(VISIBLE)
            self.library.work(500.0)
            time.sleep(0.2)
            self.library.work(100.0)
        super().submit(request)

    def describe(self):
        return {"engine_version": "x"}


def decoded(runner, folder):
    episodes = chain.episodes(PROBLEMS, TOKENIZER, THINKING, {}, settings_of([0, None]))
    decode(episodes, folder / "j.jsonl", runner)
    return runner.describe()


def test_devices_come_with_the_first_request_and_the_start_of_the_engine_is_not_measured(
    quick, tmp_path, monkeypatch
):
    library, said = Library(4), []
    monkeypatch.setattr(gpu_locks, "load_nvml", lambda: (library, None))
    monkeypatch.setattr(lease.gpu_locks, "held", partial(held, locks=tmp_path / "locks"))
    monkeypatch.delenv(VISIBLE, raising=False)
    engine = Slow(library)
    runner = LeasedEngine(engine, 2, said.append)
    assert runner.capacity == engine.capacity and VISIBLE not in os.environ
    found = decoded(runner, tmp_path)
    assert engine.saw == os.environ[VISIBLE] == "0,1" and said == ["on device 0,1"]
    measured = found["measured"]
    assert found["engine_version"] == "x" and measured["devices"] == ["Fake", "Fake"]
    assert measured["joules"] == pytest.approx(200 * measured["seconds"], rel=0.2, abs=0.2)
    assert (measured["peak_watts"], measured["idle_watts"]) == (200, 80)
    runner.close()
    assert VISIBLE not in os.environ
    again = decoded(LeasedEngine(Slow(library), 2, said.append), tmp_path)
    assert (again["measured"]["joules"], again["measured"]["reason"]) == (None, "nothing was decoded")


def test_without_devices_of_its_own_a_job_says_why_nothing_is_measured(tmp_path):
    for number, (unseen, wanted) in enumerate([("far away", "far away"), (None, "")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = decoded(LeasedEngine(Slow(Library(1)), 0, print, unseen), folder)
        assert found["measured"]["joules"] is None and wanted in found["measured"]["reason"]


def test_this_machine_measures_or_says_why_not():
    nvml, reason = gpu_locks.load_nvml()
    report = Meter(nvml, visible(nvml, {}), reason).report()
    assert (report["joules"] is None) == (report["reason"] is not None)
