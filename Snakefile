import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


sys.path.insert(0, str(Path(workflow.basedir, "workflow")))
from frontiers import config as registry
from frontiers import config_strategies as strategies
from frontiers.cli import UserError

try:
    registry.check(config, Path.cwd())
except UserError as error:
    raise WorkflowError(str(error)) from None
config = registry.load(config)

# Scripts import the package, and run by the Python that runs Snakemake where no conda environment is active.
shell.prefix(f"set -euo pipefail; export PYTHONPATH={Path(workflow.basedir, 'workflow')}; ")
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))


report: "workflow/report/workflow.rst"


wildcard_constraints:
    study=registry.one_of(config["studies"]),
    benchmark=registry.one_of(config["benchmarks"]),
    model=registry.one_of(config["models"]),
    strategy=registry.one_of(config["strategies"]),


include: "workflow/rules/common.smk"
include: "workflow/rules/common_strategies.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/import.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/compute.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/strategies.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/pocket.smk"


rule all:
    default_target: True
    input:
        expand("results/{study}/{product}", study=config["run"], product=["report.zip", "checks.json"]),
