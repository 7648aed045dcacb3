"""Finding the final answer in the text a model wrote, and the answers in its boxes.

Only string work: no answer is read as mathematics here. Every pattern is
applied to a bounded stretch of text, so that the time is linear in its length,
whatever the text.
"""

import re
from collections import deque

from frontiers.data.problems import ANSWER_TYPES
from frontiers.grading.clean_text import LONGEST_ANSWER, clean, closing, final_part, trim
from frontiers.grading.multiple_choice import choice_letter, last_choice, stated_choice
from frontiers.grading.statements import (
    ANSWER_WORD,
    NON_ANSWER,
    bare,
    conclusion,
    gives_up,
    last,
    says_none,
    stated,
)
from frontiers.grading.structure import answer_field, first_exchange

TAIL = 50_000
"""Characters at the end of a completion in which an answer without a box or "####" is looked for."""
_LAST = 40
"""Number of trailing boxes searched."""

_BOX = re.compile(r"\\(?:f?boxed|Boxed|fbox|framebox)\s*(\{|[0-9A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"[\s$,;\\()\[\]]*(?:\\q?quad\s*)?(?:[A-Za-z]+\s){0,3}"
    r"(?:,|;|and|or|\\text\{[^{}]{0,40}\b(?:and|or)\s*\})\s*(?:\\q?quad)?[\s$,;\\()\[\]]*"
    r"(?:[A-Za-z](?:_\{?\w\}?)?\s?=\s?)?"
)
_END_OF_MATH = re.compile(r"(?<!\\)\$|\\\)|\\\]")


def check_type(answer_type: str) -> None:
    """Raise `ValueError` unless `answer_type` is a known one."""
    if answer_type not in ANSWER_TYPES:
        raise ValueError(f"unknown answer type {answer_type!r}; use one of {', '.join(ANSWER_TYPES)}")


def extract(completion: str, answer_type: str) -> str | None:
    """Return the final answer in `completion` as written, or None if there is none.

    Of a JSON object the answer is its field for it, and a last line "Answer:" that says that there is none
    ends the search. Else it is searched in this order: the last non-empty ``\\boxed{}`` (several joined by
    "and" count together), a ``}`` closing a box that was opened before the
    text began, the last "####" line, the last "answer is", and then, by
    `answer_type`: the conclusion of the end, the last number ("number"), the last formula or a text that
    is nothing else ("expression"), the last marked letter ("choice", returned
    as one capital A to J). A question that follows the answer is not read. Raises `ValueError` for an unknown type.
    """
    check_type(answer_type)
    text = first_exchange(clean(final_part(completion)))
    field = answer_field(text)
    if field is not None:
        text = field
    if says_none(text) or (field is not None and NON_ANSWER.match(field)):
        return None
    for finder in (_boxed, _closed_box, _hashes):
        found = finder(text, answer_type)
        if found is not None and NON_ANSWER.match(found):
            return None
        if answer_type == "choice" and found is not None:
            found = choice_letter(found)
        if found is not None:
            return found or None if len(found) <= LONGEST_ANSWER else None
    tail = text[-TAIL:]
    if answer_type == "choice":
        letter = stated_choice(tail)
        return (last_choice(tail) if letter is None else letter) or None
    said = stated(tail, answer_type)
    if said is None and not gives_up(tail):
        said = bare(tail, answer_type) or conclusion(tail, answer_type) or last(tail, answer_type)
    return said or None


def boxed_answers(text: str, joined: bool) -> list[list[str]]:
    """Return the answers in boxes, in order; each is a list of the contents of its boxes.

    Boxes joined by "and", "or" or a comma are one answer if `joined`. Empty
    boxes, and those around another box, are skipped. A box that is never closed
    is read to the end of its formula or line if it is the last one; an overlong
    one is returned as it is.
    """
    answers: list[list[str]] = []
    after = len(text)
    for match in reversed(deque(_BOX.finditer(text), maxlen=_LAST)):
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


def _boxed(text: str, answer_type: str) -> str | None:
    """Return the content of the last box, and for an expression of those joined to it."""
    answers = boxed_answers(text, joined=answer_type == "expression")
    return ", ".join(dict.fromkeys(answers[-1])) if answers else None


def _unclosed(rest: str) -> str:
    """Return the content of a box that is never closed; `rest` is the text after its opening."""
    if len(rest) > LONGEST_ANSWER:
        return trim(rest)
    line = rest.split("\n", 1)[0]
    return trim(next((part for part in _END_OF_MATH.split(line) if part.strip()), line))


def _closed_box(text: str, answer_type: str) -> str | None:
    """Return the text before a brace that is closed but never opened: the prompt had opened the box."""
    head = text[:400].lstrip()
    close = closing(head, 0)
    if close < 0 or "\n" in head[:close] or ANSWER_WORD.search(head[:close]):
        return None
    return trim(head[:close]) or None


def _hashes(text: str, answer_type: str) -> str | None:
    """Return what follows the last "####" on its line."""
    _, mark, rest = text.rpartition("####")
    return trim(rest.split("\n", 1)[0]) or None if mark else None
