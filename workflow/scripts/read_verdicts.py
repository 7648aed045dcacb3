"""Reads logs of format `verdicts`: one's own runs as verdict and tokens of every answer.

Inputs: CSV, JSON lines or parquet with the columns problem, correct, prompt_tokens, output_tokens and, where they are
known, sample, reasoning_tokens and finish_reason. Outputs: a CSV of runs (schema `recorded_runs`) and a parquet of answers
(schema `recorded_answers`), as a study of recorded runs reads them.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frontiers.core import files
from frontiers.core.cli import run, say
from frontiers.core.tables import check_table, write_table
from frontiers.log_import import run_verdicts
from frontiers.log_import.entry import Faults


def main(argv: Sequence[str] | None = None) -> None:
    """Read all logs and write both tables, or nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--logs", type=json.loads, required=True, help="JSON: the logs' blocks of config.yaml"
    )
    parser.add_argument("--runs", type=Path, required=True, help="CSV of runs to write")
    parser.add_argument("--recorded", type=Path, required=True, help="parquet of answers to write")
    args = parser.parse_args(argv)
    faults = Faults()
    read = [run_verdicts.read(log, Path(log["file"]), faults) for log in args.logs]
    faults.raise_if_any("logs of verdicts")
    runs = pd.DataFrame([facts for facts, _ in read])
    answers = pd.concat([rows for _, rows in read], ignore_index=True)
    answers = answers.astype(dict.fromkeys(("correct", "prompt_tokens", "output_tokens"), "Int64"))
    check_table(answers, "recorded_answers", "logs of verdicts")
    write_table(answers, args.recorded, "recorded_answers")
    files.write_whole(args.runs, runs.astype({"max_tokens": "Int64"}).to_csv(index=False).encode())
    say(f"{args.runs}: {len(runs)} runs, {len(answers):,} answers")


if __name__ == "__main__":
    run(main)
