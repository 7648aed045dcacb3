"""A small pocket study, run once by the real workflow: two local models and one of a Hub on this machine."""

from pathlib import Path

import pytest

from support import hub_server
from support.hub_server import COMMIT, Hub, Repository
from support.workflow_copy import ROOT, Workflow

MODELS = ["pocket-small", "pocket-hybrid", "pocket-direct"]
BENCHMARKS = ["short-chains", "middle-chains"]
CAPS = [0, 8, 24, None]
PROBLEMS = 24
FETCHED = "pocket-direct"
"""The model that comes from the Hub."""


def run_once(folder: Path) -> Workflow:
    """Run the study in a copy of the project at `folder`."""
    workflow = Workflow(folder)
    workflow.shrink(MODELS, BENCHMARKS, CAPS, PROBLEMS)
    block = workflow.config["models"][FETCHED]
    files = {path.name: path.read_bytes() for path in (ROOT / block.pop("path")).iterdir()}
    block |= {"repository": "pocket/direct", "revision": COMMIT}
    hub = Hub({"models/pocket/direct": Repository(files)})
    with hub_server.serving(hub) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", address)
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        workflow.snakemake()
    return workflow
