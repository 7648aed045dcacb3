"""What the README says to paste and to type, done as it stands there."""

import json
import re
import shutil

import pytest
import yaml

from support import hub_server
from support.expected_jobs import ALL, tables
from support.hub_server import Hub, Repository
from support.small_study import MODELS
from support.workflow_copy import ROOT

TEXT = (ROOT / "README.md").read_text()
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
TARGETS = re.findall(r"^## ([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def snippet(name: str) -> dict:
    """Return the YAML that is to be pasted, by the name that it defines."""
    found = re.search(rf"^```yaml\n(  +{name}:.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1]
    return yaml.safe_load(found)[name]


def test_it_is_short():
    assert len(TEXT.splitlines()) < 150


def test_the_model_is_added_and_downloaded(changed, monkeypatch):
    wanted = snippet("my-model")
    changed.config["models"]["my-model"] = wanted
    changed.config["studies"]["pocket"]["models"].append("my-model")
    own = {"download_model": 1, "describe_model": 1, "plot_context": 1}
    assert changed.jobs() == own | tables(1) | ALL
    files = {path.name: path.read_bytes() for path in (ROOT / "data/pocket/models/medium").iterdir()}
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    served = Repository(files, commit=wanted["revision"])
    with hub_server.serving(Hub({f"models/{wanted['repository']}": served})) as address:
        changed.snakemake("data/models/my-model.json", variables={"HF_ENDPOINT": address})
    manifest = json.loads((changed.folder / "data/models/my-model.json").read_text())
    assert manifest["revision"] == wanted["revision"]


def test_the_benchmark_is_added_after_one_message(changed):
    wanted = snippet("my-benchmark")
    fields = re.findall(r"`(\w+)`", re.search(r"one JSON object per line with (.*?)\. ", TEXT)[1])
    problem = dict.fromkeys(fields, "x") | {"answer": "1", "answer_type": wanted["answer_type"]}
    lines = [json.dumps(problem | {"id": f"p{number}"}) for number in range(2)]
    (changed.folder / wanted["path"]).write_text("\n".join(lines) + "\n")
    changed.config["benchmarks"]["my-benchmark"] = wanted
    made = "data/benchmarks/my-benchmark.jsonl"
    called = changed.snakemake(made, check=False)
    said = called.stdout + called.stderr
    wanted["sha256"] = re.search(r"its sha256 is ([0-9a-f]{64})", said)[1]
    wanted["rows"] = int(re.search(r"has (\d+) rows, not 1", said)[1])
    changed.snakemake(made)
    changed.config["studies"]["pocket"]["benchmarks"].append("my-benchmark")
    assert changed.jobs() == {**tables(len(MODELS), 1), "generate": len(MODELS)} | ALL


def test_the_logs_are_planned_as_a_study(changed):
    changed.config["models"]["my-model"] = snippet("my-model")
    changed.config["studies"]["others"] = snippet("others")
    changed.config["run"] = ["others"]
    log = changed.folder / snippet("others")["logs"]["my-model"]["gsm8k"][0]["file"]
    log.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "tests/log_import/logs/lm-eval-hf.jsonl", log)
    jobs = changed.jobs()
    assert jobs["import_logs"] == 1 and jobs["report"] == 1 and "generate" not in jobs


def test_the_endpoint_decodes_in_place_of_an_engine(changed):
    changed.config["studies"]["pocket"]["engine"] = snippet("engine")
    jobs = changed.jobs()
    assert jobs["generate"] == len(MODELS) and jobs["report"] == 1


@pytest.mark.parametrize("command", re.findall(r"^\.venv/bin/snakemake (.*)$", TEXT, re.MULTILINE))
def test_a_snakemake_command_plans_its_jobs(workflow, command):
    words = [word.strip("'") for word in command.split() if not word.startswith("#")]
    study = next(re.findall(r"\w[\w-]*", word.split("=")[1])[0] for word in words if word.startswith("run="))
    assert study in CONFIG["studies"]
    if "--workflow-profile" in words:
        assert (ROOT / words[words.index("--workflow-profile") + 1] / "config.yaml").exists()
        return
    kept = [word for word in words if word != "--use-conda"]
    # Its targets last: `--quiet host` of the dry run would take what follows it for its own.
    targets = kept[: kept.index("--cores")]
    assert workflow.jobs(*kept[len(targets) + 2 :], "--", *targets)


@pytest.mark.parametrize("target", re.findall(r"(?:`|^)make (\w[\w-]*)", TEXT, re.MULTILINE))
def test_a_target_of_make_is_there(target):
    assert target in TARGETS
