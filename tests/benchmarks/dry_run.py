"""How long Snakemake plans a study of many models, and the memory it needs, compared with as many bare jobs.

python tests/benchmarks/dry_run.py --models 100   # prints jobs, seconds and MB of a dry run in a copy of the project
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.workflow_copy import Workflow


def crowd(folder: Path, models: int) -> Workflow:
    """Return a copy of the project whose open study has so many models, on its five benchmarks."""
    workflow = Workflow(folder)
    block = workflow.config["models"]["qwen3-4b-thinking-2507"]
    names = [f"crowd-{number}" for number in range(models)]
    for number, name in enumerate(names):
        workflow.config["models"][name] = {**block, "label": f"Model {number}"}
    workflow.config["studies"]["open-reasoning"]["models"] = names
    workflow.config["run"] = ["open-reasoning"]
    workflow.write()
    return workflow


class Planned(NamedTuple):
    """What a dry run took."""

    jobs: int
    seconds: float
    processor_seconds: float
    megabytes: float


# A process starts with the peak memory of the one it was forked from; only a child of a small one tells its own.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


BARE = """
rule all:
    input:
        [f"out/{{job}}" for job in range({jobs} - 1)],


rule one:
    output:
        "out/{{job}}",
    shell:
        "touch {{output}}"
"""


def bare(folder: Path, jobs: int) -> Path:
    """Return a folder with a workflow of so many jobs of one rule, which has an output and nothing else."""
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE.format(jobs=jobs))
    return folder


def planned(folder: Path) -> Planned:
    """Return the jobs of a dry run in `folder`, and the time and peak memory it took."""
    begun = time.perf_counter()
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", "--quiet", "host"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *snakemake],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-3000:])
    output, (processor_seconds, megabytes) = done.stdout, map(float, done.stderr.split())
    jobs = int(re.search(r"^total +(\d+)$", output, re.MULTILINE)[1])
    return Planned(jobs, time.perf_counter() - begun, processor_seconds, megabytes)


def main() -> None:
    """Print a row per number of models, and one of as many bare jobs, the least that Snakemake takes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, nargs="+", default=[19, 50, 100], help="numbers of models")
    for models in parser.parse_args().models:
        with tempfile.TemporaryDirectory() as folder:
            found = planned(crowd(Path(folder) / "copy", models).folder)
            least = planned(bare(Path(folder) / "bare", found.jobs))
        for name, row in (f"{models:4} models × 5 benchmarks", found), ("as many bare jobs", least):
            print(
                f"{name}: {row.jobs:,} jobs, {row.seconds:.1f} s ({row.processor_seconds:.1f} s of a processor), "
                f"{row.megabytes:.0f} MB"
            )
        print(f"ratio: {found.processor_seconds / least.processor_seconds:.2f} in time of a processor")


if __name__ == "__main__":
    main()
