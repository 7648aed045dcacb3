"""Print the progress of generation by model and benchmark, from the journals.

Inputs: config.yaml and results/. Prints a table per measured study: problems × samples done, tokens per second and
time left of the running job, GPU hours so far. It only reads, so call it at any time:
`python workflow/scripts/status.py`, or `snakemake --cores 1 --nolock status` while another snakemake runs.
"""

import argparse
from pathlib import Path

from frontiers.config import load
from frontiers.config.study import pairs, samples
from frontiers.core import cli, yaml_files
from frontiers.generation import status


def main(argv: list[str] | None = None) -> None:
    """Read the configuration and print a table per study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), help="the configuration")
    parser.add_argument("--studies", nargs="+", help="studies to report (default: those listed under `run`)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results")
    arguments = parser.parse_args(argv)
    config = load.load(yaml_files.read(arguments.config))
    for name in arguments.studies or config["run"]:
        if name not in config["studies"]:
            raise cli.UserError(
                f"no study `{name}` in {arguments.config}; known: {', '.join(config['studies'])}"
            )
        study = config["studies"][name]
        if study["kind"] != "measured":
            continue
        wanted = {
            (model, benchmark, strategy): config["benchmarks"][benchmark]["rows"]
            * samples(study, benchmark, config["models"][model])
            for model, benchmark, strategy in pairs(study)
        }
        print(f"{name}:", *status.lines(status.states(name, wanted, arguments.results)), sep="\n  ")


if __name__ == "__main__":
    cli.run(main)
