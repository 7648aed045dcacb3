"""Which tests share a worker, and which start first: `--dist loadgroup --no-loadscope-reorder` keeps to it.

The tests of a file stay together, for its fixtures, and files whose fixtures are the same do too. The longest come
first, so that all workers end at about the same time.
"""

import pytest

from support.paths import ROOT

TOGETHER = {
    "the small study": (
        "workflow/test_reruns.py",
        "workflow/test_workflow.py",
        "workflow/test_contributing.py",
    ),
    "the synthetic study": ("report/test_explorer.py", "report/test_figures.py"),
}
APART = {"workflow/test_interruptions.py"}
"""Files whose tests share nothing."""
SECONDS: dict[str, int] = {}
"""About how long the longest groups take."""
NAMES = {file: name for name, files in TOGETHER.items() for file in files}


def distribute(items: list[pytest.Item]) -> None:
    """Give every test its group, and sort the tests by group."""
    names = {}
    for item in items:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        marker = item.get_closest_marker("xdist_group")
        names[item] = marker.args[0] if marker else NAMES.get(file, file)
        if not marker and file not in APART:
            item.add_marker(pytest.mark.xdist_group(names[item]))
    items.sort(key=lambda item: -SECONDS.get(names[item], 0))
