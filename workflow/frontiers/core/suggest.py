"""What may have been meant by a name that is not known."""

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None if none is alike."""
    return next(iter(difflib.get_close_matches(str(name), list(known), 1)), None)


def suggest(name: object, known: Iterable[str], what: str) -> str:
    """Return "did you mean …?" or, if nothing is alike, the list of what is known."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else f"{what}: {', '.join(map(str, known)) or 'none'}"
