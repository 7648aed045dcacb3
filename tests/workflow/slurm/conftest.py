"""A SLURM of one node for all tests of this folder; without one they are skipped, saying what to install."""

import pytest

import cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    if reason := cluster.missing():
        pytest.skip(reason)
    with cluster.Cluster(tmp_path_factory.mktemp("slurm")) as node:
        yield node
