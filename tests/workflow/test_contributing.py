"""The steps of CONTRIBUTING.md, done as they stand there."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from support.expected_jobs import ALL, tables
from support.small_study import BENCHMARKS, MODELS
from support.workflow_copy import ROOT

runs_a_study = pytest.mark.slow  # minutes

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def block(name: str) -> dict:
    """Return the YAML block that is to be pasted under `name`."""
    found = re.search(rf"^   ```yaml\n(   {name}:.*?)^   ```", TEXT, re.MULTILINE | re.DOTALL)[1]
    return yaml.safe_load(found)[name]


@runs_a_study
def test_a_model_is_added(changed):
    changed.config["models"]["my-model"] = block("my-model")
    changed.config["studies"]["pocket"]["models"].append("my-model")
    own = {"download_model": 1, "describe_model": 1, "plot_context": 1}
    assert changed.jobs() == own | tables(1) | ALL


@runs_a_study
def test_a_benchmark_is_added_and_the_first_run_says_its_checksum(changed):
    wanted = block("my-benchmark")
    problem = dict.fromkeys(("id", "question", "licence", "source"), "x") | {
        "answer": "1",
        "answer_type": "number",
    }
    (changed.folder / wanted["path"]).write_text(json.dumps(problem) + "\n")
    changed.config["benchmarks"]["my-benchmark"] = wanted
    made = "data/benchmarks/my-benchmark.jsonl"
    called = changed.snakemake(made, check=False)
    assert called.returncode == 1
    wanted["sha256"] = re.search(r"its sha256 is ([0-9a-f]{64})", called.stdout + called.stderr)[1]
    changed.snakemake(made)
    changed.config["studies"]["pocket"]["benchmarks"].append("my-benchmark")
    assert changed.jobs() == {**tables(len(MODELS), 1), "generate": len(MODELS)} | ALL
    assert len(BENCHMARKS) == 2


@runs_a_study
def test_a_strategy_is_added(changed):
    changed.config["strategies"]["my_strategy"] = block("my_strategy")
    changed.config["studies"]["pocket"]["strategies"] = ["cot", "my_strategy"]
    assert changed.jobs() == tables(len(MODELS)) | ALL


def test_an_architecture_family_is_added(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    families = tmp_path / "workflow/frontiers/compute/families"
    (families / "mine.py").write_text(
        "from frontiers.compute.config_json import Fields\n"
        "from frontiers.compute.families.common import Body, Family, attention, dense, uniform\n\n\n"
        "def _mine(fields: Fields) -> Body:\n"
        "    return Body(uniform(fields, attention(fields), dense(fields)))\n\n\n"
        'FAMILIES = {"MyForCausalLM": Family("mine", _mine)}\n'
    )
    package = (families / "__init__.py").read_text()
    package = package.replace("    llama,\n", "    llama,\n    mine,\n", 2)
    (families / "__init__.py").write_text(package)
    small = ROOT / "data/pocket/models/small"
    config, trained = (json.loads((small / name).read_text()) for name in ("config.json", "training.json"))
    norms = (
        2 * config["head_dim"] * config["num_hidden_layers"]
    )  # of queries and keys, which this family has not
    config |= {"architectures": ["MyForCausalLM"], "model_type": "mine"}
    del config["layer_types"], config["max_window_layers"]  # which this family would have to read
    program = (
        "import json, sys; from frontiers.compute import read_architecture;"
        "print(read_architecture(json.loads(sys.argv[1])).parameters())"
    )
    called = subprocess.run(
        [sys.executable, "-c", program, json.dumps(config)],
        env={"PYTHONPATH": str(tmp_path / "workflow")},
        capture_output=True,
        text=True,
    )
    assert called.returncode == 0, called.stderr
    assert int(called.stdout) == trained["parameters"] - norms
