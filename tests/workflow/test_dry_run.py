"""A study of a hundred models is planned in little memory; in what time, tests/benchmarks/dry_run.py prints."""

import sys

from support.workflow_copy import ROOT

sys.path.insert(0, str(ROOT / "tests/benchmarks"))
import dry_run

MEGABYTES = 500


def test_a_hundred_models_on_five_benchmarks(tmp_path):
    found = dry_run.planned(dry_run.crowd(tmp_path / "copy", 100).folder)
    assert found.jobs > 100 * 5 * 3
    assert found.megabytes < MEGABYTES
