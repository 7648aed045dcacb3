"""What the report of a study says, and what is left when its checks fail or the disk is full."""

import html
import json
import os
import re
import subprocess
import zipfile

import pytest

import report
from frontiers.core.cli import UserError
from support.workflow_copy import Workflow

FAILING = """
_report = report


def report(name, what, rows, failures):
    return _report(name, what, rows, ["made to fail"] if name == "frontier_true" else failures)
"""
"""Put at the end of checks/check.py: the check of the frontier fails."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The published study, as a run that overrides the configuration leaves it; which study else is configured to run."""
    workflow = Workflow(tmp_path_factory.mktemp("report") / "copy")
    workflow.config["run"] = ["pocket", "published"]
    workflow.config["studies"]["published"]["analysis"]["draws"] = 50
    (workflow.folder / "more.yaml").write_text("studies: {published: {analysis: {draws: 61}}}")
    workflow.snakemake(*OVERRIDES)
    return workflow


OVERRIDES = ["--configfile", "more.yaml", "--config", "run=['published']"]


def page(workflow: Workflow) -> str:
    with zipfile.ZipFile(workflow.folder / "results/published/report.zip") as found:
        return found.read("report/report.html").decode()


def test_the_report_states_what_was_run_and_with_which_settings(finished):
    text = page(finished)
    description = re.search(r"var workflow_desc = (.*);", text)[1]
    assert "published" in description and "pocket" not in description
    assert "61 bootstrap draws" in text and "50 bootstrap draws" not in text
    assert finished.jobs(*OVERRIDES) == {}


def test_the_report_says_which_checks_it_passed(finished):
    text = page(finished)
    checks = json.loads((finished.folder / "results/published/checks.json").read_text())["checks"]
    assert (
        f"It passed {len(checks)} of {len(checks)} checks" in re.search(r"var workflow_desc = (.*);", text)[1]
    )
    captions = json.loads(re.search(r"<script id=\"results\">\s*var results = (.*);", text)[1])
    caption = captions["results/published/checks.json"]["caption"]
    assert all(
        check["name"] in caption and html.escape(check["what"], quote=False) in caption for check in checks
    )


def test_a_failed_check_leaves_its_result_and_no_report_and_once_mended_the_same_command_goes_on(finished):
    results = finished.folder / "results/published"
    assert (results / "report.zip").exists()
    finished.edit(
        "workflow/frontiers/analysis/checks/check.py",
        (finished.folder / "workflow/frontiers/analysis/checks/check.py").read_bytes() + FAILING.encode(),
    )
    for _ in range(2):
        called = finished.snakemake(*OVERRIDES, check=False)
        assert called.returncode == 1
        said = called.stdout + called.stderr
        assert "Traceback" not in said
        assert "results/published/checks.json: 1 checks failed, so no report is made" in said
        assert "frontier_true, 1 of" in said and "made to fail" in said
        written = json.loads((results / "checks.json").read_text())
        assert [check["name"] for check in written["checks"] if not check["passed"]] == ["frontier_true"]
        assert not (results / "report.zip").exists()
    called = finished.snakemake(
        "--forcerun", "check_results", *OVERRIDES, "--", "results/published/checks.json"
    )
    assert (results / "checks.json").exists() and not (results / "report.zip").exists()
    finished.restore()
    finished.snakemake(*OVERRIDES)
    assert json.loads((results / "checks.json").read_text())["passed"]
    assert (results / "report.zip").exists()


def used(folder) -> int:
    """Return the bytes in use on the disk of a folder."""
    disk = os.statvfs(folder)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


@pytest.mark.parametrize("product", ["explorer.html", "report.zip"])
def test_a_disk_that_is_full_is_one_message_and_the_same_command_goes_on(
    finished, small_disk, tmp_path, product
):
    workflow = finished.copied(tmp_path / "copy")
    workflow.config = finished.config
    disk = workflow.folder / "results/published"
    kept = tmp_path / "kept"
    disk.rename(kept)
    small_disk(disk, "size=64m")
    subprocess.run(["cp", "-a", f"{kept}/.", disk], check=True)
    (disk / "report.zip").unlink()
    if product == "explorer.html":
        (disk / product).unlink()
    small_disk(disk, f"size={used(disk) + 16 * 1024}")
    before = sorted(path.name for path in disk.iterdir())
    called = workflow.snakemake(*OVERRIDES, check=False)
    said = called.stdout + called.stderr
    assert called.returncode == 1 and "Traceback" not in said
    assert f"results/published/{product}: no space left on device; free some space" in said
    assert sorted(path.name for path in disk.iterdir()) == before
    small_disk(disk, "size=64m")
    workflow.snakemake(*OVERRIDES)
    assert zipfile.ZipFile(disk / "report.zip").testzip() is None
    assert (disk / "explorer.html").read_text().rstrip().endswith("</html>")


def test_a_full_disk_of_temporary_files_is_named(tmp_path, monkeypatch):
    checks = tmp_path / "checks.json"
    checks.write_text(json.dumps({"passed": True, "checks": []}))
    full = subprocess.CompletedProcess([], 1, stderr="Traceback\nOSError: [Errno 28] No space left on device")
    monkeypatch.setattr(report.subprocess, "run", lambda *_, **__: full)
    given = ["--checks", str(checks), "--show", "a.svg", "--output", str(tmp_path / "report.zip")]
    with pytest.raises(UserError, match="no space left on device; free some space, or set TMPDIR"):
        report.main(given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checks.json"]
