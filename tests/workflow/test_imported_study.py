"""Imported logs through the real workflow: from the files of three tools to the report of a study."""

import json
import shutil

import pandas as pd
import pytest

from support.workflow_copy import ROOT, Workflow

LOGS = ROOT / "tests/log_import/logs"
INSPECT = ROOT / ".venv-inspect"
BENCHMARK = "short-chains"
COUNTED = {"prompt_tokens": "read", "output_tokens": "written", "finish_reason": "why"}
"""Columns of a log that counts all tokens."""
needs_inspect = pytest.mark.skipif(not INSPECT.exists(), reason="inspect_ai is installed by `make inspect`")


def copied(folder, logs, **study):
    """Return a copy of the project with a study of these logs, on the eight problems they are of."""
    workflow = Workflow(folder)
    workflow.shrink(["pocket-small"], [BENCHMARK], [0, None], 8)
    shutil.copytree(LOGS, folder / "logs-of-others")
    if INSPECT.exists():
        (folder / ".venv-inspect").symlink_to(INSPECT)
    workflow.config["studies"]["others"] = {
        "kind": "imported",
        "strategy": "cot",
        "samples": 2,
        "logs": {
            model: {
                BENCHMARK: [
                    {"format": form, "file": f"logs-of-others/{file}", **more} for form, file, more in listed
                ]
            }
            for model, listed in logs.items()
        },
        "analysis": {"draws": 200, "seed": 1, "device": "kinetics"},
        **study,
    }
    workflow.config["run"] = ["others"]
    return workflow


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A study of lm-evaluation-harness, and of the same completions as a table, run once."""
    folder = tmp_path_factory.mktemp("imported")
    table = {
        "id": "doc.id",
        "completion": "resps.text",
        "prompt": "prompt",
        "correct": "right",
        "sample": "n",
    }
    logs = {
        "pocket-small": [("lm-eval", "lm-eval-completions.jsonl", {})],
        "pocket-medium": [("table", "table.jsonl", {"columns": table, "max_tokens": 128})],
        "closed": [("table", "table.jsonl", {"columns": table | COUNTED})],
    }
    workflow = copied(folder, logs)
    block = {"label": "Closed", "closed": True, "developer": "Another"}
    workflow.config["models"]["closed"] = block | {
        key: workflow.config["models"]["pocket-small"][key] for key in ("thinking", "sampling")
    }
    rows = map(json.loads, (LOGS / "lm-eval-completions.jsonl").read_text().splitlines())
    with (folder / "logs-of-others/table.jsonl").open("w") as file:
        for row in rows:
            for n, text in enumerate(row["resps"][0]):
                right = f"\\boxed{{{row['target']}}}" in text
                prompt = row["arguments"]["gen_args_0"]["arg_0"]
                one = {"doc": {"id": row["doc"]["id"]}, "resps": {"text": text}, "prompt": prompt, "n": n}
                one |= {"read": len(prompt.split()), "written": len(text.split()), "why": "stop"}
                file.write(json.dumps(one | {"right": right}) + "\n")
    workflow.snakemake()
    return workflow


def results(workflow, name):
    return pd.read_parquet(workflow.folder / "results/others" / name)


def test_an_imported_study_has_every_product(workflow):
    points = results(workflow, "points.parquet")
    assert set(points["model"]) == {"pocket-small", "pocket-medium", "closed"}
    assert set(points["benchmark"]) == {BENCHMARK, "mean"}
    assert points["cap"].isna().all()
    assert (points["samples"] == 2).all()
    assert (points["flops"].isna() == (points["model"] == "closed")).all()
    for name in ("report.zip", "explorer.html", "points.csv", "agreement.csv", "figures/frontier.svg"):
        assert (workflow.folder / "results/others" / name).stat().st_size > 100
    checks = json.loads((workflow.folder / "results/others/checks.json").read_text())["checks"]
    assert all(check["passed"] for check in checks)
    assert not (workflow.folder / "results/others/generated").exists()


def test_the_same_completions_give_the_same_rows_from_either_log(workflow):
    a, b = (
        results(workflow, f"generations/{model}/{BENCHMARK}.cot.parquet")
        for model in ("pocket-small", "pocket-medium")
    )
    pd.testing.assert_frame_equal(a, b)


def test_a_closed_model_has_accuracy_and_tokens_and_no_compute(workflow):
    points = results(workflow, "points.parquet").set_index(["benchmark", "model"])
    closed, other = points.loc[(BENCHMARK, "closed")], points.loc[(BENCHMARK, "pocket-medium")]
    assert closed["accuracy"] == other["accuracy"] and closed["reasoning_tokens"] > 5
    assert pd.isna(closed["architecture"]) and pd.isna(closed["total_params"])
    frontier = results(workflow, "frontier.parquet")
    assert set(frontier.loc[frontier["cost"] == "tokens", "model"]) >= {"closed"}
    assert "closed" not in set(frontier.loc[frontier["cost"] == "flops", "model"])
    saturation = results(workflow, "saturation.parquet").set_index("model")
    assert "architecture is unknown" in saturation.loc["closed", "reason"]
    told = (workflow.folder / "results/others/findings.md").read_text()
    assert "Models whose architecture is unknown are not among them" in told or "cannot tell" in told


def test_a_larger_model_costs_more_on_the_same_tokens(workflow):
    points = results(workflow, "points.parquet").set_index(["benchmark", "model"])["flops"]
    assert points[BENCHMARK, "pocket-medium"] > 2 * points[BENCHMARK, "pocket-small"]


def test_grades_are_made_here_and_the_logs_verdicts_stand_beside_them(workflow):
    agreement = results(workflow, "agreement.parquet").set_index("model")
    assert set(agreement.index) == {
        "pocket-medium",
        "closed",
    }  # with two samples lm_eval's metric is of both together
    assert agreement.loc["pocket-medium", "answers"] == 16
    assert agreement.loc["pocket-medium", "agreement"] == 1
    grades = results(workflow, f"grades/pocket-medium/{BENCHMARK}.cot.parquet")
    assert agreement.loc["pocket-medium", "both_right"] == grades["correct"].sum()


def test_a_second_run_has_nothing_to_do(workflow):
    assert workflow.jobs() == {}


def test_an_edited_log_is_imported_again_and_what_rests_on_it(workflow):
    log = workflow.folder / "logs-of-others/table.jsonl"
    before = log.read_text()
    log.write_text(before.replace("boxed{9}", "boxed{8}"))
    jobs = workflow.jobs()
    log.write_text(before)
    assert jobs["import_logs"] == jobs["grade"] == jobs["count_compute"] == 2 and jobs["report"] == 1
    assert "generate" not in jobs


def test_logs_are_never_planned_as_work(workflow):
    assert workflow.jobs("--", "plan") == {"plan": 1}


def test_a_torn_log_is_one_message_with_all_that_is_wrong(workflow, tmp_path):
    study = copied(tmp_path, {"pocket-small": [("lm-eval", "lm-eval-hf.jsonl", {})]})
    log = tmp_path / "logs-of-others/lm-eval-hf.jsonl"
    lines = log.read_text().splitlines()
    lines[3] = lines[3].replace('"resps"', '"responses"')
    log.write_text("\n".join(lines)[:-200])
    called = study.snakemake(f"results/others/generations/pocket-small/{BENCHMARK}.cot.parquet", check=False)
    assert called.returncode == 1
    said = called.stdout + called.stderr
    assert "2 faults" in said
    assert "`resps` is missing (line 4)" in said
    assert "a line that is not a JSON object (line 8)" in said
    assert "Traceback" not in said
    assert (
        not (tmp_path / "results/others/generations/pocket-small").joinpath(f"{BENCHMARK}.cot.json").exists()
    )


@needs_inspect
def test_inspect_logs_become_a_study_through_inspect_ai(tmp_path):
    logs = {
        "pocket-small": [("inspect", "inspect-vllm.eval", {})],
        "pocket-medium": [("inspect", "inspect-reasoning.json", {})],
        "pocket-moe": [("inspect", "inspect-hf.eval", {})],
    }
    study = copied(tmp_path, logs)
    wanted = [f"results/others/{name}" for name in ("points.parquet", "agreement.parquet")]
    study.snakemake(*wanted)
    points = results(study, "points.parquet")
    assert set(points["model"]) == set(logs)
    agreement = results(study, "agreement.parquet").set_index("model")
    assert (agreement["answers"] == 16).all()
    assert (agreement["agreement"] == 1).all()
    for model in logs:
        facts = json.loads(
            (tmp_path / f"results/others/generations/{model}/{BENCHMARK}.cot.json").read_text()
        )
        counted = facts["sources"]["output"]
        assert counted == ({"counted": 16} if model == "pocket-moe" else {"log": 16})
    log = (tmp_path / "logs-of-others/inspect-vllm.eval").read_bytes()
    (tmp_path / "logs-of-others/inspect-vllm.eval").write_bytes(log[: len(log) // 2])
    called = study.snakemake(*wanted, check=False)
    assert "inspect_ai cannot read it" in called.stdout + called.stderr
    assert "copy it again" in called.stdout + called.stderr


def test_a_model_whose_log_is_damaged_costs_no_report_of_the_others(workflow):
    log = workflow.folder / "logs-of-others/lm-eval-completions.jsonl"
    before = log.read_text()
    log.write_text(before[:-200])
    called = workflow.snakemake(check=False)
    log.write_text(before)
    assert called.returncode != 0
    assert "others: pocket-small is left out of the report" in called.stdout + called.stderr
    findings = (workflow.folder / "results/others/findings.md").read_text()
    assert "Which models are missing?" in findings and "a line that is not a JSON object" in findings
    assert set(results(workflow, "points.parquet")["model"]) == {"pocket-medium", "closed"}
