"""The GPUs of a node: counted when a run starts, filled by its jobs, and never fewer than a model needs."""

import re

import pytest
import yaml

from support.workflow_copy import ROOT, Workflow

MODELS = ["pocket-small", "pocket-medium", "pocket-large"]


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    copy = Workflow(tmp_path_factory.mktemp("devices") / "copy")
    copy.shrink(MODELS, ["short-chains"], [0, None], 8)
    engine = copy.config["studies"]["pocket"]["engine"]
    engine |= {"device": "cuda"}
    engine.pop("kv_cache_gib")
    for model in MODELS:
        copy.config["models"][model] |= {"gpus": 1, "runtime_minutes": 60}
    return copy


def ask(workflow, models, visible, *arguments, gpus=None, minutes=None):
    """Return GPUs and minutes of each model's job on a node with the devices `visible`, by a dry run."""
    workflow.config["studies"]["pocket"]["models"] = models
    for model in MODELS:
        block = workflow.config["models"][model]
        block |= {"gpus": (gpus or {}).get(model, 1), "runtime_minutes": (minutes or {}).get(model, 60)}
    called = workflow.snakemake(
        "--dry-run", "--quiet", "host", *arguments, variables={"CUDA_VISIBLE_DEVICES": visible}
    )
    jobs = re.findall(
        r"^rule generate:.*?wildcards: .*?model=(.*?),.*?resources: (.*?)$",
        called.stdout + called.stderr,
        re.MULTILINE | re.DOTALL,
    )
    found = {}
    for model, resources in jobs:
        found[model] = tuple(int(re.search(rf"\b{name}=(\d+)", resources)[1]) for name in ("gpu", "runtime"))
    return found


def test_one_model_fills_eight_devices(workflow):
    eight = "0,1,2,3,4,5,6,7"
    assert ask(workflow, MODELS[:1], eight) == {MODELS[0]: (8, 8)}
    assert ask(workflow, MODELS[:1], "3") == {MODELS[0]: (1, 60)}
    assert ask(workflow, MODELS[:1], "") == {MODELS[0]: (1, 60)}, "no GPU here"
    assert ask(workflow, MODELS[:1], eight, gpus={MODELS[0]: 2}) == {MODELS[0]: (8, 15)}
    assert ask(workflow, MODELS[:1], eight, gpus={MODELS[0]: 3}) == {MODELS[0]: (6, 30)}
    assert ask(workflow, MODELS[:1], eight, "--resources", "gpu=2") == {MODELS[0]: (2, 30)}


def test_devices_are_shared_by_time(workflow):
    minutes = {MODELS[0]: 300, MODELS[1]: 60, MODELS[2]: 40}
    found = ask(workflow, MODELS, "0,1,2,3,4,5,6,7", minutes=minutes)
    assert {model: gpu for model, (gpu, _) in found.items()} == {MODELS[0]: 6, MODELS[1]: 2, MODELS[2]: 1}


@pytest.mark.parametrize(
    ("visible", "arguments", "wanted"),
    [
        ("0,1", ["--resources", "gpu=1"], "rerun the command with --resources gpu=2"),
        (
            "0",
            [],
            "this node has 1 (`nvidia-smi` lists them). Nothing was started: set `gpus` of the model to fit",
        ),
        ("", [], "this node has 0"),
    ],
)
def test_a_run_with_fewer_than_a_model_needs_is_refused(workflow, visible, arguments, wanted):
    workflow.config["studies"]["pocket"]["models"] = MODELS[:1]
    workflow.config["models"][MODELS[0]]["gpus"] = 2
    called = workflow.snakemake(*arguments, check=False, variables={"CUDA_VISIBLE_DEVICES": visible})
    said = called.stdout + called.stderr
    assert called.returncode == 1 and "its model needs 2 GPUs, but this run is limited to 1" in said
    assert wanted in said
    assert not (workflow.folder / "data/models").exists()


def test_a_run_with_an_unpinned_proposal_is_refused_before_anything_is_fetched(tmp_path):
    copy = Workflow(tmp_path / "copy")
    wanted = "data/models/math-shepherd.json"
    copy.config["run"] = ["strategies"]
    called = copy.snakemake("--", wanted, check=False)
    said = " ".join((called.stdout + called.stderr).split())
    assert called.returncode == 1 and "models.math-shepherd.revision: refs/pr/5 may change" in said
    assert "commits/refs%2Fpr%2F5 lists first" in said and not (copy.folder / "data/hub").exists()
    copy.config["models"]["math-shepherd"]["revision"] = "0" * 40
    assert "may change" not in copy.snakemake("--dry-run", "--", wanted).stderr


@pytest.mark.parametrize("name", ["strategies", "open-reasoning"])
def test_every_model_of_a_study_is_pinned_or_says_that_it_must_be(name):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    rewards = {config["strategies"][s].get("reward") for s in config["studies"][name]["strategies"]} - {None}
    for model in {*config["studies"][name]["models"], *rewards}:
        revision = config["models"][model]["revision"]
        assert re.fullmatch(r"[0-9a-f]{40}|refs/pr/\d+", revision), model
