"""Logs of format `verdicts`: one's own runs as verdict and tokens of every answer, with no text to count or to grade."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from frontiers.log_import.entry import Faults
from frontiers.log_import.files import json_rows, parquet_rows
from frontiers.log_import.values import FINISHED, Row, name_of, verdict, whole

NEEDED = ("problem", "correct", "prompt_tokens", "output_tokens")
COUNTS = ("sample", "prompt_tokens", "reasoning_tokens", "output_tokens")
EMPTY = "Leave the cell empty for a call that failed"


def read(log: Mapping, file: Path, faults: Faults) -> tuple[dict, pd.DataFrame]:
    """Return a run and its answers as rows of `recorded_runs` and `recorded_answers`; `log` is its block of config.yaml.

    A column `sample` tells answers to one problem apart, `finish_reason: length` the answers that a limit cut: a run
    is cut at limits below the shortest of them only, and below its `max_tokens`. Faults go to `faults`.
    """
    before = len(faults)
    name, reader = log["file"], {".csv": csv_rows, ".parquet": parquet_rows}.get(file.suffix, json_rows)
    rows = [found for place, row in reader(file, name, faults) if (found := _answer(row, place, log, faults))]
    answers = pd.DataFrame(
        rows, columns=["problem_id", "sample", "correct", "prompt_tokens", "output_tokens", "cut"]
    )
    if len(faults) == before:
        _check_epochs(answers, name, faults)
    answers = answers.sort_values(["problem_id", "sample"], ignore_index=True)
    limits = [log.get("max_tokens"), *answers.loc[answers["cut"], "output_tokens"].dropna()]
    known = answers.dropna(subset="output_tokens")
    if not len(known) and len(faults) == before:
        fix = "Give the tokens of every answer; runs known by their means alone go into a table of runs"
        faults.add(name, "no answer has both `prompt_tokens` and `output_tokens`", "", fix)
    run = f"{log['model']}.{log['benchmark']}"
    answers = answers.assign(run=run, epoch=answers.groupby("problem_id").cumcount() + 1)
    judged = (
        answers.dropna(subset="correct").astype({"correct": float}).groupby("problem_id")["correct"].mean()
    )
    tokens = known.groupby("problem_id")[["prompt_tokens", "output_tokens"]].mean().mean()
    facts = {
        "run": run,
        "run_date": None,
        "served_as": log["model"],
        **{
            key: log.get(key)
            for key in ("model", "developer", "release_date", "mode", "architecture", "benchmark")
        },
        "label": log.get("label", log["model"]),
        "lineage": log.get("lineage", log["model"]),
        "inferred": None,
        "problems": answers["problem_id"].nunique(),
        "epochs": int(answers["epoch"].max()) if len(answers) else 1,
        "accuracy": judged.mean(),
        "standard_error": judged.std(ddof=1) / np.sqrt(len(judged)) if len(judged) > 1 else None,
        "verdicts": int(answers["correct"].notna().sum()),
        "right": int(answers["correct"].eq(1).sum()),
        "calls_with_tokens": len(known),
        **tokens.to_dict(),
        "hub_accuracy": None,
        "max_tokens": min((int(v) for v in limits if v is not None), default=None),
        "source": "own log",
        "source_url": name,
        "licence": None,
    }
    return facts, answers[["run", "problem_id", "epoch", "correct", "prompt_tokens", "output_tokens"]]


def csv_rows(file: Path, name: str, faults: Faults) -> Iterator[Row]:
    """Yield (place, record) of a CSV file; numbers are read as such, empty cells are None."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                if None in row or None in row.values():
                    fix = "Give every line as many cells as the header"
                    faults.add(name, "a line with too many or too few cells", f"line {reader.line_num}", fix)
                    continue
                yield f"line {reader.line_num}", {key: _cell(key, text) for key, text in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.add(name, f"cannot be read as CSV ({error})", "", "Correct `file` in config.yaml")


def _cell(column: str, text: str) -> object:
    """Return a cell of a CSV: None if empty, a number where the column holds numbers."""
    if column not in (*COUNTS, "correct") or not text.strip():
        return text.strip() or None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _answer(row: Mapping, place: str, log: Mapping, faults: Faults) -> dict | None:
    """Return what a record says of an answer; None if it has a fault."""
    row = {key: None if value != value else value for key, value in row.items()}
    wrong = [
        (f"`{name}` is missing", "", f"Needed are {', '.join(NEEDED)}") for name in NEEDED if name not in row
    ]
    wrong = wrong or list(_faults_of(row, log.get("max_tokens")))
    for what, value, fix in wrong:
        faults.add(log["file"], what, f"{place}: {value}" if value != "" else place, fix)
    if wrong:
        return None
    spent, asked = row["output_tokens"], row["prompt_tokens"]
    known = spent is not None and asked is not None
    return {
        "problem_id": _problem(row),
        "sample": int(row.get("sample") or 0),
        "correct": None if row["correct"] is None else int(verdict(row["correct"])),
        "prompt_tokens": int(asked) if known else None,
        "output_tokens": int(spent) if known else None,
        "cut": FINISHED.get(_reason(row)) == "length",
    }


def _faults_of(row: Mapping, limit: int | None) -> Iterator[tuple[str, object, str]]:
    """Yield what is wrong with the values of a record, the value, and how to correct it."""
    for column in COUNTS:
        value = row.get(column)
        if value is not None and whole(value) is None:
            yield f"`{column}` is not a whole number from 0", value, EMPTY
            return
    if row["output_tokens"] == 0:
        yield "`output_tokens` is 0", "", EMPTY
    if row["correct"] is not None and verdict(row["correct"]) is None:
        yield "`correct` is neither 0 nor 1", row["correct"], EMPTY
    if _reason(row) not in (None, *FINISHED):
        yield "`finish_reason` is unknown", row["finish_reason"], f"Known are {', '.join(FINISHED)}"
    if not _problem(row):
        yield "`problem` is empty", "", "Name the problem of every answer"
    spent = row["output_tokens"]
    if spent and (row.get("reasoning_tokens") or 0) > spent:
        fix = "`output_tokens` are all that was written, reasoning included"
        yield "more `reasoning_tokens` than `output_tokens`", row["reasoning_tokens"], fix
    if spent is not None and limit is not None and spent > limit:
        yield (
            f"more `output_tokens` than max_tokens: {limit}",
            spent,
            "Correct the log's block, or list the runs apart",
        )


def _problem(row: Mapping) -> str | None:
    """Return the problem's id as text; None if it has none."""
    name = row["problem"]
    return name_of(whole(name) if isinstance(name, float) else name)


def _reason(row: Mapping) -> str | None:
    """Return how an answer ended, in lower case; None if that is unknown."""
    reason = row.get("finish_reason")
    return None if reason is None else str(reason).lower()


def _check_epochs(answers: pd.DataFrame, name: str, faults: Faults) -> None:
    """Add the first answer that is there twice, and the first problem with another number of answers than most."""
    twice = answers[answers.duplicated(["problem_id", "sample"])]
    if len(twice):
        first = twice.iloc[0]
        where = f"problem {first['problem_id']}, sample {first['sample']}"
        faults.add(
            name, "two answers to one problem in one sample", where, "Number them in the column `sample`"
        )
        return
    sizes = answers.groupby("problem_id").size()
    if sizes.nunique() > 1:
        problem, most = sizes.idxmin(), sizes.max()
        fix = "List every answer, without verdict and tokens where the call failed"
        faults.add(name, f"not {most} answers to every problem", f"{problem} has {sizes[problem]}", fix)
