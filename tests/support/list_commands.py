"""Print as JSON which script each rule of the workflow runs, and in which environments of envs/.

Snakemake parses the workflow, so what a rule inherits counts. Where the engine chooses the environment, the
rule is listed with that of every engine.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

ENGINES = [{"device": "cpu"}, {"device": "cuda"}, {"kind": "endpoint"}]


def main() -> None:
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(ResourceSettings(), snakefile=Path("Snakefile"))._get_workflow()
        workflow.include(Path("Snakefile").resolve(), overwrite_default_target=True)
        rules = [rule for rule in workflow.rules if rule.shellcmd]
        print(json.dumps([described(rule, workflow.globals["config"]["studies"]) for rule in rules]))


def described(rule, studies: dict) -> dict:
    """Return a rule's name, script and environments; script is None where no Python runs."""
    run = re.search(r"\bpython (\S+)", rule.shellcmd)
    named = run and re.fullmatch(r"\{params\.(\w+):q\}", run[1])
    script = getattr(rule.params, named[1]) if named else run and run[1]
    environments = [rule.conda_env]
    if callable(rule.conda_env):
        environments = []
        for engine in ENGINES:
            studies["asked"] = {"engine": engine}
            environments.append(rule.conda_env(SimpleNamespace(study="asked")))
    return {
        "rule": rule.name,
        "script": script,
        "environments": [Path(path).stem for path in environments],
    }


if __name__ == "__main__":
    main()
