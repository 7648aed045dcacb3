"""Reading a benchmark: one problem per line of a JSONL file, checked before anything uses it."""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

from frontiers.core.cli import UserError


@dataclass(frozen=True)
class Problem:
    """One problem. `answer` is the gold answer, read as `answer_type`: number, expression or choice."""

    id: str
    question: str
    answer: str
    answer_type: str
    licence: str
    source: str


def read_problems(path: str | Path, sha256: str | None = None, rows: int | None = None) -> list[Problem]:
    """Return the problems of the benchmark file at `path`, in file order.

    `sha256` (64 hex digits, of the file) and `rows` are checked where given.
    Raises `UserError`, with the line, for a file that is missing, damaged or of
    the wrong length, for a line that is not a JSON object, a missing or empty
    field, an unknown answer type and an id that occurs twice.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the benchmark's `path`") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        raise UserError(
            f"{path}: its sha256 is {found}, config.yaml says {sha256}. The file is damaged or another one: "
            "fetch it again, or, if the change is meant, put the new sum under `benchmarks:`"
        )
    lines: dict[str, int] = {}
    problems = []
    for number, line in enumerate(content.rstrip().split(b"\n") if content.strip() else [], start=1):
        problem = _problem(line, f"{path}, line {number}")
        if problem.id in lines:
            raise UserError(
                f"{path}, line {number}: the id {problem.id!r} already stands in line {lines[problem.id]}; "
                "every problem needs an id of its own"
            )
        lines[problem.id] = number
        problems.append(problem)
    if not problems:
        raise UserError(f"{path}: the benchmark holds no problem; fetch or make it again")
    if rows is not None and len(problems) != rows:
        raise UserError(
            f"{path}: {len(problems)} problems, config.yaml says {rows} rows. The file is cut short or "
            "another one: fetch it again, or correct `rows` under `benchmarks:`"
        )
    return problems


def _problem(line: bytes, where: str) -> Problem:
    """Return the problem that `line` holds; `where` names the line in messages."""
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        why = f"{error.reason} at byte {error.start}"
        raise UserError(f"{where}: not UTF-8 text ({why}); save it as UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error}); each line must be one object on its own") from error
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise UserError(f"{where}: a {kind}, not an object with fields such as `id` and `question`")
    names = [field.name for field in fields(Problem)]
    if missing := [name for name in names if name not in row]:
        raise UserError(f"{where}: the fields {missing} are missing; needed are {names}")
    for name in names:
        if not isinstance(row[name], str):
            kind = type(row[name]).__name__
            raise UserError(f'{where}: `{name}` is a {kind}, not a text; write it in quotes, as in "18"')
        if not row[name].strip():
            raise UserError(f"{where}: `{name}` is empty")
    if row["answer_type"] not in ANSWER_TYPES:
        raise UserError(
            f"{where}: the answer type {row['answer_type']!r} is unknown, known are {', '.join(ANSWER_TYPES)}"
        )
    return Problem(**{name: row[name] for name in names})


ANSWER_TYPES = ("number", "expression", "choice")
