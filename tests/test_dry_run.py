"""A study of a hundred models is planned in seconds, and in little memory."""

import sys

from workflow_copy import ROOT

sys.path.insert(0, str(ROOT / "tests/benchmarks"))
import dry_run

SECONDS = 20
"""Of processor time: twice what is asked for on a machine that does nothing else."""
MEGABYTES = 500


def test_a_hundred_models_on_five_benchmarks(tmp_path):
    found = dry_run.planned(dry_run.crowd(tmp_path / "copy", 100))
    assert found.jobs > 100 * 5 * 3
    assert found.processor_seconds < SECONDS
    assert found.megabytes < MEGABYTES
