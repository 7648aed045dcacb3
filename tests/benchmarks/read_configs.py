"""Seconds to read 100 configurations of published checkpoints into architectures, with parameters.

    PYTHONPATH=workflow .venv/bin/python tests/benchmarks/read_configs.py

The fields are those of data/architectures/, repeated to `--configs`, from files in the form of a `config.json`.
Seconds are those of the processor, of one process, without its start.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import read_config
from frontiers.data.architecture_facts import FOLDER, read_facts


def main() -> None:
    """Read the arguments, write the files, read them and print the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=int, default=100, help="configurations to read")
    parser.add_argument("--limit", type=float, help="processor seconds allowed; more is an error")
    arguments = parser.parse_args()
    known = itertools.cycle(sorted(FOLDER.glob("*.yaml")))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.json" for number in range(arguments.configs)]
        for path, facts in zip(paths, known, strict=False):
            path.write_text(json.dumps(read_facts(facts)["config"]))
        start = time.process_time()
        sizes = [read_architecture(read_config(path), str(path)).parameters() for path in paths]
        spent = time.process_time() - start
    print(
        f"{len(sizes)} configurations in {spent:.3f} s of processor time, {len(sizes) / spent:,.0f} per second"
    )
    if arguments.limit is not None and spent > arguments.limit:
        parser.exit(1, f"more than {arguments.limit} s\n")


if __name__ == "__main__":
    main()
