"""A study of which one model cannot be read and one cannot be prompted still comes to its report."""

import json

import pandas as pd
import pytest

from support.workflow_copy import Workflow

GOOD = ["pocket-small", "pocket-direct"]
UNREADABLE, UNPROMPTED = "pocket-medium", "pocket-hybrid"
REFUSING = "{{ raise_exception('no such role') }}"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    copy = Workflow(tmp_path_factory.mktemp("left_out") / "copy")
    models = [GOOD[0], UNREADABLE, UNPROMPTED, GOOD[1]]
    copy.shrink(models, ["short-chains"], [0, 8, None], 12, on_failure="leave_out")
    return copy


@pytest.mark.slow
def test_a_failed_model_costs_no_report_and_the_same_command_adds_it(workflow):
    weights = workflow.folder / "data/pocket/models/medium/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    workflow.config["models"][UNPROMPTED]["template"] = {"chat_template": REFUSING}
    called = workflow.snakemake(check=False)
    said = called.stdout + called.stderr
    assert called.returncode == 1, "something has failed"
    results = workflow.folder / "results/pocket"
    assert (results / "report.zip").exists()
    checks = json.loads((results / "checks.json").read_text())
    assert all(check["passed"] for check in checks["checks"])
    assert set(pd.read_parquet(results / "points.parquet")["model"]) == set(GOOD)
    missing = pd.read_csv(results / "left_out.csv").set_index("label")["reason"]
    assert missing["Pocket medium"].startswith("download_model: ") and "damaged" in missing["Pocket medium"]
    assert missing["Pocket hybrid"].startswith("generate: ") and "no such role" in missing["Pocket hybrid"]
    findings = (results / "findings.md").read_text()
    for place in (findings, (results / "explorer.html").read_text()):
        assert "Which models are missing?" in place and "no such role" in place
    assert "Without Pocket hybrid, Pocket medium: their jobs failed" in " ".join(
        (results / "figures/frontier.svg").read_text().split()
    )
    assert f"{UNREADABLE} is left out of the report. download_model: " in said
    assert "rerun the command to try them again and add them" in said

    weights.write_bytes(whole)
    del workflow.config["models"][UNPROMPTED]["template"]
    jobs = workflow.jobs()
    assert jobs["generate"] == 2 and jobs["report"] == 1
    workflow.snakemake()
    assert len(pd.read_parquet(results / "points.parquet")["model"].unique()) == 4
    assert pd.read_csv(results / "left_out.csv").empty
    assert "Which models are missing?" not in (results / "findings.md").read_text()
    assert workflow.jobs() == {}


@pytest.mark.slow
def test_a_study_that_stops_at_a_failure_has_no_report(workflow, tmp_path):
    copy = Workflow(tmp_path / "copy")
    copy.shrink([*GOOD, UNPROMPTED], ["short-chains"], [0, None], 4)
    copy.config["models"][UNPROMPTED]["template"] = {"chat_template": REFUSING}
    called = copy.snakemake(check=False)
    assert called.returncode == 1 and "left out" not in called.stdout + called.stderr
    assert not (copy.folder / "results/pocket/report.zip").exists()
