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
from frontiers.grading.numerals import MONEY, read_number

TAIL = 50_000
"""Characters at the end of a completion in which an answer without a box or "####" is looked for."""
_LAST = 40
"""Number of trailing boxes, or statements of the answer, searched."""

_ANSWER_WORD = re.compile(
    r"(?:\banswers?\b|答案)[*_\"'\s]{0,4}(?:\([^()\n]{1,40}\)\s?)?"
    r"(?:[^.\n:=$*：]{0,80}?\b(?:is|are|was|be|equals)\b\s{0,2}:?|\s{0,2}(?:[:=：是为]|\s-\s)|(?=\n))[*_\s]{0,8}",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"(?<!\\)\$\$(?P<a>[^$]{1,2000})\$\$|(?<!\\)\$(?P<b>(?:\\\$|[^$\n]){1,2000}?)(?<!\\)\$"
    r"|\\\((?P<c>.{1,2000}?)\\\)|\\\[(?P<d>.{1,2000}?)\\\]",
    re.DOTALL,
)
_COPULA = re.compile(r"\b(?:is|are|was|equals)\b:?")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm)\s?\{[^{}]{0,200}\}")
_PROSE = re.compile(r"[A-Za-z]{3,}\s+[A-Za-z]{2,}")
_SENTENCE_END = re.compile(r"\n|[.!?](?:\s|$)|(?<=[$)\]])\.")
_THOUSANDS = (
    r"\d{1,3}(?:(?:,|\{,\}|,\s?\\!\s?|\\,|\\!)\d{3})+(?!\d)|\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?:,\d{1,9})?(?!\d)"
    r"|\d{1,3}(?:\.\d{3})+,\d{1,9}|\d{1,3}(?:\.\d{3}){2,}(?![.\d])|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)"
)
_NUMBER = re.compile(
    rf"(?:(?<![\w.)}}\]])[-+−]\s?)?(?:(?<![A-Za-z]){MONEY} ?)?(?:(?<=[$€£¥₹])[-−])?"
    r"(?:\\[dtc]?frac\{-?\d{1,40}\}\{\d{1,40}\}"
    rf"|(?:(?<![\w.])|(?<=[$€£¥₹]))(?:{_THOUSANDS}|\d{{1,400}})(?:\.\d{{1,400}})?(?:\s?/\s?\d{{1,40}})?"
    r"|(?<![\w.])\.\d{1,400})(?:\s?\\?%)?"
)
_ALTERNATIVE = re.compile(rf"\s?\$?\s?(?:or|\\text\{{\s?or\s?\}})\s\$?(?:{_NUMBER.pattern})")
_BOX = re.compile(r"\\(?:f?boxed|Boxed|fbox|framebox)\s*(\{|[0-9A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"[\s$,;\\()\[\]]*(?:\\q?quad\s*)?(?:[A-Za-z]+\s){0,3}"
    r"(?:,|;|and|or|\\text\{[^{}]{0,40}\b(?:and|or)\s*\})\s*(?:\\q?quad)?[\s$,;\\()\[\]]*"
)
_END_OF_MATH = re.compile(r"(?<!\\)\$|\\\)|\\\]")


def check_type(answer_type: str) -> None:
    """Raise `ValueError` unless `answer_type` is a known one."""
    if answer_type not in ANSWER_TYPES:
        raise ValueError(f"unknown answer type {answer_type!r}; use one of {', '.join(ANSWER_TYPES)}")


def extract(completion: str, answer_type: str) -> str | None:
    """Return the final answer in `completion` as written, or None if there is none.

    Searched in this order: the last non-empty ``\\boxed{}`` (several joined by
    "and" count together), a ``}`` closing a box that was opened before the
    text began, the last "####" line, the last "answer is", and then, by
    `answer_type`: the last number ("number"), the last formula or a text that
    is nothing else ("expression"), the last marked letter ("choice", returned
    as one capital A to J). Raises `ValueError` for an unknown type.
    """
    check_type(answer_type)
    text = clean(final_part(completion))
    for finder in (_boxed, _closed_box, _hashes):
        found = finder(text, answer_type)
        if answer_type == "choice" and found is not None:
            found = choice_letter(found)
        if found is not None:
            return found if len(found) <= LONGEST_ANSWER else None
    tail = text[-TAIL:]
    if answer_type == "choice":
        stated = stated_choice(tail)
        return last_choice(tail) if stated is None else stated or None
    return _stated(tail, answer_type) or _last(tail, answer_type) or None


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
    if close < 0 or "\n" in head[:close] or _ANSWER_WORD.search(head[:close]):
        return None
    return trim(head[:close]) or None


def _hashes(text: str, answer_type: str) -> str | None:
    """Return what follows the last "####" on its line."""
    _, mark, rest = text.rpartition("####")
    return trim(rest.split("\n", 1)[0]) or None if mark else None


def _stated(text: str, answer_type: str) -> str | None:
    """Return what follows the last "answer is" or "answer:" that names something of `answer_type`."""
    for match in reversed(list(_ANSWER_WORD.finditer(text))[-_LAST:]):
        if found := _first(text[match.end() : match.end() + LONGEST_ANSWER], answer_type):
            return found
    return None


def _first(rest: str, answer_type: str) -> str | None:
    """Return the answer that the sentence `rest` starts with."""
    formula = _MATH.match(rest)
    if formula and answer_type == "expression":
        after = rest[formula.end() :]
        more = _SENTENCE_END.split(after, 1)[0] if after[:1] not in (".", "\n") else ""
        return trim(formula[0] + more) if _MATH.search(more) else trim(formula[0])
    sentence = formula[0] if formula else _SENTENCE_END.split(rest, 1)[0]
    if answer_type == "number":
        after_equals = re.split(r"=|\\approx|≈", sentence)[-1]
        found = _NUMBER.search(after_equals) or _NUMBER.search(sentence)
        if found is None:
            return None
        alternative = _ALTERNATIVE.match(found.string, found.end())
        return found.string[found.start() : alternative.end() if alternative else found.end()].strip()
    stated = sentence[max((match.end() for match in _COPULA.finditer(sentence)), default=0) :]
    for part in (stated, sentence):
        formulas = list(_MATH.finditer(part))
        if formulas:
            return trim(part[formulas[0].start() : formulas[-1].end()])
        if part.strip() and not _PROSE.search(part):
            return trim(part) or None
        if number := _NUMBER.search(part):
            return number[0].strip()
    return trim(sentence) or None


def _last(text: str, answer_type: str) -> str | None:
    """Return the last thing of `answer_type`, for a text that declares no answer."""
    if answer_type == "number":
        if len(text) <= 100 and read_number(text.strip()):
            return text.strip()
        numbers = [match[0].strip() for match in _NUMBER.finditer(text[-LONGEST_ANSWER:])]
        return numbers[-1] if numbers else None
    whole = trim(text)
    short = 0 < len(whole) <= 100 and "\n" not in whole and "boxed" not in whole
    if short and not _PROSE.search(_TEXT.sub("", whole)):
        return whole
    end = text.rstrip()[-LONGEST_ANSWER:]
    line = end.rfind("\n") + 1
    found = [*list(_MATH.finditer(end))[-1:], *list(_NUMBER.finditer(end, line))[-1:]]
    return trim(max(found, key=lambda match: match.end())[0]) if found else None
