"""Which tests share a worker of pytest-xdist, and which start first.

The tests of a file stay together, for its fixtures, and files with the same fixtures do too. The longest come first, so
that all workers end at about the same time.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "the small study": (
        "workflow/test_reruns.py",
        "workflow/test_workflow.py",
        "workflow/test_contributing.py",
    ),
    "jobs": ("generation/test_faults.py", "generation/test_thought_jobs.py", "generation/test_endpoint.py"),
    "vllm": ("generation/test_vllm.py", "generation/test_reward.py"),
    "the synthetic study": ("report/test_explorer.py", "report/test_figures.py"),
}
APART = {"workflow/test_interruptions.py"}
"""Files whose tests share nothing that takes long, or through the fixture `shared`."""
LONGEST = (
    "the small study",
    "jobs",
    "compute/test_comparisons.py",
    "vllm",
    "workflow/test_imported_study.py",
    "workflow/test_judged_study.py",
    "workflow/test_interruptions.py",
    "the synthetic study",
    "grading/test_hostile_text.py",
    "planning/test_study_plan.py",
    "workflow/test_envs.py",
    "workflow/test_dry_run.py",
    "planning/test_job_resources.py",
)
"""What takes more than about ten seconds, the longest first: groups of files, and files."""
NAMES = {file: name for name, files in TOGETHER.items() for file in files}


class Scheduling(LoadScopeScheduling):
    """Hands out groups in the order in which the tests were collected."""

    def __init__(self, config: pytest.Config, log=None):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        name = group(nodeid)
        return nodeid if name in APART else name


def group(nodeid: str) -> str:
    """Return the group of a test."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return NAMES.get(file, file)


def sort(items: list[pytest.Item]) -> None:
    """Bring the longest groups to the front."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(group(item.nodeid), len(LONGEST)))
