"""The GPUs of a node: counted when a run starts, filled by its jobs, and never fewer than a model needs."""

import re

import pytest

from support.workflow_copy import Workflow

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
