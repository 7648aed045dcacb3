import json
import os
import shlex
import subprocess
import sys
from base64 import b64encode
from functools import cache
from itertools import product
from pathlib import Path
from urllib.parse import quote
from types import SimpleNamespace

from jinja2.filters import FILTERS
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.27")


sys.path.insert(0, str(Path(workflow.basedir, "workflow")))
from frontiers.analysis import registry as analyses
from frontiers.config import code_digest, currency, left_out, load, records, strategies
from frontiers.config import study as registry
from frontiers.core import escapes, sealed, yaml_files
from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of
from frontiers.generation import devices_needed
from frontiers.generation.engines import gpu_locks
from frontiers.planning import job_resources

if not Path("config.yaml").exists() and not workflow.overwrite_configfiles:
    raise WorkflowError(
        f"{Path.cwd()} has no config.yaml: start in the project's folder (cd {workflow.basedir}), or add "
        f"--directory {workflow.basedir}"
    )

try:
    for path in filter(Path.exists, map(Path, ["config.yaml", *workflow.overwrite_configfiles])):
        yaml_files.read(path)
except UserError as error:
    raise WorkflowError(str(error)) from None


configfile: "config.yaml"


try:
    load.check(config, Path.cwd())
except UserError as error:
    raise WorkflowError(str(error)) from None
config = load.load(config)
STUDIES = config["studies"]
config["studies"] = left_out.without(STUDIES, os.environ.get(left_out.VARIABLE, ""))

# Scripts import the package. Everything else comes from the rule's conda environment alone, never from the caller's
# home folder; without conda, from the Python that runs Snakemake.
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
# What a long job says goes into its log and on, unless the lines of `--logger stages` tell of it; SIGTERM cuts off neither.
KEEP = """keep() {{ trap '' TERM; if [ "${{STAGES-}}" ]; then cat > "$1"; else tee "$1" >&2; fi; }}; """
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(Path(workflow.basedir, 'workflow')))}; {KEEP}"
)
if CONDA:
    os.environ.update(PYTHONNOUSERSITE="1")
else:
    os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))


onstart:
    refuse_too_few_devices()
    refuse_unpinned()
    for folder in filter(
        os.path.exists, ["logs", "results", *(f"results/{name}" for name in config["run"])]
    ):
        if not os.access(folder, os.W_OK):
            raise WorkflowError(
                f"{folder}: permission denied, or the disk is read-only; fix this and rerun the command"
            )


onerror:
    report_without_failed_models()


report: "workflow/report/workflow.rst"


# For the captions: Snakemake renders them with Jinja's own filters only.
FILTERS.update(
    rst=escapes.rst,
    read_json=lambda path: json.loads(Path(path).read_text()),
    read_base64=lambda path: b64encode(Path(path).read_bytes()).decode(),
)


wildcard_constraints:
    study=registry.one_of(config["studies"]),
    benchmark=registry.one_of(config["benchmarks"]),
    model=registry.one_of(config["models"]),
    strategy=registry.one_of(config["strategies"]),


include: "workflow/rules/common.smk"
include: "workflow/rules/common_strategies.smk"
include: "workflow/rules/common_generation.smk"
include: "workflow/rules/common_results.smk"
include: "workflow/rules/common_failures.smk"
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
        lambda wc: finished_studies(),
