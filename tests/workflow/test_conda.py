"""The workflow under `snakemake --use-conda`: every environment of a CPU made, activated and used.

With the conda on PATH; where there is none, with the stand-in of stand_in_conda/. See docs/guide/environments.md.
The environments, 4 GB, go when the tests end, unless SNAKEMAKE_CONDA_PREFIX names a folder to keep them in.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from support import completions_server, environments
from support.workflow_copy import ROOT, Workflow

pytestmark = pytest.mark.conda
STAND_IN = ROOT / "tests/support/stand_in_conda"
BENCHMARK = "short-chains"
MODELS = ["pocket-small", "pocket-direct"]
LOGS = {
    "pocket-small": ("lm-eval", "lm-eval-completions.jsonl"),
    "pocket-medium": ("inspect", "inspect-reasoning.json"),
}
TARGETS = [
    "all",
    "plan",
    "status",
    f"results/served/generations/pocket-small/{BENCHMARK}.cot.parquet",
    "results/train_pocket/small/training.json",
    f"results/draw_pocket/{BENCHMARK}.jsonl",
]
# The judge's scripts run in environments that the others prove.
NOT_RUN = {"list_asks", "apply_judge", "measure_judge"}
# The configuration refuses a reward model where an endpoint decodes.
NEVER = ("score_samples", "generate-endpoint")


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """The folder of the `conda` to use."""
    if found := shutil.which("conda"):
        return Path(found).parent
    root = tmp_path_factory.mktemp("conda")
    channel = root / "channels/conda-forge"
    subprocess.run([sys.executable, STAND_IN / "channel.py", channel, "pip"], check=True)
    binaries = root / "bin"
    binaries.mkdir()
    shutil.copy(STAND_IN / "activate", binaries)
    command = f'#!/bin/sh\nexec {sys.executable} -I {STAND_IN}/command.py {root} "$@"\n'
    (binaries / "conda").write_text(command)
    (binaries / "conda").chmod(0o755)
    yield binaries
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def decoys(tmp_path_factory):
    """Variables of a caller whose home and PYTHONPATH hold packages that no job may take."""
    folder = tmp_path_factory.mktemp("decoys")
    home = folder / f"home/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    version = environments.lock("requirements.txt")["numpy"]
    (home / f"numpy-{version}.dist-info").mkdir(parents=True)
    (home / f"numpy-{version}.dist-info/METADATA").write_text(
        f"Metadata-Version: 2.1\nName: numpy\nVersion: {version}\n"
    )
    (folder / "path").mkdir()
    for module in (
        home / "numpy.py",
        home / "pyarrow.py",
        folder / "path/seaborn.py",
        folder / "path/scipy.py",
    ):
        module.write_text("raise RuntimeError('taken from the caller')\n")
    return {"PYTHONUSERBASE": str(folder / "home"), "PYTHONPATH": str(folder / "path")}


@pytest.fixture(scope="module")
def study(conda, decoys, tmp_path_factory):
    """Small studies of every kind, run once; `records` are what the processes of the environments were."""
    folder = tmp_path_factory.mktemp("study")
    workflow = Workflow(folder)
    # Samples that a reward model chooses among, and a tree that it guides.
    workflow.shrink(MODELS, [BENCHMARK], [0, 8, None], 8, strategies=["cot", "best_4", "rebase_3"], samples=4)
    shorten_training(folder / "data/pocket/recipes.yaml")
    shutil.copytree(ROOT / "tests/log_import/logs", folder / "logs-of-others")
    logs = {
        model: {BENCHMARK: [{"format": form, "file": f"logs-of-others/{file}"}]}
        for model, (form, file) in LOGS.items()
    }
    studies = workflow.config["studies"]
    analysis = {"draws": 200, "seed": 1, "device": "kinetics"}
    studies["others"] = {
        "kind": "imported",
        "strategy": "cot",
        "samples": 2,
        "logs": logs,
        "analysis": analysis,
    }
    workflow.config["run"] = ["pocket", "published", "others"]
    recorded = folder / "recorded"
    recorded.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), str(conda), os.environ["PATH"]])
    kept = Path(os.environ.get("SNAKEMAKE_CONDA_PREFIX") or folder / "conda")
    variables = {**decoys, "PATH": path, "RECORDED": str(recorded), "SNAKEMAKE_CONDA_PREFIX": str(kept)}
    # Few of the modules that are installed are ever imported: those are compiled then.
    variables["PIP_NO_COMPILE"] = "1"
    with completions_server.serving(completions_server.Completions()) as url:
        engine = {"kind": "endpoint", "url": url, "max_model_len": 256, "max_num_seqs": 8}
        studies["served"] = {**studies["pocket"], "models": ["pocket-small"], "engine": engine}
        studies["served"]["strategies"] = ["cot"]
        del studies["served"]["plan"]
        run = ("--use-conda", *TARGETS)
        workflow.snakemake(*run, "--conda-create-envs-only", variables=variables, timeout=2400)
        # A folder that is kept may hold what an earlier list made.
        made = {names[0]: prefix for prefix, names in prefixes(kept).items() if names}
        for prefix in made.values():
            (site,) = prefix.glob("lib/python*/site-packages")
            shutil.copy(STAND_IN / "recorder.py", site)
            (site / "recorder.pth").write_text("import recorder\n")
        workflow.snakemake(*run, variables=variables, timeout=1200)
    records = [json.loads(file.read_text()) for file in recorded.iterdir()]
    yield SimpleNamespace(workflow=workflow, made=made, records=records, variables=variables)
    shutil.rmtree(folder)


def shorten_training(path):
    """Leave a few steps of the recipes: what is trained is of no use, but it is trained and written."""
    recipes = yaml.safe_load(path.read_text())
    for recipe in recipes["models"].values():
        recipe["phases"] = [{**recipe["phases"][-1], "steps": 5}]
    path.write_text(yaml.safe_dump(recipes))


def prefixes(folder):
    """Return the environments that Snakemake has made in a folder, with the name of the list of each."""
    texts = defaultdict(list)
    for name in environments.NAMES:
        texts[(environments.ENVS / f"{name}.yaml").read_text()].append(name)
    return {file.with_suffix(""): texts[file.read_text()] for file in folder.glob("*.yaml")}


def test_every_environment_of_a_cpu_is_made(study):
    assert set(study.made) == set(environments.NAMES) - {"generate-gpu"}


def test_every_script_runs_in_the_environment_of_its_rule(study):
    """...and a rule's environment is no other's, so none runs in two."""
    ran = defaultdict(set)
    for record in study.records:
        script = Path(record["arguments"][0])
        if script.parent.name == "scripts":
            ran[script.stem].add(Path(record["executable"]).parents[1])
    of = defaultdict(set)
    for command in environments.commands():
        if command["script"]:
            script = Path(command["script"]).stem
            of[script] |= {e for e in command["environments"] if e != "generate-gpu" and (script, e) != NEVER}
    expected = {script: {study.made[name] for name in names} for script, names in of.items()}
    assert dict(ran) == {script: made for script, made in expected.items() if script not in NOT_RUN}


def test_no_package_comes_from_outside_the_environment(study):
    """Whatever a process has imported is its environment's, Python's own library included, or the project's."""
    package = study.workflow.folder / "workflow"
    for record in study.records:
        prefix = Path(record["executable"]).parents[1]
        assert prefix in study.made.values()
        allowed = (prefix, package, study.workflow.folder / "Snakefile")
        # `python -m`, by which vLLM looks at a model, puts the folder it runs in first; Snakemake adds an empty one.
        folder = study.workflow.folder
        empty = (folder, folder / ".snakemake/pip-deployments")
        outside = [
            entry
            for entry in map(folder.joinpath, record["path"])
            if entry not in empty and not any(entry.is_relative_to(top) for top in allowed)
        ]
        assert not outside
        files = {name: file for name, file in record["files"].items() if file and Path(file).is_absolute()}
        strange = {n: f for n, f in files.items() if not any(Path(f).is_relative_to(top) for top in allowed)}
        assert not strange, record["arguments"]


def test_what_is_installed_is_what_the_lists_pin(study):
    for name, prefix in study.made.items():
        listed = [prefix / "bin/python", "-m", "pip", "list", "--format", "json"]
        said = subprocess.run(listed, capture_output=True, check=True, env={"PYTHONNOUSERSITE": "1"}).stdout
        installed = {
            environments.canonicalize_name(package["name"]): package["version"]
            for package in json.loads(said)
        }
        for distribution, requirement in environments.environment(name).pip.items():
            (pin,) = requirement.specifier
            assert installed[distribution] == pin.version


def test_the_studies_have_their_products_and_pass_their_checks(study):
    for name in ("pocket", "published", "others"):
        folder = study.workflow.folder / "results" / name
        checks = json.loads((folder / "checks.json").read_text())["checks"]
        assert len(checks) > 5
        assert all(check["passed"] for check in checks)
        assert (folder / "report.zip").stat().st_size > 100_000
        assert len(pd.read_parquet(folder / "points.parquet"))


def test_a_second_run_has_nothing_to_do(study):
    jobs = study.workflow.snakemake("--use-conda", "--dry-run", "all", variables=study.variables)
    assert "Nothing to be done" in jobs.stdout + jobs.stderr


def test_a_package_taken_from_an_environment_is_missed(study):
    """The caller has seaborn, in its own environment and on its PYTHONPATH: neither serves the job."""
    (installed,) = study.made["figures"].glob("lib/python*/site-packages/seaborn")
    installed.rename(installed.with_name("taken"))
    figure = "results/pocket/figures/caps.svg"
    run = ("--use-conda", "--forcerun", "plot_caps", "--", figure)
    called = study.workflow.snakemake(*run, variables=study.variables, check=False)
    installed.with_name("taken").rename(installed)
    assert called.returncode == 1
    assert "No module named 'seaborn'" in called.stdout + called.stderr
    study.workflow.snakemake(*run, variables=study.variables)
    assert (study.workflow.folder / figure).exists()
