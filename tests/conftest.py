"""What all tests share.

One OpenMP thread per process: a second loses more than it wins as soon as anything else uses the cores. One cache of
vLLM, which starts a process for every class of models that it does not hold.
"""

import copy
import fcntl
import os
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("VLLM_CACHE_ROOT", str(Path(__file__).parents[1] / ".pytest_cache/vllm"))

import pytest
from hypothesis import settings

from support import distribution, forks, small_study
from support.synthetic_study import measured_once, published_once

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser):
    parser.addoption("--write-docs", action="store_true", help="write the pages of docs/ that tests make")
    parser.addoption(
        "--real-processes",
        action="store_true",
        help="start Snakemake and its jobs anew instead of forking them",
    )


def pytest_configure(config):
    """Start no server yet; they belong to the process that starts the workers, and end with it."""
    if not hasattr(config, "workerinput") and not config.getoption("--real-processes"):
        config.add_cleanup(partial(forks.end, forks.prepare()))


def pytest_xdist_make_scheduler(config, log):
    return distribution.Scheduling(config, log)


def pytest_collection_modifyitems(items):
    distribution.sort(items)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A function that makes a folder, by its name, in the worker that comes first, while the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name, make):
        with open(base / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (base / name).exists():
                make(base / f"{name}.new")
                (base / f"{name}.new").rename(base / name)
        return base / name

    return made


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    return measured_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return published_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def workflow(tmp_path_factory):
    """The small study, run once."""
    return small_study.run_once(tmp_path_factory.mktemp("study"))


@pytest.fixture
def changed(workflow):
    """The finished study; its configuration and the files that `edit` has changed are put back after the test."""
    before = copy.deepcopy(workflow.config)
    yield workflow
    workflow.config = before
    workflow.restore()
