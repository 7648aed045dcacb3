"""Every benchmark that needs nothing but the project runs, small: what it calls may have changed."""

import os
import subprocess
import sys

import pytest

from support.workflow_copy import ROOT

SMALL = {
    "count_flops": ["--rows", "1000", "--naive-rows", "2", "--repeats", "1"],
    "dry_run": ["--models", "2"],
    "endpoint_throughput": ["--problems", "4", "--seats", "4", "--repeats", "1"],
    "generate_throughput": ["--model", "pocket-small", "--repeats", "1"],
    "grade_rows": ["--rows", "1000"],
    "read_configs": ["--configs", "100", "--limit", "2"],
    "joint_bootstrap": ["--models", "2", "--problems", "20", "--draws", "100", "--repeats", "1"],
}
STARTS_ENGINES = {"endpoint_throughput", "generate_throughput"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in STARTS_ENGINES)) for name in SMALL]
)
def test_a_benchmark_runs(name):
    path = os.pathsep.join(str(ROOT / part) for part in ("workflow", "workflow/scripts", "tests"))
    called = subprocess.run(
        [sys.executable, ROOT / f"tests/benchmarks/{name}.py", *SMALL[name]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert called.returncode == 0, called.stderr[-3000:]
    assert called.stdout
