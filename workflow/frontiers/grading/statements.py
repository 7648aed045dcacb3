"""Finding the answer that a text states in prose: "the answer is", its conclusion, or the last thing in it.

Every pattern is applied to a bounded stretch of text.
"""

import itertools
import re
from collections.abc import Iterator

from frontiers.grading.clean_text import LONGEST_ANSWER, trim
from frontiers.grading.numerals import MONEY, read_number

_LAST = 40
"""Number of trailing statements of the answer searched."""
_SENTENCES = 12
"""Number of trailing sentences in which the conclusion is looked for."""
_GIVING_UP = 3
"""Number of trailing sentences in which it is looked for that there can be no answer."""


ANSWER_WORD = re.compile(
    r"(?:(?<!-)\banswers?\b|答案)[*_\"'\s]{0,4}(?:\([^()\n]{1,40}\)\s?)?"
    r"(?:(?:(?!,\swhich\b)[^.\n:=$*：]){0,80}?\b(?:is|are|was|be|equals)\b\s{0,2}:?|\s{0,2}(?:[:=：是为]|\s-\s)|(?=\n))[*_\s]{0,8}",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"(?<!\\)\$\$(?P<a>[^$]{1,2000})\$\$|(?<!\\)\$(?P<b>(?:\\\$|[^$\n]){1,2000}?)(?<!\\)\$(?![0-9]|<<)"
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
    r"(?:\\[dtc]?frac\{-?\d{1,40}\}\{\d{1,40}\}|(?<![\w.:])\d{1,2}:[0-5]\d(?![\d:])"
    rf"|(?:(?<![\w.])|(?<=[$€£¥₹]))(?:{_THOUSANDS}|\d{{1,400}})(?:\.\d{{1,400}})?(?:\s?/\s?\d{{1,40}})?"
    r"|(?<![\w.])\.\d{1,400})(?:\s?\\?%)?"
)
_ALTERNATIVE = re.compile(rf"\s?\$?\s?(?:or|\\text\{{\s?or\s?\}})\s\$?(?:{_NUMBER.pattern})")

NON_ANSWER = re.compile(
    r"[\W_]*(?:(?:text|mathrm)\s?\{\s?)?(?:(?:it|this|that|the\sanswer|which)\s(?:is\s)?)?(?:(?:the(?:\s[a-z]+){1,5}?\s)?(?:cannot|can\s?not|can['’]t|could\snot)\s(?:be\s)?"
    r"(?:determined?|answer(?:ed)?|found|computed?|solved?|calculated?)|(?:not\senough|insufficient)\s(?:information|data)"
    r"|impossible\sto\s(?:determine|tell|say)|no\s(?:unique\s)?answer|unknown|undetermined|n/a\b|none\sof\sthe\s(?:above|options)"
    r"|(?:I|we)\s(?:do\snot|don['’]t|cannot|can['’]t)\s(?:know|tell|say|determine))",
    re.IGNORECASE,
)
"""What a field for the answer says where there is none."""
_LABEL = re.compile(
    r"(?:^|\n)[\W_]{0,6}(?:final\s)?answer[\W_]{0,4}:[^\S\n]*(?P<value>[^\n]{1,400})\s*\Z", re.IGNORECASE
)
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|consequently|final(?:ly)?|in\sconclusion|in\stotal)\b|∴|\$\$|\\\[|=|\*\*",
    re.IGNORECASE,
)
"""Words of a conclusion, and what marks a result: a display, an equation, bold print."""
_ASIDE = re.compile(
    r"\W*(?:check|verif|note\b|where\b|recall\b|for\sexample|(?:this|that|it|which|as|everything)\s"
    r"(?:matches|satisf|confirms|agrees|checks|is\sconsistent|makes\ssense)|(?:please\s)?let\sme\sknow|feel\sfree"
    r"|if\syou\s(?:need|have|want|would)|(?:attained|achieved|reached)\s(?:at|when|for)\b)|\((?!\W*[0-9])[^()]*\)?\W*\Z",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?:since|because|as|if|when|given)\b.{0,300}?,(?!\d)\s", re.IGNORECASE)
"""A clause before the one that concludes."""
_SO = re.compile(r",\s(?:and\s)?(?:so|thus|hence|therefore|giving|which\smeans)\b", re.IGNORECASE)
_REMARK = re.compile(
    r"\s(?:\((?:for|where|with|when|if|since|as)\s[^()]{1,200}\)|(?:because|since)\s[^=]{1,300}"
    r"|(?:if|when)\s(?:(?!\b(?:is|are|was|were)\b)[^=,]){1,300})\W*\Z"
)
_CIRCUMSTANCE = re.compile(
    r"(?:\b(?:(?:(?<!last\s)(?<!lasts\s)for(?!\s(?:a|the)\stotal\b)|in(?!\s(?:total|all)\b)|after|by|than|(?<!left\s)with|on|every|per|at|over|within"
    r"|during|until|before|out\sof|of\s(?:the|his|her|their|its))\s(?:[a-z'’-]+\s){0,3}|(?:a|an|all|each|the|his|her|their|its)\s"
    r"|(?<!need\s)(?<!needs\s)(?<!have\s)(?<!has\s)(?<!had\s)(?<!able\s)to\s(?!an?\b|the\b)[a-z]+\s[^,;]{0,80})[$(*\\\[]{0,3}|#)\Z",
    re.IGNORECASE,
)
"""What precedes a number that says when, for what or of which, as in "in 3 days" or "to make 80 meatballs"."""
_ADJECTIVE = re.compile(r"-[a-z]|(?:st|nd|rd|th)\b")
"""What follows a number that is one, as in "400-meter" or "7th"."""
_CHAIN = re.compile(
    r"(?:(?:(?!\b(?:since|because|as|where|when|if)\b|,\s)[^=≈;\n]){1,200}[=≈]){1,9}\s{0,3}", re.IGNORECASE
)
_GIVES_UP = re.compile(
    r"\b(?:(?:cannot|can\snot|can['’]t|could\snot|couldn['’]t|unable\sto|not\sable\sto|(?:im|not\s)possible\sto)\s(?:be\s)?"
    r"(?:[a-z]+ly\s)?(?:determine|answer|calculate|compute|solve|find|tell|know|provide)d?"
    r"|(?:not|no|in)\s?(?:enough|sufficient)\s(?:information|data)|need\smore\sinformation)\b",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*(?P<inner>[^*\n]{1,200})\*\*")
_IS = re.compile(
    r"\b(?:is|are|was|were|equals|equal\sto|be)\b:?\s*(?:(?:exactly|about|approximately|only|simply|just|indeed|thus"
    r"|therefore|then|given\sby|equal\sto):?\s)?"
)
_JOINED = re.compile(r"\s*(?:,|;|,?\s?(?:and|or))\s*")
_OR = re.compile(r"\s*,?\s?or\s*")
_NAME = re.compile(
    r"(?:[A-Za-z\s,.()\[\]|_'{}]|\\(?:left|right|l?dots|[,;!$()\[\]]|angle|triangle|overline|mathbb|text|mathrm)|\$){1,80}"
)
_HOLE = re.compile("\ue000([0-9]{1,4})\ue001")


def stated(text: str, answer_type: str) -> str | None:
    """Return what follows the last "answer is" or "answer:" that names something of `answer_type`.

    Empty if it says that there is no answer. Under a heading the section's conclusion counts, unless the section
    begins with the bare answer.
    """
    for match in reversed(list(ANSWER_WORD.finditer(text))[-_LAST:]):
        rest = text[match.end() : match.end() + LONGEST_ANSWER]
        if NON_ANSWER.match(rest):
            return ""
        _, heading, section = match[0].partition("\n")
        section = (section + rest).lstrip()
        if heading and _PROSE.search(_MATH.sub("", section.split("\n", 1)[0])):
            found = conclusion(text[match.end() :], answer_type) or _first(rest, answer_type)
        else:
            found = _first(rest, answer_type)
        if found:
            return found
    return None


def says_none(text: str) -> bool:
    """Return whether `text` ends in a line "Answer: …" that says that there is no answer."""
    label = _LABEL.search(text[-LONGEST_ANSWER:])
    return label is not None and NON_ANSWER.match(label["value"]) is not None


def gives_up(text: str) -> bool:
    """Return whether `text` ends in a sentence that there can be no answer, with no number or formula in it."""
    for sentence in itertools.islice(_sentences(text[-LONGEST_ANSWER:]), _GIVING_UP):
        if _NUMBER.search(sentence) or _MATH.search(sentence):
            return False
        if _GIVES_UP.search(sentence):
            return True
    return False


def _first(rest: str, answer_type: str) -> str | None:
    """Return the answer that the sentence `rest` starts with."""
    formula = _MATH.match(rest)
    if formula and answer_type == "expression":
        after = rest[formula.end() :]
        more = _SENTENCE_END.split(after, 1)[0] if after[:1] not in (".", "\n") else ""
        return trim(formula[0] + more) if _MATH.search(more) else trim(formula[0])
    sentence = formula[0] if formula else _SENTENCE_END.split(rest, 1)[0]
    if answer_type == "number":
        if _SO.search(sentence) and not _NUMBER.match(sentence.lstrip(" $*")):
            sentence = _clause(sentence)
        after_equals = re.split(r"=|\\approx|≈", sentence)[-1]
        found = _NUMBER.search(after_equals) or _NUMBER.search(sentence)
        if found is None:
            return None
        alternative = _ALTERNATIVE.match(found.string, found.end())
        return found.string[found.start() : alternative.end() if alternative else found.end()].strip()
    if said := _after_is(sentence, answer_type):
        return said
    named = sentence[max((match.end() for match in _COPULA.finditer(sentence)), default=0) :]
    for part in (named, sentence):
        formulas = [match for match in _MATH.finditer(part) if not _NAME.fullmatch(match[0])]
        if formulas:
            return trim(part[formulas[0].start() : formulas[-1].end()])
        formulas = list(_MATH.finditer(part))
        if formulas and not _NUMBER.search(part):
            return trim(part[formulas[0].start() : formulas[-1].end()])
        if part.strip() and not _PROSE.search(part):
            return trim(part) or None
        if number := _NUMBER.search(part):
            return number[0].strip()
    return trim(sentence) or None


def bare(text: str, answer_type: str) -> str | None:
    """Return `text` if it is an answer and nothing else."""
    if answer_type == "number":
        return text.strip() if len(text) <= 100 and read_number(text.strip()) else None
    whole = trim(text)
    short = 0 < len(whole) <= 100 and "\n" not in whole and "boxed" not in whole
    words = re.findall("[A-Za-z]{3,}", _MATH.sub("", whole)) if _MATH.search(whole) else []
    return whole if short and set(words) <= {"and"} and not _PROSE.search(_TEXT.sub("", whole)) else None


def last(text: str, answer_type: str) -> str | None:
    """Return the last thing of `answer_type`, for a text that declares no answer."""
    if answer_type == "number":
        numbers = [match[0].strip() for match in _NUMBER.finditer(text[-LONGEST_ANSWER:])]
        return numbers[-1] if numbers else None
    end = text.rstrip()[-LONGEST_ANSWER:]
    line = end.rfind("\n") + 1
    found = [*list(_MATH.finditer(end))[-1:], *list(_NUMBER.finditer(end, line))[-1:]]
    return trim(max(found, key=lambda match: match.end())[0]) if found else None


def conclusion(text: str, answer_type: str) -> str | None:
    """Return the answer that the end of `text` concludes with, None if no sentence of it holds one.

    For a number that is the last sentence with one that is no aside, for an expression the last one that begins
    or ends a conclusion ("therefore", "the sum is"), unless a later one says what something is, or has a display,
    an equation or bold print.

    Assumed is English in which a conclusion comes last in its sentence, after its reasons ("since", ", so"), and
    what comes after it are circumstances ("in 3 days", "to make 80 meatballs", "if she works 7 days"), whose
    numbers count only where there is no other.
    """
    found = None
    for sentence in _sentences(text[-LONGEST_ANSWER:]):
        if _ASIDE.match(sentence) and not _SO.search(sentence):
            continue
        sentence = _clause(sentence)
        said = _after_is(sentence, answer_type)
        if (value := said or _value(sentence, answer_type)) is None:
            continue
        if said or answer_type == "number" or _CONCLUDES.search(sentence):
            return value
        found = found or value
    return found


def _sentences(text: str) -> Iterator[str]:
    """Yield the last sentences of `text`, the last one first; a formula is never divided."""
    formulas = [match[0] for match in _MATH.finditer(text)]
    numbers = iter(range(len(formulas)))
    masked = _MATH.sub(
        lambda match: f"\ue000{next(numbers)}\ue001" + ". " * (match[match.lastgroup].rstrip()[-1:] == "."),
        re.sub("[\ue000\ue001]", " ", text),
    )
    masked = re.sub(r"(?<![.!?\s])\s*\n\s*(?=\ue000[0-9]+\ue001\s*(?:\n|[.,]|\Z))", " ", masked)
    masked = re.sub(
        r"(?<=\ue001)\s*\n\s*(?=(?!where|which|so|and|with|since|as|this|for|if)[a-z])", " ", masked
    )
    for sentence in [part for part in _SENTENCE_END.split(masked) if part.strip()][: -_SENTENCES - 1 : -1]:
        yield _HOLE.sub(lambda match: formulas[int(match[1])], sentence).strip()


def _clause(sentence: str) -> str:
    """Return the part of a sentence that concludes, without its reasons and a remark in parentheses at its end."""
    shorter = _REMARK.sub("", sentence)
    sentence = shorter if _NUMBER.search(shorter) else sentence
    reason = _REASON.match(sentence)
    starts = [reason.end()] if reason else []
    for start in reversed([*starts, *(match.end() for match in _SO.finditer(sentence))]):
        if _NUMBER.search(sentence, start):
            return sentence[start:]
    return sentence


def _after_is(sentence: str, answer_type: str) -> str | None:
    """Return the answer that follows the last "is" of a sentence at once."""
    ends = [match.end() for match in _IS.finditer(sentence)]
    part = sentence[ends[-1] :] if ends else ""
    bold = _BOLD.match(part)
    part = bold["inner"].strip() if bold else part.lstrip("*_ ")
    formula = _MATH.match(part)
    if answer_type == "number":
        chain = _CHAIN.match(part)
        if chain and (result := _NUMBER.match(part, chain.end())):
            return result[0].strip()
        number = _number_in(formula[0]) if formula else _NUMBER.match(part)
        return number[0].strip() if number else None
    if formula:
        return None if _NAME.fullmatch(formula[0]) and _NUMBER.search(part) else _joined(part)
    number = _NUMBER.match(part)
    whole = (
        re.search(r"[0-9]|\\[a-z]", part)
        and not _PROSE.search(_TEXT.sub("", part))
        and not _MATH.search(part)
    )
    return trim(part) or None if whole else number and number[0].strip()


def _value(sentence: str, answer_type: str) -> str | None:
    """Return the last thing in a sentence that may be its answer; what is in bold comes first."""
    bold = [match["inner"].strip() for match in _BOLD.finditer(sentence)]
    bold = [inner for inner in bold if _NUMBER.search(inner) and not _PROSE.search(_TEXT.sub("", inner))]
    number = _main_number(bold[-1] if bold else sentence)
    if answer_type == "number":
        return number
    formulas = [match for match in _MATH.finditer(sentence) if not _NAME.fullmatch(match[0])]
    start = formulas[-1].start() if formulas else 0
    for before, after in itertools.pairwise(reversed(formulas)):
        if not _OR.fullmatch(sentence, after.end(), before.start()):
            break
        start = after.start()
    found = bold[-1:] or [sentence[start : match.end()] for match in formulas[-1:]] or [number or ""]
    return trim(found[0]) or None


def _main_number(sentence: str) -> str | None:
    """Return the last number that is no circumstance, of those in formulas if there are any."""
    formulas = list(_MATH.finditer(sentence))
    numbers = list(_NUMBER.finditer(sentence))
    marked = [n for n in numbers if any(f.start() <= n.start() < f.end() for f in formulas)]
    found = marked or numbers
    nouns = [n for n in found if not _ADJECTIVE.match(sentence, n.end())]
    main = [n for n in nouns if not _CIRCUMSTANCE.search(sentence[max(0, n.start() - 100) : n.start()])]
    return (main or nouns or found)[-1][0].strip() if found else None


def _number_in(formula: str) -> re.Match[str] | None:
    """Return the number that a formula is or, of an equation, equals."""
    return _NUMBER.search(re.split(r"=|\\approx|≈", formula)[-1])


def _joined(part: str) -> str | None:
    """Return the formulas that `part` begins with, joined by commas, "and" or "or"."""
    end = 0
    while match := _MATH.match(part, end):
        end = match.end()
        if not (more := _JOINED.match(part, end)) or not _MATH.match(part, more.end()):
            break
        end = more.end()
    return trim(part[:end]) or None
