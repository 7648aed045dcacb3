"""What may happen to a run of the workflow: one clear message, nothing false in the results, the same command goes on.

The published study stands for all, since it needs no engine; what ends an engine is in test_faults.py.
"""

import hashlib
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from frontiers.core.cli import UserError
from frontiers.generation.journal import Journal
from support import forks, hub_server
from support.hub_server import COMMIT, Hub, Repository
from support.workflow_copy import ROOT, Workflow
from support.writer import completion

POINTS, TREND = "results/published/points.parquet", "results/published/trend.parquet"
SAID = "said.log"
HOLD = """
import os, pathlib, time
if pathlib.Path("hold").exists():
    pathlib.Path("held.partial").write_text(str(os.getpid()))
    os.rename("held.partial", "held")
    while pathlib.Path("hold").exists():
        time.sleep(0.02)
"""
"""Put at the end of a module: whoever imports it waits while there is a file `hold`, and says who it is."""


@pytest.fixture(scope="session")
def finished(shared):
    """The first two tables of the published study, made undisturbed: their bytes by path."""
    folder = shared("finished", lambda folder: prepared(folder).snakemake(TREND))
    return {name: (folder / name).read_bytes() for name in (POINTS, TREND)}


@pytest.fixture
def workflow(tmp_path):
    return prepared(tmp_path / "copy")


def prepared(folder: Path) -> Workflow:
    workflow = Workflow(folder)
    workflow.config["run"] = ["published"]
    workflow.config["studies"]["published"]["analysis"]["draws"] = 50
    workflow.edit(
        "workflow/frontiers/analysis/trend/table.py",
        (folder / "workflow/frontiers/analysis/trend/table.py").read_bytes() + HOLD.encode(),
    )
    return workflow


def results(workflow: Workflow) -> dict[str, bytes]:
    return {name: (workflow.folder / name).read_bytes() for name in (POINTS, TREND)}


def refused(workflow: Workflow, *arguments: str) -> str:
    """Run Snakemake, which is to fail; return what it said."""
    called = workflow.snakemake(*arguments, check=False)
    assert called.returncode == 1
    said = called.stdout + called.stderr
    assert "Traceback" not in said
    return said


@contextmanager
def under_way(workflow: Workflow):
    """Run Snakemake until fit_trend is at work; yield the process and the id of the script's. No one outlives it."""
    (workflow.folder / "hold").touch()
    workflow.write()
    command = ["-m", "snakemake", "--cores", "1", TREND]
    with (workflow.folder / SAID).open("w") as said:
        process = forks.start(command, workflow.folder, workflow.environment(), said, said)
    try:
        while not (workflow.folder / "held").exists():
            assert process.poll() is None, (workflow.folder / SAID).read_text()
            time.sleep(0.05)
        yield process, int((workflow.folder / "held").read_text())
    finally:
        (workflow.folder / "hold").unlink(missing_ok=True)
        process.wait()
        wait_for_end(int((workflow.folder / "held").read_text()))


def wait_for_end(pid: int) -> None:
    while os.path.exists(f"/proc/{pid}") and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.02)


def test_two_runs_at_once_are_refused_and_the_first_goes_on(workflow, finished):
    with under_way(workflow) as (process, _):
        said = refused(workflow, TREND)
        assert "Directory cannot be locked" in said
        assert "--unlock" in said
    assert process.returncode == 0
    assert results(workflow) == finished


def test_after_kill_9_of_snakemake_the_lock_is_lifted_and_the_same_command_goes_on(workflow, finished):
    with under_way(workflow) as (process, script):
        process.kill()
        process.wait()
        assert os.path.exists(f"/proc/{script}")  # a job outlives its Snakemake
        assert "--unlock" in refused(workflow, TREND)
        os.kill(script, signal.SIGKILL)
    workflow.snakemake("--unlock")
    assert workflow.jobs("--", TREND) == {"fit_trend": 1}
    workflow.snakemake(TREND)
    assert results(workflow) == finished
    assert workflow.jobs("--", TREND) == {}


def test_what_a_job_wrote_after_its_snakemake_was_killed_is_not_taken_for_finished(workflow, finished):
    with under_way(workflow) as (process, _):
        process.kill()
    assert (workflow.folder / TREND).exists()
    workflow.snakemake("--unlock")
    assert workflow.jobs("--", TREND) == {"fit_trend": 1}


def test_after_kill_9_of_a_rule_the_run_fails_and_the_same_command_goes_on(workflow, finished):
    with under_way(workflow) as (process, script):
        os.kill(script, signal.SIGKILL)
    assert process.returncode == 1
    said = (workflow.folder / SAID).read_text()
    assert "fit_trend" in said and "logs/fit_trend/published.log" in said
    assert not (workflow.folder / TREND).exists()
    workflow.snakemake(TREND)
    assert results(workflow) == finished


def test_a_full_disk_is_one_message_and_the_same_command_goes_on(workflow, finished, small_disk):
    disk = workflow.folder / "results/published"
    small_disk(disk, "size=12k")
    said = refused(workflow, TREND)
    assert f"{POINTS}: no space left on device; free some space" in said
    assert [path.name for path in disk.iterdir()] == ["other"]
    small_disk(disk, "size=8m")
    workflow.snakemake(TREND)
    assert results(workflow) == finished


def test_a_full_disk_tears_no_line_of_a_journal(small_disk, tmp_path):
    small_disk(tmp_path / "disk", "size=16k")
    journal, kept = Journal(tmp_path / "disk/j.jsonl"), 0
    with pytest.raises(
        UserError, match=r"no space left on its disk\. The \d+ requests journalled so far are kept"
    ):
        for kept in range(1000):
            journal.append(completion(f"r{kept}", range(50)))
    assert kept > 10
    assert journal.path.read_bytes().endswith(b"\n")
    small_disk(tmp_path / "disk", "size=1m")
    journal.append(completion("after"))
    journal.close()
    again = Journal(journal.path)
    assert list(again.entries) == [*(f"r{number}" for number in range(kept)), "after"]
    assert again.dropped == 0


def test_read_only_results_are_one_message_and_the_same_command_goes_on(workflow, finished, small_disk):
    disk = workflow.folder / "results/published"
    small_disk(disk, "size=8m")
    small_disk(disk, "ro")
    said = refused(workflow, TREND)
    assert "read-only" in said.lower()
    assert [path.name for path in disk.iterdir()] == ["other"]
    small_disk(disk, "rw")
    workflow.snakemake(TREND)
    assert results(workflow) == finished


def test_a_damaged_table_is_named_and_without_it_the_same_command_goes_on(workflow, finished):
    workflow.snakemake(POINTS)
    table = workflow.folder / POINTS
    table.write_bytes(table.read_bytes()[:-100])
    said = refused(workflow, TREND)
    assert f"{POINTS}: cannot be read as a table" in said
    assert "delete it and rerun snakemake" in said
    assert not (workflow.folder / TREND).exists()
    table.unlink()
    workflow.snakemake(TREND)
    assert results(workflow) == finished


def test_an_input_from_the_future_is_named_and_once_touched_the_same_command_goes_on(workflow, finished):
    name = workflow.config["studies"]["published"]["table"]
    table = workflow.folder / name
    tomorrow = time.time() + 86400
    os.utime(table, (tomorrow, tomorrow))
    said = refused(workflow, TREND)
    assert f"{POINTS} has older modification time" in said
    assert f"input {name}" in said and "clock skew" in said
    assert not (workflow.folder / TREND).exists()
    table.touch()
    workflow.snakemake(TREND)
    assert results(workflow) == finished


def test_a_hub_that_misbehaves_is_explained_and_the_same_command_goes_on(workflow, monkeypatch):
    block = workflow.config["models"]["pocket-direct"]
    files = {path.name: path.read_bytes() for path in (ROOT / block.pop("path")).iterdir()}
    block |= {"repository": "pocket/direct", "revision": COMMIT}
    hub = Hub({"models/pocket/direct": Repository(files)})
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    manifest = "data/models/pocket-direct.json"
    with hub_server.serving(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        hub.faults += [("/revision/", 401)]
        said = refused(workflow, manifest)
        assert "pocket/direct is not on the Hub, or is private" in said
        assert not (workflow.folder / manifest).exists()
        hub.faults += [("GET /pocket/direct/resolve", 500), ("model.safetensors", "half")]
        workflow.snakemake(manifest)
    assert hub.faults == []
    (weights,) = (workflow.folder / "data/hub/models/pocket/direct").rglob("model.safetensors")
    assert (
        hashlib.sha256(weights.read_bytes()).digest() == hashlib.sha256(files["model.safetensors"]).digest()
    )
