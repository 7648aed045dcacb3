"""Reading what a text puts into ``\\boxed{}``."""

import re

from frontiers.cleaning import LONGEST_ANSWER, closing, trim

_LAST = 40
"""The last so many boxes are looked at."""
_BOX = re.compile(r"\\(?:f?boxed|Boxed|fbox|framebox)\s*(\{|[0-9A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"[\s$,;\\()\[\]]*(?:\\q?quad\s*)?(?:[A-Za-z]+\s){0,3}"
    r"(?:,|;|and|or|\\text\{[^{}]{0,40}\b(?:and|or)\s*\})\s*(?:\\q?quad)?[\s$,;\\()\[\]]*"
)
_END_OF_MATH = re.compile(r"(?<!\\)\$|\\\)|\\\]")


def boxed_answers(text: str, joined: bool) -> list[list[str]]:
    """Return the answers in boxes, in order; each is a list of the contents of its boxes.

    Boxes joined by "and", "or" or a comma are one answer if `joined`. Empty
    boxes, and those around another box, are left out. A box that is never
    closed is read to the end of its formula or line if it is the last one; an
    overlong one is returned as it stands.
    """
    answers: list[list[str]] = []
    after = len(text)
    for match in reversed(list(_BOX.finditer(text))[-_LAST:]):
        close = closing(text, match.end()) if match[1] == "{" else match.end() - 1
        if close < 0:
            content = _unclosed(text[match.end() :]) if after == len(text) else ""
        else:
            content = trim(text[match.end() : close] if match[1] == "{" else match[1])
        if close > after or (close < 0 and answers):
            continue
        between = text[close + 1 : after] if close >= 0 else ""
        if content:
            if joined and answers and len(between) <= 80 and _BETWEEN.fullmatch(between):
                answers[0].insert(0, content)
            else:
                answers.insert(0, [content])
        after = match.start()
    return answers


def _unclosed(rest: str) -> str:
    """Return the content of a box that no brace closes; `rest` is all that follows its opening."""
    if len(rest) > LONGEST_ANSWER:
        return trim(rest)
    line = rest.split("\n", 1)[0]
    return trim(next((part for part in _END_OF_MATH.split(line) if part.strip()), line))
