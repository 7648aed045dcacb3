"""What all tests share.

One OpenMP thread per process: a second loses more than it wins as soon as anything else uses the cores.
"""

import copy
import os
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from support import forks, small_study
from support.synthetic_study import measured_once, published_once

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser):
    parser.addoption("--write-docs", action="store_true", help="write the pages of docs/ that tests make")
    parser.addoption("--real-processes", action="store_true", help="start Snakemake and its jobs anew, not as forks")


def pytest_configure(config):
    """The servers of `support.forks` belong to the process that starts the workers."""
    if not hasattr(config, "workerinput") and not config.getoption("--real-processes"):
        config.add_cleanup(partial(forks.end, forks.prepare()))


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
