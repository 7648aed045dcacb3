"""The order of the tests names files that are there, and keeps together what shares a fixture."""

from support import distribution
from support.paths import TESTS


def test_what_is_named_is_there():
    files = {*distribution.NAMES, *distribution.APART} | {
        name for name in distribution.LONGEST if ".py" in name
    }
    assert [name for name in sorted(files) if not (TESTS / name).exists()] == []


def test_a_group_is_a_file_or_several_or_a_single_test():
    named, alone = "tests/workflow/test_reruns.py::a[b::c]", "tests/workflow/test_interruptions.py::a"
    split = distribution.Scheduling._split_scope
    assert split(None, named) == "the small study"
    assert split(None, "tests/core/test_files.py::a") == "core/test_files.py"
    assert split(None, alone) == alone
