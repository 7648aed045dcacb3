"""The workflow itself, end to end on a small pocket study."""

import json

import pandas as pd
import pytest

from support.finding_cells import check_cells
from support.small_study import BENCHMARKS, CAPS, MODELS
from support.workflow_copy import ROOT, Workflow


def table(workflow, name):
    return pd.read_parquet(workflow.folder / f"results/pocket/{name}.parquet")


def test_every_product_is_there_with_its_rows(workflow):
    points = table(workflow, "points")
    assert len(points) == len(MODELS) * (len(BENCHMARKS) + 1) * len(CAPS)
    assert set(points["benchmark"]) == {*BENCHMARKS, "mean"}
    assert (points["accuracy_low"] <= points["accuracy"]).all()
    assert (points["accuracy"] <= points["accuracy_high"]).all()
    for name in ("frontier", "trend", "saturation", "architectures", "outcomes"):
        assert len(table(workflow, name))
    for name in ("explorer.html", "report.zip", "checks.json", "points.csv"):
        assert (workflow.folder / "results/pocket" / name).stat().st_size > 500
    checks = json.loads((workflow.folder / "results/pocket/checks.json").read_text())["checks"]
    assert len(checks) > 10
    assert all(check["passed"] for check in checks)


def test_reasoning_is_what_makes_the_small_model_right(workflow):
    points = table(workflow, "points").set_index(["model", "benchmark"])
    small = points.loc[("pocket-small", "short-chains")].set_index("cap")
    assert small["accuracy"].loc[small.index.isna()].item() > small["accuracy"].loc[0] + 0.3


def test_the_mixed_dates_of_one_day_give_no_trend_and_say_why(workflow):
    trend = table(workflow, "trend")
    assert not trend["estimable"].any()
    assert trend["reason"].notna().all()
    assert trend["doubling_months"].isna().all()


def test_the_open_study_validates_and_plans_its_jobs(changed):
    jobs = changed.jobs("--config", "run=[open-reasoning]")
    assert jobs["download_model"] == 19
    assert jobs["download_benchmark"] == 5
    assert jobs["generate"] == 19
    assert jobs["collect"] == jobs["grade"] == jobs["count_compute"] == 19 * 5


def test_the_published_study_has_every_table(changed):
    changed.config["run"] = ["published"]
    changed.snakemake()
    folder = changed.folder / "results/published"
    for name in ("points", "frontier", "trend", "saturation", "architectures", "outcomes"):
        assert len(pd.read_parquet(folder / f"{name}.parquet"))
    trend = pd.read_parquet(folder / "trend.parquet")
    assert trend["estimable"].any()
    assert trend.loc[trend["estimable"], ["low", "high"]].notna().all(axis=None)


def test_the_recorded_study_has_every_product_and_passes_its_checks(changed):
    changed.config["run"] = ["recorded"]
    changed.config["studies"]["recorded"]["analysis"]["draws"] = 2000  # as shipped, for the README
    changed.snakemake()
    folder = changed.folder / "results/recorded"
    for name in ("answers", "points", "frontier", "trend", "saturation", "outcomes", "differences"):
        assert len(pd.read_parquet(folder / f"{name}.parquet"))
    points, frontier = (pd.read_parquet(folder / f"{name}.parquet") for name in ("points", "frontier"))
    assert set(points["strategy"]) == {"cut"}
    best = frontier[frontier["on_frontier"] & (frontier["cost"] == "flops")]
    assert {"phi-4", "gpt-oss-120b-high", "kimi-k2.6"} <= set(
        best.loc[best["benchmark"] == "gpqa-diamond", "model"]
    )
    for name in ("frontier", "caps", "gains", "trend", "outcomes", "components"):
        assert (folder / f"figures/{name}.svg").stat().st_size > 5000
    assert all(check["passed"] for check in json.loads((folder / "checks.json").read_text())["checks"])
    assert check_cells(folder) > 20
    findings = (folder / "findings.md").read_text().split("\n\n")[1:]
    told = [
        line[2:]
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("- **") and "?**" in line
    ]
    assert len(told) == 3 and set(told) <= {line.strip() for line in findings}
    assert not changed.jobs()


@pytest.mark.slow
def test_a_study_of_own_verdicts_has_every_product_and_passes_its_checks(changed):
    """What Epoch AI's runs of two models left, written as one's own logs, gives the same points."""
    runs = pd.read_csv(ROOT / "data/recorded/runs.csv")
    known = pd.read_parquet(ROOT / "data/recorded/answers.parquet")
    logs = []
    for row in runs[runs["model"].isin(["gpt-oss-120b-high", "glm-4.7"])].to_dict("records"):
        mine = known[known["run"] == row["run"]].rename(columns={"problem_id": "problem", "epoch": "sample"})
        name = f"{row['model']}.{row['benchmark']}.csv"
        mine.drop(columns="run").to_csv(changed.folder / name, index=False)
        kept = ("model", "label", "developer", "release_date", "lineage", "mode", "architecture", "benchmark")
        logs.append({"format": "verdicts", "file": name} | {key: row[key] for key in kept})
    shipped = changed.config["studies"]["recorded"]
    own = {key: shipped[key] for key in ("kind", "labels", "caps", "prices", "serving", "analysis")}
    changed.config["studies"]["own"] = own | {"logs": logs}
    changed.config["run"] = ["own"]
    changed.snakemake()
    folder = changed.folder / "results/own"
    points = pd.read_parquet(folder / "points.parquet")
    points = points[points["cap"].isna()].set_index(["model", "benchmark"])
    for row in runs[runs["model"].isin(["gpt-oss-120b-high", "glm-4.7"])].itertuples():
        point = points.loc[(row.model, row.benchmark)]
        assert point["accuracy"] == pytest.approx(row.accuracy, abs=1e-6)
        assert point["reasoning_tokens"] == pytest.approx(row.output_tokens, abs=1e-3)
        assert point["dollars"] > 0 and point["seconds"] > 0
    assert all(check["passed"] for check in json.loads((folder / "checks.json").read_text())["checks"])
    assert not changed.jobs()


def test_the_findings_of_a_measured_study_are_cells_of_its_tables(workflow):
    assert check_cells(workflow.folder / "results/pocket") > 5
    page = (workflow.folder / "results/pocket/explorer.html").read_text()
    assert "Where does more reasoning stop paying?" in page


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["studies"]["pocket"]["models"].append("pocket-smal"), "pocket-smal"),
        (lambda c: c["studies"]["pocket"]["caps"].insert(3, 9999), "9999"),
        (lambda c: c["models"]["pocket-small"].update(relase_date="2026-01-01"), "relase_date"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_message(changed, spoil, message):
    spoil(changed.config)
    called = changed.snakemake("--dry-run", check=False)
    assert called.returncode == 1
    assert message in called.stdout + called.stderr
    assert "Traceback" not in called.stdout + called.stderr


def test_damaged_weights_fail_the_run_and_say_which_file(tmp_path):
    workflow = Workflow(tmp_path)
    workflow.shrink(["pocket-small"], ["short-chains"], [0, None], 3)
    weights = tmp_path / "data/pocket/models/small/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    called = workflow.snakemake("data/models/pocket-small.json", check=False)
    assert called.returncode == 1
    assert "model.safetensors" in called.stdout + called.stderr
    assert not (tmp_path / "data/models/pocket-small.json").exists()
