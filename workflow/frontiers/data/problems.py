"""Reading a benchmark, a JSONL file with one problem per line, and checking it."""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

from frontiers.core import lineage
from frontiers.core.cli import UserError
from frontiers.core.texts import text_fault

ANSWER_TYPES = ("number", "expression", "choice")


@dataclass(frozen=True)
class Problem:
    """One problem. `answer` is the gold answer; `answer_type` is one of `ANSWER_TYPES`."""

    id: str
    question: str
    answer: str
    answer_type: str
    licence: str
    source: str


def read_problems(path: str | Path, sha256: str | None = None, rows: int | None = None) -> list[Problem]:
    """Return the problems of the benchmark file at `path`, in file order.

    `sha256` (64 hex digits, of the file) and `rows` are checked if given. Raises
    `UserError`, with the line, for a file that is missing, damaged or of the wrong
    length, a line that is not a JSON object, a missing or empty field, an unknown
    answer type and a duplicated id.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        lineage.note_file(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the benchmark's `path`") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        number = len(content.rstrip().split(b"\n")) if content.strip() else 0
        other = f" and has {number} rows, not {rows}" if rows not in (None, number) else ""
        raise UserError(
            f"{path}: its sha256 is {found}, config.yaml says {sha256}{other}. The file is damaged or has changed: "
            f"fetch it again or, if the change is intended, update `sha256`{' and `rows`' * bool(other)} under `benchmarks:`"
        )
    lines: dict[str, int] = {}
    problems = []
    for number, line in enumerate(content.rstrip().split(b"\n") if content.strip() else [], start=1):
        problem = _problem(line, f"{path}, line {number}")
        if problem.id in lines:
            raise UserError(
                f"{path}, line {number}: duplicate id {problem.id!r}, first in line {lines[problem.id]}; "
                "give every problem its own id"
            )
        lines[problem.id] = number
        problems.append(problem)
    if not problems:
        raise UserError(f"{path}: the benchmark has no problems; fetch or create it again")
    if rows is not None and len(problems) != rows:
        raise UserError(
            f"{path}: {len(problems)} problems, config.yaml says {rows} rows. The file is truncated or has "
            "changed: fetch it again, or correct `rows` under `benchmarks:`"
        )
    return problems


def _problem(line: bytes, where: str) -> Problem:
    """Return the problem in `line`; `where` names the line in messages."""
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        why = f"{error.reason} at byte {error.start}"
        raise UserError(f"{where}: not UTF-8 text ({why}); save it as UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error}); each line must be one object") from error
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise UserError(f"{where}: expected an object with fields such as `id` and `question`, found {kind}")
    names = [field.name for field in fields(Problem)]
    if missing := [name for name in names if name not in row]:
        raise UserError(f"{where}: the fields {missing} are missing; required are {names}")
    for name in names:
        if not isinstance(row[name], str):
            kind = type(row[name]).__name__
            raise UserError(f'{where}: expected text in `{name}`, found {kind}; put it in quotes, as in "18"')
        if not row[name].strip():
            raise UserError(f"{where}: `{name}` is empty; fill it in")
        if fault := text_fault(row[name]):
            raise UserError(f"{where}: `{name}` {fault}")
    if row["answer_type"] not in ANSWER_TYPES:
        raise UserError(
            f"{where}: unknown answer type {row['answer_type']!r}; use one of {', '.join(ANSWER_TYPES)}"
        )
    return Problem(**{name: row[name] for name in names})
