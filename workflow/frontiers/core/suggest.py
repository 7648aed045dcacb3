"""Suggestions for a misspelt name."""

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, or None if none is close."""
    return next(iter(difflib.get_close_matches(str(name), list(known), 1)), None)


def suggest(name: object, known: Iterable[str], what: str) -> str:
    """Return "did you mean …?" or, if no name is close, `what` and the list of known names."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else f"{what}: {', '.join(map(str, known)) or 'none'}"
