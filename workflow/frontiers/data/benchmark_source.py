"""From the rows of a benchmark's source to its problems: columns, gold answers, options and prompt."""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from frontiers.core.cli import UserError
from frontiers.core.suggest import suggest
from frontiers.core.texts import text_fault
from frontiers.data.options import LETTERS

DATA_FILES = ("README.md", "*.parquet", "*.arrow", "*.csv", "*.tsv", "*.json", "*.jsonl", "*.gz", "*.zst")
"""Names of the files of a data set that `datasets` reads; README.md assigns them to splits."""


def repository_rows(folder: Path, block: Mapping) -> list[dict]:
    """Return the rows of a data set, read by `datasets` from its files: the block's `split` of its `subset`.

    Leaves nothing in the cache of `datasets`. Raises `UserError`.
    """
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        try:
            table = datasets.load_dataset(
                str(folder), block.get("subset"), split=block["split"], cache_dir=cache
            )
            return table.to_list()
        except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
            why = (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise UserError(
                f"{block['repository']}: `datasets` cannot read {folder} ({why}). Correct `subset` and `split` in "
                "config.yaml; if a file is damaged, delete it and rerun the command"
            ) from error


def source_rows(content: bytes, where: str) -> list[dict]:
    """Return the rows of a JSONL file; raises `UserError` with the line that is not a JSON object."""
    rows = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{where}, line {number}: not JSON ({error}); each line must be one object"
            ) from error
        if not isinstance(row, dict):
            raise UserError(f"{where}, line {number}: expected a JSON object, found {type(row).__name__}")
        rows.append(row)
    return rows


def used_columns(block: Mapping) -> list[str]:
    """Return the columns of the source that a benchmark reads."""
    columns = block["columns"]
    named = [columns["question"], columns["answer"], columns.get("id"), *columns.get("distractors", [])]
    return [name for name in named if name is not None]


def rows_checksum(rows: Sequence[Mapping], columns: Sequence[str]) -> str:
    """Return the sha256 of the rows as JSON lines: only `columns`, keys sorted, no spaces, UTF-8."""
    digest = hashlib.sha256()
    for row in rows:
        used = {name: row[name] for name in columns}
        text = json.dumps(used, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def check_rows(rows: Sequence[Mapping], block: Mapping, where: str) -> None:
    """Raise `UserError` if the number of rows is not the block's, or a column is missing."""
    expected = block.get("sample", {}).get("of", block["rows"])
    if len(rows) != expected:
        raise UserError(
            f"{where}: expected {expected} rows, found {len(rows)}. It is truncated or another version: "
            "fetch it again, or correct `rows` under `benchmarks:` in config.yaml"
        )
    for number, row in enumerate(rows):
        for column in used_columns(block):
            if column not in row:
                raise UserError(
                    f"{where}, row {number}: no column `{column}`. Correct `columns` under `benchmarks:` in "
                    f"config.yaml; {suggest(column, row, 'the columns are')}"
                )
            if isinstance(row[column], str) and (fault := text_fault(row[column])):
                raise UserError(f"{where}, row {number}: column `{column}` {fault}")


def to_problems(rows: Sequence[Mapping], block: Mapping, name: str) -> list[dict]:
    """Return the problems of the benchmark `name` as rows of its JSONL file, in the order of the source.

    The problems of a `sample` are in the order drawn, and keep the numbers of their rows.
    """
    columns = block["columns"]
    problems = []
    for number in drawn(len(rows), block):
        row = rows[number]
        place = f"{name}-{number:04d}"
        identifier = str(row[columns["id"]]) if columns.get("id") else place
        question, answer = str(row[columns["question"]]).strip(), _gold(row, block, f"{name}, row {number}")
        if columns.get("distractors"):
            wrong = [str(row[column]).strip() for column in columns["distractors"]]
            question, answer = with_options(question, answer, wrong, f"{name}/{identifier}")
        problems.append(
            {
                "id": identifier,
                "question": question,
                "answer": answer,
                "answer_type": block["answer_type"],
                "licence": block["licence"],
                "source": block["source"],
            }
        )
    return problems


def drawn(rows: int, block: Mapping) -> list[int]:
    """Return the numbers of the rows that make up a benchmark: all, or those of its `sample`."""
    if "sample" not in block:
        return list(range(rows))
    shuffled = np.random.default_rng(block["sample"]["seed"]).permutation(rows)
    return shuffled[: block["rows"]].tolist()


def _gold(row: Mapping, block: Mapping, where: str) -> str:
    """Return the gold answer of a row, by the block's pattern if it has one."""
    text = row[block["columns"]["answer"]]
    answer = "" if text is None else str(text).strip()
    if "gold_pattern" in block:
        found = re.search(block["gold_pattern"], answer)
        if not found:
            raise UserError(
                f"{where}: `gold_pattern` finds no answer in {answer[-80:]!r}; correct it in config.yaml"
            )
        answer = found[1].strip()
    if not answer:
        raise UserError(f"{where}: the gold answer is empty; correct `columns: {{answer: …}}` in config.yaml")
    return answer


def with_options(question: str, right: str, wrong: Sequence[str], seed: str) -> tuple[str, str]:
    """Return the question with its options as lettered lines, and the letter of the right one.

    The order depends on `seed` alone: options are sorted by the hash of seed and
    position, the same on every machine and in every Python.
    """
    options = [right, *wrong]
    order = sorted(range(len(options)), key=lambda i: hashlib.sha256(f"{seed}/{i}".encode()).digest())
    lines = [f"{letter}) {options[i]}" for letter, i in zip(LETTERS, order, strict=False)]
    return question + "\n\n" + "\n".join(lines), LETTERS[order.index(0)]


def ask(problems: Sequence[Mapping], prompt: str | None) -> list[dict]:
    """Return the problems with their question inserted for `{question}` in the benchmark's prompt."""
    prompt = prompt or "{question}"
    return [
        {**problem, "question": prompt.replace("{question}", problem["question"])} for problem in problems
    ]
