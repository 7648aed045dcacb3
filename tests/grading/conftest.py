"""Graders that the tests of grading share: starting their processes takes seconds."""

import pytest

from frontiers.grading.grader import Grader


@pytest.fixture(scope="session")
def grader():
    with Grader(workers=2) as grader:
        yield grader


@pytest.fixture(scope="session")
def hasty_grader():
    """A grader that gives up on an answer after half a second."""
    with Grader(workers=2, timeout=0.5, memory=2**30) as grader:
        yield grader
