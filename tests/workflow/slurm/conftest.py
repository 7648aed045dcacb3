"""A SLURM of one node for all tests of this folder; without one they are skipped, saying what to install."""

import pytest

from support import slurm_cluster as cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    if reason := cluster.missing():
        pytest.skip(reason)
    with cluster.Cluster(tmp_path_factory.mktemp("slurm")) as node:
        yield node
