"""Reading plain numbers exactly and quickly, without their units, currency and separators."""

import re
from fractions import Fraction
from typing import NamedTuple

TOLERANCE = Fraction(5, 10**7)
"""Absolute: numbers with decimals are compared to six places, as math-verify does."""

_PLAIN = re.compile(
    r"(?P<sign>[+-]?)\s?(?:(?P<figure>[0-9]{1,400}(?:\.[0-9]{1,400})?)(?:\s?/\s?(?P<over>[0-9]{1,40}))?"
    r"|\\[dtc]?frac\s?(?:\{\s?(?P<top>-?[0-9]{1,40})\s?\}\s?\{\s?(?P<bottom>[0-9]{1,40})\s?\}"
    r"|(?P<short>[0-9][0-9])))"
)
_LATEX_NOISE = re.compile(r"\\[!,;:> ]|\\left|\\right|~")
_UNIT = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox|operatorname)\s*\{([^{}]*)\}|\{([A-Za-z. ]{1,40})\}")
_EQUALS = re.compile(r"=|≈|\\approx\b")
_ASIDE = re.compile(
    r"^(?:about|approximately|around|roughly|exactly|only)\s|\s\([A-Za-z -]{1,60}\)$", re.IGNORECASE
)
MONEY = r"(?:\\?[$€£¥₹]|(?:US|A|C|NZ|HK)\\?\$|(?:USD|EUR|GBP|CHF|JPY|INR|CNY|Rs\.?)\s?(?=[0-9]))"
"""What precedes an amount of money."""
_VALUE = (
    r"(?P<frac>\\[dt]?frac\{\s*(?P<top>-?[0-9]{1,40})\s*\}\{\s*(?P<bottom>[0-9]{1,40})\s*\})"
    r"|(?P<mixed>[0-9]{1,3}(?:(?:\.[0-9]{3})+|(?: [0-9]{3})+),[0-9]{1,9})"
    r"|(?P<dotted>[0-9]{1,3}(?:\.[0-9]{3}){2,})"
    r"|(?P<indian>[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"
    r"|(?P<grouped>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+)(?P<cents>\.[0-9]{0,40})?"
    r"|(?P<comma>[0-9]{1,400},(?:[0-9]{1,2}|[0-9]{4,40}))"
    r"|(?P<plain>[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?P<power>e[+-]?[0-9]{1,3})?(?:\s?/\s?(?P<over>[0-9]{1,40}))?"
)
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s?(?P<money>{MONEY})?\s?(?P<inner>-?)(?:{_VALUE})\s?(?P<scale>thousand|million|billion)?"
    r"\s?(?P<percent>\\?%|percent\b)?(?P<money_after>\s?\\?[$€£¥₹])?"
    r"\s?(?P<unit>(?:\^?\\circ|\^\{\\circ\}|°)?\s?[A-Za-z]*(?:[ /][A-Za-z.]+){0,6}(?:\^\{?[23]\}?)?)\.?",
    re.IGNORECASE,
)
_ONE_LETTER_UNITS = frozenset("gmlshLGWJNVAC")
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}


def read_plain(text: str) -> Fraction | None:
    """Return the number that `text` is: digits with a sign and decimals, or a fraction of integers."""
    match = _PLAIN.fullmatch(text.strip())
    if match is None:
        return None
    top, bottom = match["figure"] or match["top"], match["over"] or match["bottom"] or "1"
    if match["short"]:
        top, bottom = match["short"]
    if not int(bottom):
        return None
    value = Fraction(top) / int(bottom)
    return -value if match["sign"] == "-" else value


class Reading(NamedTuple):
    """A number, and whether it was written as a percentage (then `value` is its figure: 28 for 28%)."""

    value: Fraction
    percent: bool


def read_number(text: str) -> Reading | None:
    """Return the one number that `text` is, with its separators, money sign and unit.

    "1,234.50", "1 000", "1.000,5", "12,50,000", "$18", "10cents", "74{kg}",
    "3/4", "1.5e3", "80+150=230", "about 5" and "2 million" are read; None for
    anything that is not one number, such as "3x" or "5 or 6".
    """
    text = re.sub(r",\\!\s*", ",", text).rstrip("\"'″′")
    for noise, plain in (("{,}", ","), ("−", "-"), ("\\,", ""), ("\\!", "")):
        text = text.replace(noise, plain)
    text = _LATEX_NOISE.sub(" ", text)
    text = _UNIT.sub(lambda match: " " + (match[1] or match[2] or ""), text)
    text = _ASIDE.sub("", _EQUALS.split(re.sub(r"\s+", " ", text))[-1].strip(" $"))
    match = _NUMBER.fullmatch(text)
    if match is None or any(match[name] and not int(match[name]) for name in ("over", "bottom")):
        return None
    unit = match["unit"].strip()
    if len(unit) == 1 and unit.isalpha() and unit not in _ONE_LETTER_UNITS:
        return None
    if re.search(r"\b(?:and|or|to|dozens?|hundreds?|pi|e)\b", unit, re.IGNORECASE):
        return None
    value = _value(match) * _SCALES.get((match["scale"] or "").lower(), 1)
    negative = (match["sign"] == "-") != (match["inner"] == "-")
    percent = match["percent"] is not None or unit.lower().startswith("percent")
    return Reading(-value if negative else value, percent)


def _value(match: re.Match[str]) -> Fraction:
    """Return the number in the groups of `_VALUE`, without its sign."""
    if match["frac"]:
        return Fraction(int(match["top"]), int(match["bottom"]))
    if match["mixed"]:
        return Fraction(re.sub("[. ]", "", match["mixed"]).replace(",", "."))
    if whole := match["dotted"] or match["indian"]:
        return Fraction(re.sub("[.,]", "", whole))
    if match["grouped"]:
        return Fraction(re.sub("[, ]", "", match["grouped"]) + (match["cents"] or "").rstrip("."))
    if match["comma"]:
        return Fraction(match["comma"].replace(",", "."))
    power = int((match["power"] or "e0")[1:])
    return Fraction(match["plain"].rstrip(".")) * Fraction(10) ** power / int(match["over"] or 1)


def same_number(one: Fraction, gold: Fraction) -> bool:
    """Return whether `one` is the number `gold`; where either has decimals, to within `TOLERANCE`.

    Under 0.001 the tolerance shrinks with the gold, so that small numbers are not all equal.
    """
    if not any(value.denominator > 1 and _terminates(value) for value in (one, gold)):
        return one == gold
    return abs(one - gold) <= TOLERANCE * min(1, 1000 * abs(gold))


def _terminates(value: Fraction) -> bool:
    """Return whether `value` can be written with finitely many decimals."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
