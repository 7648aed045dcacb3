"""The steps of CONTRIBUTING.md, done as they stand there."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile

import pandas as pd
import pytest
import yaml

from support.expected_jobs import ALL, tables
from support.small_study import BENCHMARKS, MODELS
from support.workflow_copy import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def block(name: str) -> dict:
    """Return the YAML block that is to be pasted under `name`."""
    found = re.search(rf"^   ```yaml\n(   {name}:.*?)^   ```", TEXT, re.MULTILINE | re.DOTALL)[1]
    return yaml.safe_load(found)[name]


def test_a_model_is_added(changed):
    changed.config["models"]["my-model"] = block("my-model")
    changed.config["studies"]["pocket"]["models"].append("my-model")
    own = {"download_model": 1, "describe_model": 1, "plot_context": 1}
    assert changed.jobs() == own | tables(1) | ALL


def test_a_model_is_counted_from_its_trace(changed):
    """Its figures change, its answers do not."""
    name = next(iter(MODELS))
    changed.config["models"][name]["flops"] = "traced"
    own = {"trace_architecture": 1, "describe_model": 1, "plot_context": 1, "count_compute": len(BENCHMARKS)}
    jobs = changed.jobs()
    assert {rule: jobs.get(rule) for rule in own} == own
    assert not {"generate", "grade", "download_model"} & set(jobs)


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


def test_a_strategy_is_added(changed):
    changed.config["strategies"]["my_strategy"] = block("my_strategy")
    changed.config["studies"]["pocket"]["strategies"] = ["cot", "my_strategy"]
    assert changed.jobs() == tables(len(MODELS)) | ALL


def snippets(heading: str) -> list[tuple[str, str]]:
    """Return the code blocks below a heading, each with the last path in backticks before it, in their order."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found, path = [], ""
    for words, code in re.findall(r"(.*?)^   ```\w+\n(.*?)^   ```$", part, re.MULTILINE | re.DOTALL):
        named = re.findall(r"`((?:workflow|analysis|generation)/[\w./]+\.\w+)`", words)
        path = named[-1] if named else path
        found.append(
            (path if path.startswith("workflow/") else f"workflow/frontiers/{path}", textwrap.dedent(code))
        )
    return found


def insert(path, after: str, code: str) -> None:
    """Put indented lines behind the line that starts with `after`."""
    text = path.read_text()
    assert text.count(f"\n{after}") == 1
    path.write_text(text.replace(f"\n{after}\n", f"\n{after}\n{code}"))


def test_an_analysis_with_a_figure_is_added(workflow, tmp_path):
    copy = workflow.copied(tmp_path / "copy")
    touched = set()
    for path, code in snippets("Add an analysis with a figure"):
        touched.add(path)
        if path.endswith("registry.py"):
            kind = "ANALYSES" if code.startswith("Analysis(") else "FIGURES"
            insert(copy.folder / path, f"{kind} = (", f"    {code.rstrip()},\n")
        else:
            (copy.folder / path).write_text(code)
    assert len(touched) == 6
    jobs = copy.jobs()
    assert jobs == dict.fromkeys(
        ("measure_spread", "plot_spread", "check_results", "report", "write_index"), 1
    )
    copy.snakemake()
    table = pd.read_parquet(copy.folder / "results/pocket/spread.parquet")
    assert sorted(table["model"]) == sorted(MODELS) and (table["lowest"] <= table["highest"]).all()
    assert (copy.folder / "results/pocket/figures/spread.svg").stat().st_size > 1000
    with zipfile.ZipFile(copy.folder / "results/pocket/report.zip") as report:
        pages = b"".join(report.read(name) for name in report.namelist())
    assert b"Lowest and highest accuracy of each model" in pages and b"Accuracy over benchmarks" in pages
    assert copy.jobs() == {}


def test_a_strategy_method_is_added(workflow, tmp_path):
    copy = workflow.copied(tmp_path / "copy")
    (registry, entry), (functions, function), (caller, case) = snippets("Add a strategy method")
    insert(copy.folder / registry, "METHODS = {", f"    {entry}")
    path = copy.folder / functions
    path.write_text(f"{path.read_text()}\n\n{function}")
    insert(copy.folder / caller, '        match selection["select"]:', textwrap.indent(case, 12 * " "))
    copy.config["strategies"]["any_of_2"] = {"label": "Any of 2", "method": "pass_at_n", "of": "cot", "n": 2}
    copy.config["studies"]["pocket"] |= {"strategies": ["cot", "any_of_2"], "samples": 2}
    jobs = copy.jobs()
    assert jobs["combine_samples"] == len(MODELS) * len(BENCHMARKS) and jobs["plot_strategies"] == 1
    program = (
        "from frontiers.analysis.strategies import expected_choice;"
        "print(expected_choice.any_right([1.0, 0.0, 0.0], 2), expected_choice.any_right([0.0] * 3, 2))"
    )
    called = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(copy.folder / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert called.stdout.split() == [str(1 - 1 / 3), "0.0"]


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


def test_an_unknown_class_gets_a_start_for_its_family(tmp_path):
    """Qwen 3 is taken out; what the command prints, with the fields that remain skipped, counts it as before."""
    pytest.importorskip("transformers")
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    families = tmp_path / "workflow/frontiers/compute/families"
    qwen = families / "qwen.py"
    without = qwen.read_text().replace('    "Qwen3ForCausalLM": Family("qwen3", _qwen3),\n', "")
    assert without != qwen.read_text()
    qwen.write_text(without)
    small = ROOT / "data/pocket/models/small"
    command = re.search(r"python (workflow/scripts/describe_architecture\.py) config\.json", TEXT)[1]
    environment = {"PYTHONPATH": str(tmp_path / "workflow")}
    described = subprocess.run(
        [sys.executable, tmp_path / command, small / "config.json"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert described.returncode == 0, described.stderr
    assert (
        "Qwen3MoeForCausalLM" in described.stdout
        and "fields that nobody reads: max_window_layers" in described.stdout
    )
    start = described.stdout.partition("compute/families/:\n\n")[2]
    start = start.replace("    mixer =", '    fields.skip("layer_types", "max_window_layers")\n    mixer =')
    (families / "qwen3.py").write_text(start)
    package = (families / "__init__.py").read_text().replace("    qwen,\n", "    qwen,\n    qwen3,\n", 2)
    (families / "__init__.py").write_text(package)
    program = (
        "import json, sys; from frontiers.compute import read_architecture;"
        "print(read_architecture(json.loads(sys.argv[1])).parameters())"
    )
    called = subprocess.run(
        [sys.executable, "-c", program, (small / "config.json").read_text()],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert called.returncode == 0, called.stderr
    assert int(called.stdout) == json.loads((small / "training.json").read_text())["parameters"]
