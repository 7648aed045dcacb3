"""Read an Inspect log with inspect_ai and write what importing it needs.

Input: a log of Inspect, `.eval` or `.json`. Output: JSON lines, one object per sample: what was asked,
reasoning and completion, tokens as the log counts them, why the completion ended, seconds, and what the
log's scorers said. Needs inspect_ai, and of this project the package `frontiers` on PYTHONPATH.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import cli, files
from frontiers.log_import import inspect_reader


def main(argv: Sequence[str] | None = None) -> None:
    """Read the log and write its samples, or nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--log", type=Path, required=True, help="log of Inspect, .eval or .json")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines to write")
    arguments = parser.parse_args(argv)
    rows = list(inspect_reader.read_log(arguments.log))
    files.write_whole(arguments.output, files.json_lines(rows))
    cli.say(f"{arguments.log}: {len(rows):,} samples")


if __name__ == "__main__":
    cli.run(main)
