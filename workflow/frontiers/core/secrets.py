"""Keys and tokens that must not be seen: taken out of whatever is printed or stored."""

import os
import re

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
"""Environment variables whose values are secret."""
SHORTEST = 6
"""Characters from which a value is taken for a secret: shorter ones occur by chance."""
HIDDEN = "[hidden]"

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_SHAPED = re.compile(r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{16,})")
_known: set[str] = set()


def known(value: str | None) -> str | None:
    """Remember a secret, to be hidden from now on, and return it."""
    if value and len(value) >= SHORTEST:
        _known.add(value)
    return value


def redacted(text: str) -> str:
    """Return `text` with every known secret, every authorization and everything that looks like a key hidden."""
    values = _known | {value for name in VARIABLES if len(value := os.environ.get(name, "")) >= SHORTEST}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _SHAPED.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", text))
