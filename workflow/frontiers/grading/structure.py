"""Answers in the structure of a completion: a JSON object with a field for the answer, and what follows the answer."""

import re

from frontiers.grading.clean_text import LONGEST_ANSWER

_FIELD = re.compile(
    r"[\"'](?:final[_ ]?|correct[_ ]?)?(?:answer|choice)(?:[_ ]?(?:letter|value|choice))?[\"']\s{0,9}:\s{0,9}"
    r"(?:\"(?P<text>(?:[^\"\\]|\\.){0,2000})\"|(?P<bare>\[[^\[\]]{0,500}\]|[^\s,\[\]{}\"]{1,400}))",
    re.IGNORECASE | re.DOTALL,
)
_JSON_END = re.compile(r"\}\s{0,99}(?:```\s{0,99})?\Z")
_ESCAPED = re.compile(r"\\(?:([\"\\/])|n(?![a-z]))")
_NEXT = re.compile(
    r"\n[\s#*]{0,9}(?:(?:(?:next\s|new\s|another\s)?(?:question|problem|exercise|instruction)|(?:next|new|another)\sexample|Q|Human|User)"
    r"[*]{0,2}\s?:|(?:question|problem|exercise|example)\s{1,2}[0-9]{1,4}[*]{0,2}\s?(?::|\n)|(?:user|human)\n)",
    re.IGNORECASE,
)
_ANSWERED = re.compile(
    r"\\boxed\s?\{|####\s{0,9}[^\s#]|\banswers?\b[*_\s]{0,4}(?::|\b(?:is|are)\b)[\s*$\\(]{0,9}[-0-9A-J\\]",
    re.IGNORECASE,
)
_BARE = re.compile(r"\s{0,99}[-$(\\]{0,4}[0-9][^\sA-Za-z]{0,99}\n")


def answer_field(text: str) -> str | None:
    """Return the value of the last field for the answer if `text` ends in a JSON object that has one, else None.

    A value without quotes is returned as written, and the empty text for null.
    """
    end = text[-4 * LONGEST_ANSWER :].rstrip()
    if not _JSON_END.search(end[-250:]):
        return None
    found = list(_FIELD.finditer(end))
    if not found:
        return None
    if found[-1]["bare"] is not None:
        return "" if found[-1]["bare"] in ("null", "None") else found[-1]["bare"]
    return _ESCAPED.sub(lambda match: match[1] or "\n", found[-1]["text"])


def first_exchange(text: str) -> str:
    """Return `text` up to the question that a model invents after it has answered its own.

    It has answered with a box, "####", "the answer is" or nothing but the answer.
    """
    answered = _BARE.match(text) or _ANSWERED.search(text)
    next_ = _NEXT.search(text, answered.end() - 1) if answered else None
    return text[: next_.start()] if next_ else text
