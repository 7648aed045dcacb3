"""Reading the values of a log's records: numbers, texts, verdicts, finish reasons."""

from collections.abc import Mapping
from typing import Any

Row = tuple[str, Mapping]
"""A record with its place in the file."""

FINISHED = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "content_filter"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_new_tokens", "max_length"), "length"),
}
"""Finish reasons of logs -> those of the table `generations`."""

MOST, SEEDS = 2**31, 2**63
"""What tokens, samples and caps are below, and seeds."""


def whole(value: Any, below: int = MOST) -> int | None:
    """Return a number as an integer; None if it is no number, not whole, negative, or not `below` that."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
        return None
    return int(value) if value == int(value) else None


def all_written(prompt: Any, written: Any, reasoning: Any, total: Any) -> int | None:
    """Return the tokens a model wrote, those of its reasoning too where a server counts them apart.

    xAI's API and some proxies of Gemini do: prompt, `written` and `reasoning` then add up to the `total`.
    """
    counts = [whole(number) for number in (prompt, written, reasoning)]
    apart = None not in counts and sum(counts) == whole(total)
    return counts[1] + counts[2] if apart else counts[1]


def verdict(value: Any) -> bool | None:
    """Return whether a score means right or wrong; None for anything else."""
    known = {"C": True, "I": False, "true": True, "false": False}
    if isinstance(value, str):
        return known.get(value)
    return {1: True, 0: False}.get(value) if isinstance(value, bool | int | float) else None


def texts_of(value: Any) -> list[str] | None:
    """Return a list of texts; None for anything else."""
    return value if isinstance(value, list) and value and all(isinstance(v, str) for v in value) else None


def name_of(value: Any) -> str | None:
    """Return an id as text."""
    return None if value is None or isinstance(value, bool | float | list | Mapping) else str(value)
