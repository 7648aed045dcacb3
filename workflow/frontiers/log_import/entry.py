"""One completion of a log in a common form, and the faults of logs, collected and reported together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from frontiers.core.cli import UserError


@dataclass(frozen=True)
class Entry:
    """One completion as logged; None where the log does not say.

    `completion` is all the model wrote, or the text after the trace if the log stores `reasoning` separately.
    `asked` is text in which the problem is looked for; `prompt` the prompt as sent, `messages` those that the
    chat template turns into a prompt. `output_tokens` are all tokens written, with the end-of-sequence token.
    `budget` is the limit of tokens, `usual_budget` the tool's own where the log has none, `template` the `prompt`
    of the log's block in config.yaml. `verdicts` are those
    of the log's own scorers, `options` the options of a choice in the order shown, `gold` the log's gold answer.
    Of a call that `failed` (what happened, and the fix) nothing else is known but its problem.
    """

    file: str
    place: str
    completion: str
    reasoning: str | None = None
    id: str | None = None
    sample: int | None = None
    cap: int | None = None
    asked: str | None = None
    prompt: str | None = None
    messages: Sequence[Mapping[str, str]] | None = None
    prompt_tokens: int | None = None
    reasoning_tokens: int | None = None
    end_tokens: int | None = None
    answer_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    budget: int | None = None
    usual_budget: int | None = None
    seed: int | None = None
    seconds: float | None = None
    verdicts: Mapping[str, bool] = field(default_factory=dict)
    options: Sequence[str] | None = None
    gold: str | None = None
    failed: tuple[str, str] | None = None
    template: str | None = None


@dataclass
class _Fault:
    """A fault that several records share, and where it was found first."""

    fix: str
    first: str
    records: int = 1


class Faults:
    """The faults of the logs of one model and benchmark."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], _Fault] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, file: str, what: str, place: str, fix: str) -> None:
        """Record that `what` is wrong at `place` of `file`; equal faults of a file are reported once."""
        known = self._found.setdefault((file, what), _Fault(fix, place, 0))
        known.records += 1

    def raise_if_any(self, subject: str) -> None:
        """Raise one `UserError` that lists all faults; `subject` names the logs."""
        if not self._found:
            return
        number = "one fault" if len(self._found) == 1 else f"{len(self._found)} faults"
        lines = []
        for (file, what), fault in self._found.items():
            first = (
                f" ({fault.records} times, first: {fault.first})"
                if fault.records > 1
                else f" ({fault.first})"
            )
            lines.append(f"- {file}: {what}{first if fault.first else ''}. {fault.fix}")
        raise UserError(f"{subject}: {number}, nothing was imported:\n" + "\n".join(lines))


def at(row: Any, path: str) -> Any:
    """Return the value at a path of keys joined by dots, None if there is none.

    A key that itself contains dots takes precedence.
    """
    if isinstance(row, Mapping) and path in row:
        return row[path]
    head, dot, rest = path.partition(".")
    if dot and isinstance(row, Mapping) and head in row:
        return at(row[head], rest)
    return None


def valid(text: str) -> str:
    """Return `text` with lone surrogates as U+FFFD, so that it can be written as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
