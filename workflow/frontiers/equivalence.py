"""Whether an answer equals the gold answer: quick rules first, then math-verify.

`settle` never takes noticeable time and runs anywhere. `judge` hands hostile
text to a computer algebra system and therefore runs only in the grader's
worker processes (`grading_worker`), under limits of time and memory.
"""

import logging
import re
from functools import lru_cache
from typing import Any, Literal

from frontiers.extraction import LONGEST_ANSWER, check_type, clean, extract, trim
from frontiers.numerals import read_number, read_plain, same_number

_DELIMITED = re.compile(r"\$|\\\(|\\\[|\\boxed")
_BRACED_UNIT = re.compile(r"(?<=[0-9])\s?\{\s?([A-Za-z]{1,12})\s?\}")
_TALK = re.compile(r"\\boxed|####|\banswer\b|\n", re.IGNORECASE)
_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "√": r"\sqrt ", "±": r"\pm ",
        "°": r"^\circ ", "²": "^2", "³": "^3", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    }
)  # fmt: skip
_SPELLINGS = (
    (re.compile(r"\\[dt]frac"), r"\\frac"),
    (re.compile(r"\\(?:left|right|[!,;:> ])|(?<![0-9])\s+|\s+(?![0-9])|\\q?quad"), ""),
    (re.compile(r"\\(?:mbox|textbf|mathrm|mathbf|textit)\{"), r"\\text{"),
    (re.compile(r"\^\{?\\circ\}?|\\\$|\$"), ""),
    (re.compile(r"\\frac([0-9])([0-9])"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\sqrt([0-9])"), r"\\sqrt{\1}"),
)
_WORDS = re.compile(r"(?P<text>\\text\{)?\(?(?P<words>[A-Za-z][A-Za-z '-]{0,80})\)?(?(text)\})")
_POWERS = re.compile(r"[0-9A-Za-z]{1,20}(?:\^[0-9A-Za-z]{1,20}){2,20}")
_NOT_ONE_NUMBER = re.compile(r"[0-9]\s+[0-9]|[0-9]\.[0-9]+\.[0-9]")
_MIXED = re.compile(r"(?<![0-9./])([0-9]{1,20})\s([0-9]{1,20})/([0-9]{1,20})(?![0-9])")
_NUMERAL_IN_BASE = re.compile(r"[0-9A-Za-z]{1,80}_\{?([0-9]{1,3})\}?")
UNSETTLED: Literal["unsettled"] = "unsettled"


def spelling(answer: str) -> str:
    """Return `answer` in one of the many spellings LaTeX has for it; equal spellings mean equal answers."""
    for pattern, replacement in _SPELLINGS:
        answer = pattern.sub(replacement, answer)
    return answer


def prepare(answer: str, answer_type: str) -> str | None:
    """Return `answer` cleaned for comparison; where it is a whole text, the final answer in it.

    Raises `ValueError` for an unknown answer type.
    """
    check_type(answer_type)
    if answer_type == "choice" or len(answer) > LONGEST_ANSWER or _TALK.search(answer):
        return extract(answer, answer_type)
    return trim(_BRACED_UNIT.sub(r"\\text{ \1}", clean(answer).translate(_SYMBOLS))) or None


def settle(answer: str, gold: str, answer_type: str) -> bool | Literal["unsettled"] | None:
    """Return the verdict where it needs no algebra, else `UNSETTLED`.

    Settled are choices, texts without an answer (None), equal spellings, plain
    numbers and, for the type "number", numbers with units and separators.
    """
    one, other = prepare(answer, answer_type), prepare(gold, answer_type)
    if one is None or other is None or not re.search(r"\w", one):
        return None
    if answer_type == "choice" or spelling(one) == spelling(other):
        return one == other or answer_type != "choice"
    words = _WORDS.fullmatch(one), _WORDS.fullmatch(other)
    if words[0] and words[1] and words[1]["text"]:
        return words[0]["words"].casefold().split() == words[1]["words"].casefold().split()
    bases = _NUMERAL_IN_BASE.fullmatch(one), _NUMERAL_IN_BASE.fullmatch(other)
    if bases[0] and bases[1] and bases[0][1] != bases[1][1]:
        return False
    plain = read_plain(one), read_plain(other)
    if plain[0] is not None and plain[1] is not None:
        return same_number(plain[0], plain[1])
    if answer_type == "number" or plain[1] is not None:
        read = read_number(one), read_number(other)
        if read[0] is not None and read[1] is not None:
            equal = same_number(read[0].value, read[1].value)
            if equal or (answer_type == "number" and not (read[0].percent or read[1].percent)):
                return equal
    return UNSETTLED


def judge(answer: str, gold: str, answer_type: str) -> bool | None:
    """Return whether math-verify finds `answer` equal to `gold`; None where one of them cannot be read.

    May take any time and memory: for the worker processes only.
    """
    one, other = prepare(answer, answer_type), prepare(gold, answer_type)
    if one is None or other is None:
        return None
    golds, answers = _read(other), _read(one)
    if not golds or not answers:
        return None
    verify = _math_verify().verify
    return any(verify(g, a, timeout_seconds=None) for g in golds for a in answers)


def readable(gold: str, answer_type: str) -> bool:
    """Return whether the grader can read `gold` as mathematics; for the worker processes only."""
    text = prepare(gold, answer_type)
    if text is None or answer_type == "choice":
        return text is not None
    return (answer_type == "number" and read_number(text) is not None) or bool(_read(text))


@lru_cache(maxsize=1)
def _math_verify() -> Any:
    """Import math-verify, which takes a second, when it is first needed.

    Its own time limits rest on SIGALRM, which does not interrupt a long
    operation of the interpreter; they are off, the worker's limits hold.
    """
    import math_verify

    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return math_verify


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[Any, ...]:
    """Return what math-verify reads `text` as: sympy objects, none where it cannot be read.

    Only its reading of LaTeX is used: its search for plain numbers would take
    the first part of what it cannot read. It reads `2 3` as a sum and `a^b^c`
    from the left, which is prevented here.
    """
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", _POWERS.sub(_from_the_right, text.replace("\n", " ")))
    if _NOT_ONE_NUMBER.search(re.sub(r"([0-9]) (?=[0-9]{3}(?![0-9]))", r"\1", text)):
        return ()
    if not _DELIMITED.search(text.replace("\\$", "")):
        text = f"${text}$"
    latex = [_math_verify().LatexExtractionConfig()]
    found = _math_verify().parse(text, latex, parsing_timeout=None)
    return tuple(item for item in found if not isinstance(item, str))


def _from_the_right(match: re.Match[str]) -> str:
    """Return `a^b^c` as `a^{b^{c}}`."""
    parts = match[0].split("^")
    return "^{".join(parts) + "}" * (len(parts) - 1)
