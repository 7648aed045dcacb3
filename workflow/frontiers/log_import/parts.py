"""Splitting a completion into trace and answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from frontiers.log_import.entry import Entry


@dataclass(frozen=True)
class Parts:
    """A completion in parts: `closed` if a marker ended its trace, `opening` the start marker it wrote.

    `hidden` if the log counts the tokens of a trace whose text it does not have.
    """

    reasoning: str
    answer: str
    closed: bool
    opening: str = ""
    hidden: bool = False


def split(entry: Entry, thinking: Mapping) -> Parts:
    """Return trace and answer of a completion, by the `thinking` block of its model.

    In the prompt style the whole completion is the trace. With markers the trace ends at the first end marker;
    without one, the whole completion is the trace, as in generation when a model never closes it. Reasoning
    that the log stores separately is the trace, closed if an answer follows. If the log counts reasoning tokens,
    and more tokens than those, for a completion without a trace, the trace is hidden and the text is the answer.
    """
    if entry.reasoning is not None:
        return Parts(entry.reasoning, entry.completion, bool(entry.completion.strip()))
    if _hidden(entry) and (thinking["style"] == "prompt" or thinking["end"] not in entry.completion):
        return Parts("", entry.completion, bool(entry.completion.strip()), hidden=True)
    if thinking["style"] == "prompt":
        return Parts(entry.completion, "", False)
    text, start = entry.completion, thinking["start"]
    opening = ""
    if text.lstrip().startswith(start):
        opening, text = start, text.lstrip()[len(start) :]
    reasoning, end, answer = text.partition(thinking["end"])
    return Parts(reasoning, answer, bool(end), opening)


def _hidden(entry: Entry) -> bool:
    """Return whether the log counts tokens of a trace and of something else."""
    if not entry.reasoning_tokens:
        return False
    return bool(entry.answer_tokens) or (entry.output_tokens or 0) > entry.reasoning_tokens + 1
