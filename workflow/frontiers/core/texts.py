"""Texts that cannot be stored."""


def text_fault(text: str) -> str | None:
    """Return why a text cannot be stored, None if it can: half of a pair of UTF-16, which is no character, or a NUL."""
    odd = next((each for each in text if "\ud800" <= each <= "\udfff" or each == "\0"), None)
    if odd is None:
        return None
    kind = "a NUL" if odd == "\0" else "half of a surrogate pair"
    return (
        f"has {kind}, \\u{ord(odd):04x}, at character {text.index(odd):,}: remove it, or fetch the text again"
    )
