"""Bind figures, tables and page of one study into Snakemake's own report.

Inputs: the files to show, each marked with a caption by the rule that makes it.
Output: a zip whose report.html opens offline.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from frontiers.core import cli


def main(argv: list[str] | None = None) -> None:
    """Call `snakemake --report` while the run that holds the lock is under way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--show", nargs="+", required=True, help="files of the report, made by rules of the workflow"
    )
    parser.add_argument("--configfiles", nargs="*", default=[], help="further configuration files of the run")
    parser.add_argument("--output", type=Path, required=True, help="zip to write")
    arguments = parser.parse_args(argv)
    configured = ["--configfile", *arguments.configfiles] if arguments.configfiles else []
    # The profiles of the run, that of the environment too, would hand this small call to the cluster, for which
    # this rule's own environment has no plugin, or forbid it to be quiet.
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1"]
    alone = ["--profile", "none", "--workflow-profile", "none"]
    called = subprocess.run(
        [*command, *alone, *configured, "--report", str(arguments.output), "--", *arguments.show]
    )
    if called.returncode:
        raise cli.UserError(
            f"snakemake --report failed with status {called.returncode}; its message is above"
        )


if __name__ == "__main__":
    cli.run(main)
