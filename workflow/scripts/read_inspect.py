"""Read an Inspect log with inspect_ai and write it as JSON lines for import_logs.

Input: an Inspect log, `.eval` or `.json`. Output: JSON lines, one object per sample: prompt, reasoning,
completion, the log's token counts, stop reason, seconds, and the verdicts of its scorers. Needs inspect_ai,
and from this project the package `frontiers` on PYTHONPATH.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import cli, files
from frontiers.log_import import inspect_reader


def main(argv: Sequence[str] | None = None) -> None:
    """Read the log and write its samples, or nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--log", type=Path, required=True, help="Inspect log, .eval or .json")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines to write")
    arguments = parser.parse_args(argv)
    rows = list(inspect_reader.read_log(arguments.log))
    files.write_whole(arguments.output, files.json_lines(rows))
    cli.say(f"{arguments.log}: {len(rows):,} samples")


if __name__ == "__main__":
    cli.run(main)
