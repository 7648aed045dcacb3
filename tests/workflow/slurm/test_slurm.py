"""The workflow through SLURM, with the shipped profile: what its jobs ask for, and what survives which fault.

The first test generates with the real engine. In those of faults an endpoint writes, slowly and by a rule, and
counts what it is asked for: whatever is decoded twice is seen there.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from support.completions_server import Completions, serving
from support.workflow_copy import Workflow

pytestmark = pytest.mark.slurm

# The profile waits for slow file systems and spares the scheduler; a test has neither.
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
MODEL, BENCHMARK = "pocket-small", "short-chains"
GENERATED = f"results/pocket/generated/{MODEL}.cot"
TOGETHER = 2


class Study(Workflow):
    """A copy of the project whose pocket study goes through the queue."""

    def run(self, *targets: str) -> "Run":
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))
        return Run(self.folder, targets)

    @property
    def journal(self) -> list[dict]:
        """The lines of the journals that hold a completion, as far as they are whole."""
        lines = [
            line
            for path in (self.folder / "results/journal").glob("*/*/*.jsonl")
            for line in path.read_bytes().splitlines()
        ]
        return [e for line in lines if "id" in (e := json.loads(line.partition(b" ")[2] or b"{}"))]

    def wait_for_journal(self, lines: int) -> None:
        """Wait until the journal has so many lines."""
        wait(lambda: len(self.journal) >= lines, f"{lines} lines in the journal")

    @property
    def owners(self) -> list[Path]:
        """The files that say who writes a journal."""
        return list((self.folder / "results/journal").glob("**/*.owner"))

    @property
    def provenance(self) -> dict:
        return json.loads((self.folder / GENERATED / f"{BENCHMARK}.cot.json").read_text())


class Run:
    """A Snakemake that submits jobs, and what it says."""

    def __init__(self, folder: Path, targets: tuple[str, ...]):
        self.folder = folder
        self.out = folder / f"said.{time.monotonic_ns()}"
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *QUICK]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [*command, *targets], cwd=folder, env=environment, stdout=out, stderr=out
            )

    @property
    def said(self) -> str:
        return self.out.read_text()

    @property
    def jobs(self) -> list[str]:
        """The numbers that SLURM gave to what was submitted, in order."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.said)

    def wait(self, seconds: float = 600) -> int:
        return self.process.wait(seconds)

    def submitted(self, number: int = 1) -> str:
        """Wait until so many jobs were submitted; return the last."""
        wait(lambda: len(self.jobs) >= number or self.process.poll() is not None, f"job {number}")
        assert len(self.jobs) >= number, self.said[-3000:]
        return self.jobs[number - 1]


def wait(true, what: str, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


@contextmanager
def slow_study(folder: Path, pause: float = 1.0, problems: int = 40):
    """A study of one model that an endpoint serves, `TOGETHER` requests at a time; yield it and the server."""
    server = Completions(pause=pause)
    with serving(server) as url:
        study = Study(folder)
        study.shrink([MODEL], [BENCHMARK], [0, 8, None], problems)
        study.config["studies"]["pocket"]["engine"] = {
            "kind": "endpoint", "url": url, "max_model_len": 256, "max_num_seqs": TOGETHER,
        }  # fmt: skip
        yield study, server


def check_nothing_doubled(study: Study, server: Completions, ends: int) -> None:
    """Every request was journalled once, and asked for once but for those in flight when a job ended."""
    ids = Counter(entry["id"] for entry in study.journal)
    assert set(ids.values()) == {1}
    asked = Counter(json.dumps([body["prompt"], body["seed"]]) for body in server.asked)
    assert len(asked) == len(ids)
    assert sum(asked.values()) - len(asked) <= TOGETHER * ends
    table = pd.read_parquet(study.folder / GENERATED / f"{BENCHMARK}.cot.parquet")
    assert not table.duplicated(["problem_id", "sample", "cap"]).any()
    assert len(table) == 3 * study.config["benchmarks"][BENCHMARK]["rows"]
    assert not study.owners


def the_pocket_study_asks_for_partition_devices_memory_and_time(slurm, folder):
    study = Study(folder)
    study.shrink([MODEL, "pocket-direct"], [BENCHMARK], [0, 8, None], 12)
    for model, minutes in ((MODEL, 20), ("pocket-direct", 10)):
        study.config["models"][model] |= {"gpus": 1, "runtime_minutes": minutes, "memory_mb": 5000}
    # Which a plan knows better, of one of them.
    (folder / "results/pocket").mkdir(parents=True)
    (folder / "results/pocket/plan.json").write_text(f'{{"{MODEL}": {{"runtime": 45, "mem_mb": 6000}}}}')
    run = study.run("results/pocket/points.csv")
    assert run.wait() == 0, run.said[-3000:]
    points = pd.read_csv(folder / "results/pocket/points.csv")
    assert len(points) == 2 * 2 * 3
    jobs = [slurm.job(number) for number in run.jobs]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert len({job["JobName"] for job in jobs}) == 1
    decoding = {job["Comment"]: job for job in jobs if job["Comment"].startswith("rule_generate")}
    small, direct = (decoding[f"rule_generate_wildcards_pocket_{m}_cot_"] for m in (MODEL, "pocket-direct"))
    for job, limit, memory in ((small, "00:45:00", "6000M"), (direct, "00:10:00", "5000M")):
        assert (job["Partition"], job["TimeLimit"], job["MinMemoryNode"]) == ("gpu", limit, memory)
        assert (job["TresPerJob"], job["NumCPUs"], job["Requeue"]) == ("gres:gpu:1", "4", "1")
    others = [job for job in jobs if job not in decoding.values()]
    assert {job["Partition"] for job in others} == {"main"}
    assert not any("TresPerJob" in job for job in others)
    # describe_model twice, six jobs of tables as one, the analysis as one.
    assert len(others) == 4
    logs = [(folder / f"logs/generate/pocket/{m}.cot.log").read_text() for m in (MODEL, "pocket-direct")]
    assert all(re.search(r"on device [01]$", log, re.MULTILINE) for log in logs)
    assert set(re.findall(r"^localrule (\w+):", run.said, re.MULTILINE)) <= {
        "download_benchmark",
        "download_model",
    }


def a_failing_job_is_reported_with_its_log_tried_again_and_mended(slurm, folder):
    with slow_study(folder, pause=0, problems=4) as (study, server):
        server.faults += [404] * 1000
        run = study.run(GENERATED)
        assert run.wait() == 1
        assert len(run.jobs) == 2
        assert "Trying to restart job" in run.said
        for number in run.jobs:
            assert slurm.job(number)["JobState"] == "FAILED"
            assert f"SLURM-job '{number}' failed, SLURM status is: 'FAILED'" in run.said
        assert re.search(r"error: .* answers 404", run.said)  # the last line of the rule's own log
        server.faults.clear()
        server.asked.clear()
        assert study.run(GENERATED).wait() == 0
        check_nothing_doubled(study, server, 0)


def scancel_is_noticed_and_the_retry_goes_on(slurm, folder):
    with slow_study(folder) as (study, server):
        run = study.run(GENERATED)
        number = run.submitted()
        study.wait_for_journal(8)
        subprocess.run(["scancel", number], check=True)
        wait(lambda: not study.owners, "the journal closed")
        server.pause = 0
        assert run.wait() == 0, run.said[-3000:]
        assert f"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'" in run.said
        assert "stopped by SIGTERM: what was decoded is in the journal" in run.said
        assert len(run.jobs) == 2
        assert study.provenance["journalled_requests"] >= 8
        check_nothing_doubled(study, server, 1)


def a_time_out_flushes_the_journal_and_the_retry_goes_on(slurm, folder):
    with slow_study(folder) as (study, server):
        run = study.run(GENERATED)
        number = run.submitted()
        study.wait_for_journal(8)
        # SLURM looks for jobs past their limit every half minute; this one's is now, not in an hour.
        subprocess.run(["scontrol", "update", f"JobId={number}", "EndTime=now"], check=True)
        wait(lambda: not study.owners, "the journal closed")
        server.pause = 0
        assert run.wait() == 0, run.said[-3000:]
        assert f"SLURM-job '{number}' failed, SLURM status is: 'TIMEOUT'" in run.said
        assert "stopped by SIGTERM: what was decoded is in the journal" in run.said
        assert study.provenance["journalled_requests"] >= 8
        check_nothing_doubled(study, server, 1)


def jobs_outlive_a_killed_snakemake_and_the_next_one_doubles_nothing(slurm, folder):
    with slow_study(folder) as (study, server):
        first = study.run(GENERATED)
        number = first.submitted()
        study.wait_for_journal(5)
        server.pause = 8
        first.process.send_signal(signal.SIGKILL)
        first.wait()
        assert slurm.job(number)["JobState"] == "RUNNING"
        locked = study.run(GENERATED)
        assert locked.wait() == 1
        assert "--unlock" in locked.said
        assert study.run("--unlock").wait() == 0
        second = study.run(GENERATED)
        again = second.submitted()
        log = folder / f"logs/generate/pocket/{MODEL}.cot.log"
        wait(lambda: log.exists() and "waiting for it" in log.read_text(), "the second job to wait")
        assert re.search(rf"process \d+ on \S+, SLURM job {number}, since \S+ is writing", log.read_text())
        assert slurm.job(number)["JobState"] == slurm.job(again)["JobState"] == "RUNNING"
        server.pause = 0
        assert second.wait() == 0, second.said[-3000:]
        assert slurm.job(number)["JobState"] == "COMPLETED"
        assert study.provenance["decoded_requests"] == 0
        check_nothing_doubled(study, server, 0)


SIDE_BY_SIDE = (
    the_pocket_study_asks_for_partition_devices_memory_and_time,
    a_failing_job_is_reported_with_its_log_tried_again_and_mended,
    scancel_is_noticed_and_the_retry_goes_on,
    a_time_out_flushes_the_journal_and_the_retry_goes_on,
    jobs_outlive_a_killed_snakemake_and_the_next_one_doubles_nothing,
)


@pytest.fixture(scope="module")
def scenarios(slurm, tmp_path_factory):
    """What happens to studies side by side, since most of the time each waits for its next look at the queue."""
    with ThreadPoolExecutor(len(SIDE_BY_SIDE)) as pool:
        yield {each: pool.submit(each, slurm, tmp_path_factory.mktemp("study")) for each in SIDE_BY_SIDE}


@pytest.mark.parametrize("scenario", SIDE_BY_SIDE, ids=lambda each: each.__name__)
def test_that(scenario, scenarios):
    scenarios[scenario].result()


def test_a_node_that_vanishes_costs_what_was_in_flight(slurm, tmp_path):
    with slow_study(tmp_path) as (study, server):
        run = study.run(GENERATED)
        number = run.submitted()
        study.wait_for_journal(8)
        slurm.vanish()
        server.pause = 0
        assert study.owners
        wait(lambda: slurm.state().startswith("down"), "the node down")
        assert slurm.job(number)["JobState"] == "PENDING"
        slurm.come_back()
        assert run.wait() == 0, run.said[-3000:]
        assert run.jobs == [number]
        assert slurm.job(number)["Restarts"] == "1"
        log = (tmp_path / f"logs/generate/pocket/{MODEL}.cot.log").read_text()
        assert "exited without releasing the lock; taking over" in log
        assert study.provenance["journalled_requests"] >= 8
        check_nothing_doubled(study, server, 1)
