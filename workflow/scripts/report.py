"""Bind figures, tables and page of one study into Snakemake's own report.

Inputs: the files to show, each marked with a caption by the rule that makes it, and the study's checks, which must all
have passed.
Output: a zip whose report.html opens offline.
"""

import argparse
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from frontiers.core import cli
from frontiers.core.files import partial
from frontiers.core.paths import WORKFLOW


def main(argv: list[str] | None = None) -> None:
    """Call `snakemake --report` while the run that holds the lock is under way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checks", type=Path, required=True, help="JSON that check_results wrote")
    parser.add_argument(
        "--show", nargs="+", required=True, help="files of the report, made by rules of the workflow"
    )
    parser.add_argument("--configfiles", nargs="*", default=[], help="further configuration files of the run")
    parser.add_argument("--config", default="{}", help="JSON of what overrides the configuration files")
    parser.add_argument("--output", type=Path, required=True, help="zip to write")
    arguments = parser.parse_args(argv)
    refuse_failed(arguments.checks)
    with tempfile.TemporaryDirectory() as folder:
        overriding, made = Path(folder, "config.json"), Path(folder, arguments.output.name)
        overriding.write_text(arguments.config)
        call([*arguments.configfiles, str(overriding)], arguments.show, made)
        with partial(arguments.output) as hidden:
            shutil.copyfile(made, hidden)


def refuse_failed(path: Path) -> None:
    """Raise `UserError`, naming what failed, unless all checks in the file at `path` passed."""
    failed = [check for check in json.loads(path.read_text())["checks"] if not check["passed"]]
    if failed:
        lines = [
            f"  {check['name']}, {check['failed']} of {check['rows']} rows: {text}"
            for check in failed
            for text in check["first_failures"]
        ]
        raise cli.UserError(
            "\n".join([f"{path}: {len(failed)} checks failed, so no report is made; correct this:", *lines])
        )


def call(configfiles: list[str], shown: list[str], output: Path) -> None:
    """Make Snakemake's report of the files `shown` at `output`; raise `UserError` when it fails."""
    # The profiles of the run, that of the environment too, would hand this small call to the cluster, for which
    # this rule's own environment has no plugin, or forbid it to be quiet.
    alone = ["--profile", "none", "--workflow-profile", "none"]
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1", *alone]
    # docutils.conf forbids captions to include files and raw HTML.
    variables = {**os.environ, "DOCUTILSCONFIG": str(WORKFLOW / "report/docutils.conf")}
    called = subprocess.run(
        [*command, "--configfile", *configfiles, "--report", str(output), "--", *shown],
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if called.returncode and os.strerror(errno.ENOSPC) in called.stderr:
        raise cli.UserError(f"{output.parent}: {cli.UNWRITABLE[errno.ENOSPC]}, or set TMPDIR to another disk")
    cli.say(called.stderr)
    if called.returncode:
        raise cli.UserError(
            f"snakemake --report failed with status {called.returncode}; its message is above"
        )


if __name__ == "__main__":
    cli.run(main)
