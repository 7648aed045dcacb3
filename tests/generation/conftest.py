"""What the tests of generation share."""

import pytest

from support.jobs import Forks


@pytest.fixture(scope="session")
def forks():
    """The process that jobs are forked from; modules that use it share a worker, so it starts once."""
    with Forks() as forks:
        yield forks
