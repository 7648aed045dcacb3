"""Whether an answer equals the gold answer: quick rules first, then symbolic.

`settle` is fast and runs anywhere. `judge` hands hostile text to a computer
algebra system and therefore runs only in the worker processes (`worker`), under
limits of time and memory.
"""

import re
from functools import lru_cache
from typing import Literal

from frontiers.grading.clean_text import LONGEST_ANSWER, clean, trim
from frontiers.grading.extraction import check_type, extract
from frontiers.grading.latex import in_latex, spelling
from frontiers.grading.numerals import read_number, read_plain, same_number

_TALK = re.compile(r"\\boxed|####|\banswer\b|\n", re.IGNORECASE)
_WORDS = re.compile(r"(?P<text>\\text\{)?\(?(?P<words>[A-Za-z][A-Za-z0-9 .,'-]{0,80})\)?(?(text)\})")
_NUMERALS = re.compile(
    r"(?:\\text\{)?\s?(?:(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|\w{3,5}teen|sixty|seventy|eighty|ninety|hundred|thousand|million|and)[\s,-]{0,2}){1,12}\}?",
    re.IGNORECASE,
)
_NUMERAL_IN_BASE = re.compile(r"[0-9A-Za-z]{1,80}_\{?([0-9]{1,3})\}?")
_CLOCK = re.compile(
    r"(?P<time>[0-9]{1,2}:[0-5][0-9](?::[0-5][0-9])?)\s?(?:\\text\s?\{\s?)?(?:(?P<half>[ap])\.?\s?m\.?)?\s?\}?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?:\\?\$)?-?[0-9]{1,3}(?:(?:,(?:\\!)?\s?|\{,\})[0-9]{3})+(?:\.[0-9]{1,40})?")
UNSETTLED: Literal["unsettled"] = "unsettled"
Settled = bool | Literal["unsettled"] | None


def prepare(answer: str, answer_type: str) -> str | None:
    """Return `answer` cleaned for comparison; of a whole text, the final answer in it.

    Raises `ValueError` for an unknown answer type.
    """
    if len(answer) > LONGEST_ANSWER:
        return extract(answer, answer_type)
    return _prepare(answer, answer_type)


@lru_cache(maxsize=5_000)
def _prepare(answer: str, answer_type: str) -> str | None:
    """Do what `prepare` does, for a short text."""
    check_type(answer_type)
    if answer_type == "choice" or _TALK.search(answer):
        return extract(answer, answer_type)
    return trim(in_latex(clean(answer))) or None


def settle(answer: str, gold: str, answer_type: str) -> Settled:
    """Return the verdict if it needs no algebra, else `UNSETTLED`.

    Settled are choices, texts without an answer and numbers in words (None), equal spellings, plain numbers
    and, for the type "number", numbers with units and separators.
    """
    one, other = prepare(answer, answer_type), prepare(gold, answer_type)
    if one is None or other is None or not re.search(r"\w|\\\{", one):
        return None
    if answer_type == "choice":
        return one == other
    if spelling(one) == spelling(other):
        return True
    verdict = _compare_words(one, other)
    if verdict is not UNSETTLED:
        return verdict
    if _NUMERALS.fullmatch(one):
        return None
    clocks = _CLOCK.fullmatch(one), _CLOCK.fullmatch(other)
    if clocks[0] and clocks[1]:
        halves = {match["half"].lower() for match in clocks if match["half"]}
        return clocks[0]["time"] == clocks[1]["time"] and len(halves) < 2
    bases = _NUMERAL_IN_BASE.fullmatch(one), _NUMERAL_IN_BASE.fullmatch(other)
    if bases[0] and bases[1] and bases[0][1] != bases[1][1]:
        return False
    return _compare_numbers(one, other, answer_type)


def _compare_words(answer: str, gold: str) -> Settled:
    """Return the verdict on two texts of words, one of them in `\\text`."""
    one, other = _WORDS.fullmatch(answer), _WORDS.fullmatch(gold)
    if one and other and (one["text"] or other["text"]):
        if one["words"].casefold().split() == other["words"].casefold().split():
            return True
        if other["text"] and not re.search("[0-9]", other["words"]):
            return False
    return UNSETTLED


def _compare_numbers(answer: str, gold: str, answer_type: str) -> Settled:
    """Return the verdict on two numbers; units and separators are read where type or gold is a number."""
    plain = read_plain(answer), read_plain(gold)
    if plain[0] is not None and plain[1] is not None:
        return same_number(plain[0], plain[1])
    if answer_type == "number" or plain[1] is not None or _GROUPED.fullmatch(gold):
        read = read_number(answer), read_number(gold)
        if read[0] is not None and read[1] is not None:
            equal = same_number(read[0].value, read[1].value)
            if equal or (answer_type == "number" and not (read[0].percent or read[1].percent)):
                return equal
    return UNSETTLED


def judge(answer: str, gold: str, answer_type: str) -> bool | None:
    """Return whether algebra finds `answer` equal to `gold`; None if either cannot be read.

    May take any time and memory: for the worker processes only.
    """
    one, other = prepare(answer, answer_type), prepare(gold, answer_type)
    if one is None or other is None:
        return None
    from frontiers.grading import symbolic

    golds, answers = symbolic.read(other), symbolic.read(one)
    if not golds or not answers:
        return None
    return any(symbolic.same(g, a) for g in golds for a in answers)


def readable(gold: str, answer_type: str) -> bool:
    """Return whether the grader can read `gold` as mathematics; for the worker processes only."""
    text = prepare(gold, answer_type)
    if text is None or answer_type == "choice":
        return text is not None
    from frontiers.grading import symbolic

    return (answer_type == "number" and read_number(text) is not None) or bool(symbolic.read(text))
