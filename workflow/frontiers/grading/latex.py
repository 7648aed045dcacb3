"""Normalising the many notations in which models write mathematics, before math-verify reads them.

Only string work on at most `clean_text.LONGEST_ANSWER` characters. Each rewrite
is for a form that math-verify reads wrongly or not at all; the forms, with the
reason, are in `tests/grading/math_verify_misses.json`.
"""

import re

_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "√": r"\sqrt ",
        "±": r"\pm ", "°": r"^\circ ", "²": "^2", "³": "^3", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}",
        "¾": r"\frac{3}{4}", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
    }
)  # fmt: skip
_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln|log|exp|gcd|lcm|max|min"
_UPRIGHT = r"\\(?:mathrm|textrm|operatorname\*?)\s?\{\s?"
_NOTATION = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^\\rm\s([A-Za-z]{1,12})$", r"\\mathrm{\1}"),
        (r"(?<=[0-9])\{,\}(?=[0-9]{3}(?![0-9]))", ","),
        (r"(?<![0-9},])([0-9]{1,40})\{,\}([0-9]{1,40})(?![0-9{])", r"\1.\2"),
        (r"(\\text\s?\{[^{}]{0,40})\\(?:text|textbf|textit|emph|mathrm)\s?\{([^{}]{0,40})\}", r"\1\2"),
        (r"\{\s?\\rm(?:\s|\\[ ,;])\s?([A-Za-z][A-Za-z/^0-9 .]{0,20})\}", r"\\mathrm{\1}"),
        (r"\{\s?\\rm\s?\{([A-Za-z]{1,12})\}\s?\}", r"\\mathrm{\1}"),
        (r"\\rm\s?\{([A-Za-z]{1,12})\}", r"\\mathrm{\1}"),
        (r"\\mathrm\s([A-Za-z])(?![A-Za-z])", r"\\mathrm{\1}"),
        (_UPRIGHT + r"([ei])\s?\}", r" \1"),
        (_UPRIGHT + rf"({_FUNCTIONS})\s?\}}", r"\\\1 "),
        (r"(?<!\\)\{([0-9]{1,3}(?:,[0-9]{3}){1,9})\}", lambda match: match[0].replace(",", "")),
        (r"\{\s?\}\s?(?=\^)", ""),
        (r"(\\text\s?\{[^{}$]{0,40})\$([^{}$]{1,20})\$", r"\1\2"),
        (r"(?<=[0-9])\s?\{\s?(\\(?:text|mathrm|mbox)\s?\{[^{}]{0,40}\})\s?\}", r"\1"),
    )
)
_BRACED_UNIT = re.compile(r"(?<=[0-9])\s?\{\s?([A-Za-z]{1,12})\s?\}")
_SPELLINGS = (
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    (re.compile(r"\\(?:left|right|displaystyle|[!,;:> ])|(?<![0-9])\s{1,99}|\s{1,99}(?![0-9])|\\q?quad"), ""),
    (re.compile(r"\\(?:mbox|textbf|mathrm|mathbf|textit)\{"), r"\\text{"),
    (re.compile(r"\^\{?\\circ\}?|\\\$|\$"), ""),
    (re.compile(r"\\frac([0-9])([0-9])"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\sqrt([0-9])"), r"\\sqrt{\1}"),
    (re.compile(r"\\(l|g|n)eq(?![a-z])"), r"\\\1e"),
)
_INNER = r"((?:[^{}]|\{[^{}]{0,200}\}){0,500})"
_SET = r"\\?\{\s*[a-zA-Z]\s*(?:\\in\s*\\mathbb\s*\{?R\}?\s*)?(?:\||:|\\mid|\\colon|\\vert)(.{1,300}?)\\?\}"
_DEGREES = r"\s*[({]?\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*\^\s*\{?\\circ\s*\}?\s*[)}]?"
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\n|\\\\\s*$|(?<!\\)\\ ", " "),
        (r"\\(?:textcolor|color)\s*\{[^{}]{0,40}\}\s*", ""),
        (r"\\(?:underline|boldsymbol|bm|mathbf|ensuremath)\s*\{" + _INNER + r"\}", r"\1"),
        (r"\\text\s*\{\s*([(\[]?-?[0-9][0-9.,/() \[\]-]{0,80})\}", r"\1"),
        (r"^\s*\\begin\s*\{(aligned|gathered|split)\}([^&\\]{1,200})\\end\s*\{\1\}\s*$", r"\2"),
        (r"\\langle|\\left\s*<(?=.*>)", "("),
        (r"\\rangle|\\right\s*>", ")"),
        (r"\\(?:left|right)\s*(?=[\[\]])", ""),
        (r"^\s*\]([^\[\]]{1,200})\[\s*$", r"(\1)"),
        (r"^\s*\]([^\[\]]{1,200})\]\s*$", r"(\1]"),
        (r"^\s*\[([^\[\]]{1,200})\[\s*$", r"[\1)"),
        (r"^\s*" + _SET + r"\s*$", r"\1"),
        (r"^\s*\\\{\s*\\\}\s*$|\\varnothing", r"\\emptyset"),
        (r";(?=\s*[(\[])", ","),
        (r"(?<=[0-9A-Za-z)}])\s*\*\*\s*(?=[0-9A-Za-z({-])", "^"),
        (
            r"(?<![A-Za-z0-9_.,}\\])([0-9]{1,20}(?:\.[0-9]{1,20})?|\([0-9]{1,20}\)|[0-9]{1,3}(?:,[0-9]{3}){1,9})"
            r"\s?\(([0-9]{1,20}(?:\.[0-9]{1,20})?)\)",
            lambda match: rf"{match[1].replace(',', '')}\cdot({match[2]})",
        ),
        (r"\^\s*(-?[0-9]{2,20}(?:\.[0-9]{1,20})?)", r"^{\1}"),
        (r"(?<![A-Za-z\\])(?:\\?sqrt|√)\s*(?:([0-9]{1,40})|\(([^()]{1,200})\))", r"\\sqrt{\1\2}"),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z0-9.])([0-9]{1,40}(?:\.[0-9]{1,40})?)[eE]\+?(-?[0-9]{1,3})$", r"\1\\times10^{\2}"),
        (r"\\log_\s?([0-9])\s{0,9}([0-9])", r"\\log_{\1} \2"),
        (r"\\(sin|cos|tan|cot|sec|csc)" + _DEGREES, r"\\\1(\\frac{\2\\pi}{180})"),
    )
)
_POWERS = re.compile(r"[0-9A-Za-z]{1,20}(?:\^[0-9A-Za-z]{1,20}){2,20}")
_MIXED = re.compile(r"(?<![0-9./])([0-9]{1,20})\s([0-9]{1,20})/([0-9]{1,20})(?![0-9])")
_RECURRING = re.compile(r"(?<![0-9.])([0-9]{0,40})\.([0-9]{0,40})\\overline\s?\{\s?([0-9]{1,40})\s?\}")
_BASE_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_BASE = re.compile(r"_\s?\{?\s?\\text\s?\{\s?(" + "|".join(_BASE_WORDS) + r")\s?\}\s?\}?")
_REVERSED = re.compile(r"^\s*([^=<>,A-Za-z]{0,20}[0-9][^=<>,A-Za-z]{0,20})=\s*([A-Za-z])\s*$")


def in_latex(answer: str) -> str:
    """Return `answer` with Unicode symbols in LaTeX and bare units in braces as text.

    Upright constants and functions lose their font ("\\mathrm{e}", "\\operatorname{ln}"), and a number that is
    the whole of a group its separators ("\\sqrt{1,000}").
    """
    for pattern, replacement in _NOTATION:
        answer = pattern.sub(replacement, answer)
    answer = _BASE.sub(lambda match: f"_{_BASE_WORDS.index(match[1]) + 2}", answer.translate(_SYMBOLS))
    return _BRACED_UNIT.sub(r"\\text{ \1}", answer)


def spelling(answer: str) -> str:
    """Return `answer` in one canonical LaTeX spelling; equal spellings mean equal answers."""
    for pattern, replacement in _SPELLINGS:
        answer = pattern.sub(replacement, answer)
    return answer


def for_algebra(answer: str) -> str:
    """Return `answer` in a notation that math-verify reads correctly.

    Changed are, among others, `2 3/4` (read as a product), `a^b^c` (read from the left), `0.1\\overline{6}`
    (read as a product), `]a, b[`, `{x | a < x < b}`, `x**2`, `2pi`, degrees in sines, and `5 = x`.
    """
    for pattern, replacement in _REWRITES:
        answer = pattern.sub(replacement, answer)
    if "," not in answer:
        answer = answer.replace(";", ",")
    answer = _RECURRING.sub(_recurring, _POWERS.sub(_from_the_right, answer))
    return _MIXED.sub(r"\1\\frac{\2}{\3}", _REVERSED.sub(r"\2=\1", answer))


def _from_the_right(match: re.Match[str]) -> str:
    """Return `a^b^c` as `a^{b^{c}}`."""
    parts = match[0].split("^")
    return "^{".join(parts) + "}" * (len(parts) - 1)


def _recurring(match: re.Match[str]) -> str:
    """Return a recurring decimal as a fraction: a.bccc… = (abc - ab) / (99…900…0)."""
    whole, fixed, cycle = match[1] or "0", match[2], match[3]
    top = int(whole + fixed + cycle) - int(whole + fixed)
    return rf"\frac{{{top}}}{{{'9' * len(cycle) + '0' * len(fixed)}}}"
