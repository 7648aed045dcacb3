"""Reading and comparing mathematics with math-verify and sympy.

Any text may take any time and memory here, so only the worker processes
(`worker`) use it. math-verify reads and compares; this module adds regions
("x < 2 or x > 3", "7 \\ge x \\ge -2"), decimals among complex and irrational
constants, and the imaginary unit, which math-verify reads as a variable.
"""

import logging
import re
from functools import lru_cache
from typing import Any

import math_verify
import sympy
from math_verify.grader import is_relation, unwrap_fcs

from frontiers.grading.latex import for_algebra
from frontiers.grading.numerals import TOLERANCE

_DELIMITED = re.compile(r"\$|\\\(|\\\[|\\boxed")
_NOT_ONE_NUMBER = re.compile(r"[0-9]\s+[0-9]|[0-9]\.[0-9]+\.[0-9]")
_RELATION = re.compile(r"[<>]|\\(?:[lg]e|[lg]t|[lg]eq|[lg]eqslant|neq?)(?![a-z])")
_OR = re.compile(r",?\s?(?:\\text\s?\{\s?or\s?\}|(?<![A-Za-z])or(?![A-Za-z])|\\(?:lor|vee|cup)(?![a-z]))")
_AND = re.compile(r",?\s?(?:\\text\s?\{\s?and\s?\}|(?<![A-Za-z])and(?![A-Za-z])|\\(?:land|wedge)(?![a-z]))")
_IMAGINARY = sympy.I
_LATEX = [math_verify.LatexExtractionConfig()]

for _name in ("math_verify.parser", "math_verify.grader"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@lru_cache(maxsize=256)
def read(text: str) -> tuple[Any, ...]:
    """Return the sympy objects that `text` is read as, none if it cannot be read.

    Only math-verify's LaTeX reader is used: its search for plain numbers would
    take the first part of what it cannot read. Its time limits are off: they
    use SIGALRM, which does not interrupt a long operation of the interpreter;
    the worker's limits hold.
    """
    text = for_algebra(text)
    if _NOT_ONE_NUMBER.search(re.sub(r"([0-9]) (?=[0-9]{3}(?![0-9]))", r"\1", text)):
        return ()
    if _RELATION.search(text):
        for words, combine in ((_OR, sympy.Union), (_AND, sympy.Intersection)):
            parts = words.split(text)
            if 1 < len(parts) < 10 and all(_RELATION.search(part) for part in parts):
                regions = [_region(item) for part in parts for item in _parse(part)[:1]]
                if len(regions) == len(parts) and all(regions) and len({r[0] for r in regions if r}) == 1:
                    return (combine(*(r[1] for r in regions if r)),)
    return _parse(text)


def same(gold: Any, answer: Any) -> bool:
    """Return whether two of `read`'s objects are equal; decimals to within `numerals.TOLERANCE`."""
    if math_verify.verify(gold, answer, allow_set_relation_comp=True, timeout_seconds=None):
        return True
    regions = _region(gold), _region(answer)
    if regions[0] and regions[1]:
        return regions[0][0] == regions[1][0] and _same_set(regions[0][1], regions[1][1])
    return _same_constant(gold, answer)


def _parse(text: str) -> tuple[Any, ...]:
    """Return the sympy objects that math-verify reads in a formula."""
    if not _DELIMITED.search(text.replace("\\$", "")):
        text = f"${text}$"
    found = math_verify.parse(text, _LATEX, parsing_timeout=None)
    return tuple(item for item in found if not isinstance(item, str))


def _region(item: Any) -> tuple[str, sympy.Set] | None:
    """Return the variable and the set of its values if `item` is an inequality or a chain of them."""
    if not is_relation(item) or isinstance(item, sympy.Eq) or len(item.free_symbols) != 1:
        return None
    try:
        return str(*item.free_symbols), unwrap_fcs(item).as_set()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None


def _same_set(gold: sympy.Set, answer: sympy.Set) -> bool:
    """Return whether two sets of numbers are equal."""
    return bool(math_verify.verify(gold, answer, timeout_seconds=None))


def _same_constant(gold: Any, answer: Any) -> bool:
    """Return whether two constants are equal if one has decimals or the imaginary unit.

    With decimals the tolerance is that of `numerals.same_number`; else 15 digits.
    """
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return False
    decimal = gold.has(sympy.Float) or answer.has(sympy.Float)
    if not decimal and not any(s.name == "i" for s in gold.free_symbols | answer.free_symbols):
        return False
    try:
        one, other = (
            complex(item.subs({s: _IMAGINARY for s in item.free_symbols if s.name == "i"}).doit().evalf(20))
            for item in (gold, answer)
        )
    except (AttributeError, NotImplementedError, OverflowError, TypeError, ValueError):
        return False
    if decimal:
        return abs(one - other) <= float(TOLERANCE) * min(1.0, 1000 * abs(one))
    return abs(one - other) <= 1e-14 * max(1.0, abs(one))
