"""Finding the final answer in the text a model wrote.

Only string work: no answer is read as mathematics here. Every pattern is
applied to a bounded stretch of text, so that the time is linear in its length
whatever the text holds.
"""

import re

from frontiers.numerals import read_number

ANSWER_TYPES = ("number", "expression", "choice")
LONGEST_ANSWER = 2_000
"""Characters; what is longer is not a final answer and is not graded."""
TAIL = 50_000
"""Characters at the end of a completion in which an answer without a box or "####" is looked for."""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>|</?s>|<eos>|<pad>|</?think>")
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_BOX = re.compile(r"\\f?boxed\s*(\{|[0-9A-Za-z](?![A-Za-z]))")
_BRACE = re.compile(r"\\[{}]|[{}]")
_BETWEEN_BOXES = re.compile(
    r"[\s$,;\\()\[\]]*(?:\\q?quad\s*)?(?:[A-Za-z]+\s){0,3}"
    r"(?:,|;|and|or|\\text\{[^{}]{0,40}\b(?:and|or)\s*\})\s*(?:\\q?quad)?[\s$,;\\()\[\]]*"
)
_ANSWER_WORD = re.compile(
    r"\banswers?\b[*_\s]{0,4}(?:\([^()\n]{1,40}\)\s?)?"
    r"(?:[^.\n:=$*]{0,80}?\b(?:is|are|was|be|equals)\b\s{0,2}:?|\s{0,2}[:=]|(?=\n))[*_\s]{0,8}",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"(?<!\\)\$\$(?P<a>[^$]{1,2000})\$\$|(?<!\\)\$(?P<b>(?:\\\$|[^$\n]){1,2000}?)(?<!\\)\$"
    r"|\\\((?P<c>.{1,2000}?)\\\)|\\\[(?P<d>.{1,2000}?)\\\]",
    re.DOTALL,
)
_COPULA = re.compile(r"\b(?:is|are|was|equals)\b:?")
_PROSE = re.compile(r"[A-Za-z]{3,}\s+[A-Za-z]{2,}")
_POLITE = re.compile(r"I\s?hope\s?it\s?is\s?correct.*", re.DOTALL)
_SENTENCE_END = re.compile(r"\n|[.!?](?:\s|$)|(?<=[$)\]])\.")
_NUMBER = re.compile(
    r"(?:(?<![\w.)}\]])[-+−]\s?)?(?:\\?[$€£¥] ?)?(?:(?<=[$€£¥])[-−])?"
    r"(?:\\[dt]?frac\{-?\d{1,40}\}\{\d{1,40}\}"
    r"|(?:(?<![\w.])|(?<=[$€£¥]))(?:\d{1,3}(?:,\d{3})+|\d{1,400})(?:\.\d{1,400})?(?:\s?/\s?\d{1,40})?"
    r"|(?<![\w.])\.\d{1,400})(?:\s?\\?%)?"
)
_LETTER = r"(?:\\(?:text|textbf|mathrm|mathbf)\s*\{\s*)?\(?(?P<x>[A-Ja-j])\)?"
_CHOICE_WORD = re.compile(
    _ANSWER_WORD.pattern.replace("answers?", "(?:answer|option|choice)s?"), re.IGNORECASE
)
_LONE_CHOICE = re.compile(
    r"\W*(?:(?:text|textbf|mathrm|mathbf)\W*)?(?:[A-Ja-j]\W*$|[A-J](?:[.):]|\s+is\s+(?:the\s+)?(?:correct|right|best|answer)))"
)
_WHOLE_CHOICE = re.compile(
    r"[\s*_$\\({\[]*(?:option|choice|answer)?[\s:*_(]*" + _LETTER + r"(?:[\s.):,}*_$\]]|$)",
    re.IGNORECASE,
)
_SAID_CHOICE = re.compile(
    r"(?:option|choice)?[\s:*_(\[$]{0,6}(?P<box>\\boxed\{)?" + _LETTER + r"(?P<after>[\s.):,}*_$\]]|$)",
    re.IGNORECASE,
)
_MARKED_CHOICE = re.compile(
    r"(?:^|\s)(?:\*\*\s?\(?(?P<x>[A-J])\)?[.)]?\s?\*\*|\((?P<y>[A-J])\))(?=[\s.,;]|$)"
)


def clean(text: str) -> str:
    """Return `text` without control and invisible characters; lone surrogates become U+FFFD."""
    return _UNSEEN.sub("", _SURROGATE.sub("\ufffd", text))


def check_type(answer_type: str) -> None:
    """Raise `ValueError` unless `answer_type` is a known one."""
    if answer_type not in ANSWER_TYPES:
        raise ValueError(f"answer type {answer_type!r} is unknown; known are {', '.join(ANSWER_TYPES)}")


def extract(completion: str, answer_type: str) -> str | None:
    """Return the final answer in `completion` as written, or None where there is none.

    Looked for in this order: the last non-empty ``\\boxed{}`` (several joined by
    "and" count together), a ``}`` closing a box that was opened before the
    text began, the last "####" line, the last "answer is", and then, by
    `answer_type`: the last number ("number"), the last formula or a text that
    is nothing else ("expression"), the last marked letter ("choice", returned
    as one capital A to J). Raises `ValueError` for an unknown type.
    """
    check_type(answer_type)
    text = clean(_after_reasoning(completion))
    for finder in (_boxed, _closed_box, _hashes):
        found = finder(text, answer_type)
        if answer_type == "choice" and found is not None:
            found = choice_letter(found)
        if found is not None:
            return found if len(found) <= LONGEST_ANSWER else None
    return _said(text[-TAIL:], answer_type) or _last(text[-TAIL:], answer_type)


def choice_letter(text: str) -> str | None:
    """Return the capital letter A to J that `text` begins with, as in "(b)", "\\text{B}" or "B. 12"."""
    match = _WHOLE_CHOICE.match(text[:200])
    return match["x"].upper() if match else None


def _after_reasoning(text: str) -> str:
    """Drop a closed reasoning block and special tokens, unless nothing would be left."""
    for mark in (_FINAL_CHANNEL, "</think>"):
        if mark in text:
            rest = text.rsplit(mark, 1)[1]
            if _SPECIAL_TOKEN.sub("", rest).strip():
                text = rest
    return _SPECIAL_TOKEN.sub("", text)


def trim(answer: str) -> str:
    """Return `answer` without surrounding space, emphasis, formula marks and a closing full stop."""
    answer = _POLITE.sub("", answer).strip().strip("*_ \t\n")
    answer = answer[:-1].rstrip() if answer.endswith((".", ",", ";")) else answer
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        inner = answer[len(left) : -len(right)]
        if (
            len(answer) > 2 * len(left)
            and answer.startswith(left)
            and answer.endswith(right)
            and left not in inner
        ):
            answer = inner.strip().rstrip(".,;") if not inner.endswith("\\") else answer
    answer = answer.strip().lstrip("= ")
    stray = _closing(answer, 0)
    return answer if stray < 0 else answer[:stray].rstrip("$ ")


def _closing(text: str, start: int) -> int:
    """Return where the brace that stands open at `start` is closed, -1 if not within the longest answer."""
    depth = 1
    for match in _BRACE.finditer(text, start, start + LONGEST_ANSWER + 1):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return -1


def _boxed(text: str, answer_type: str) -> str | None:
    """The content of the last non-empty box, and of those joined to it; an overlong box as it stands."""
    boxes: list[tuple[int, int, str]] = []
    for match in reversed(list(_BOX.finditer(text))[-40:]):
        close = _closing(text, match.end()) if match[1] == "{" else match.end() - 1
        if close < 0 and not boxes:
            rest = text[match.end() :]
            return trim(rest.split("\n", 1)[0] if len(rest) <= LONGEST_ANSWER else rest) or None
        content = trim(text[match.end() : close] if match[1] == "{" else match[1])
        if close < 0 or (boxes and not _BETWEEN_BOXES.fullmatch(text[close + 1 : boxes[0][0]][:80])):
            break
        if content:
            boxes.insert(0, (match.start(), close + 1, content))
    contents = list(dict.fromkeys(content for _, _, content in boxes))
    if not contents:
        return None
    return contents[-1] if answer_type != "expression" else ", ".join(contents)


def _closed_box(text: str, answer_type: str) -> str | None:
    """What stands before a brace closed but never opened: the prompt had opened the box."""
    head = text[:400].lstrip()
    close = _closing(head, 0)
    if close < 0 or "\n" in head[:close] or _ANSWER_WORD.search(head[:close]):
        return None
    return trim(head[:close]) or None


def _hashes(text: str, answer_type: str) -> str | None:
    """What follows the last "####" on its line."""
    _, mark, rest = text.rpartition("####")
    return trim(rest.split("\n", 1)[0]) or None if mark else None


def _said(text: str, answer_type: str) -> str | None:
    """What follows the last "answer is" or "answer:" that names something of the type asked for."""
    words = _CHOICE_WORD if answer_type == "choice" else _ANSWER_WORD
    for match in reversed(list(words.finditer(text))[-40:]):
        rest = text[match.end() : match.end() + LONGEST_ANSWER]
        if answer_type == "choice":
            said = _SAID_CHOICE.match(rest)
            found = said["x"].upper() if said and not _is_word(said) else None
        else:
            found = _first(rest, answer_type)
        if found:
            return found
    return None


def _is_word(said: re.Match[str]) -> bool:
    """Return whether the letter is a word, as in "the answer is a prime" or "answer: I think"."""
    if said["x"].islower():
        return not said["box"] and said["after"] not in (")", ".", "}", "*", "")
    return said["x"] == "I" and said["after"].isspace()


def _first(rest: str, answer_type: str) -> str | None:
    """The answer that the sentence `rest` starts with."""
    formula = _MATH.match(rest)
    if formula and answer_type == "expression":
        after = rest[formula.end() :]
        more = _SENTENCE_END.split(after, 1)[0] if after[:1] not in (".", "\n") else ""
        return trim(formula[0] + more) if _MATH.search(more) else trim(formula[0])
    sentence = formula[0] if formula else _SENTENCE_END.split(rest, 1)[0]
    if answer_type == "number":
        after_equals = re.split(r"=|\\approx|≈", sentence)[-1]
        found = _NUMBER.search(after_equals) or _NUMBER.search(sentence)
        return found[0].strip() if found else None
    said = sentence[max((match.end() for match in _COPULA.finditer(sentence)), default=0) :]
    for part in (said, sentence):
        formulas = list(_MATH.finditer(part))
        if formulas:
            return trim(part[formulas[0].start() : formulas[-1].end()])
        if part.strip() and not _PROSE.search(part):
            return trim(part) or None
        if number := _NUMBER.search(part):
            return number[0].strip()
    return trim(sentence) or None


def _last(text: str, answer_type: str) -> str | None:
    """The last thing of the type asked for, where nothing was declared to be the answer."""
    if answer_type == "choice":
        whole = text.strip()
        if len(whole) <= 200 and _LONE_CHOICE.match(whole):
            return choice_letter(whole)
        marked = list(_MARKED_CHOICE.finditer(text))
        return (marked[-1]["x"] or marked[-1]["y"]) if marked else None
    if answer_type == "number":
        if len(text) <= 100 and read_number(text.strip()):
            return text.strip()
        numbers = [match[0].strip() for match in _NUMBER.finditer(text[-LONGEST_ANSWER:])]
        return numbers[-1] if numbers else None
    whole = trim(text)
    if 0 < len(whole) <= 100 and "\n" not in whole and "boxed" not in whole and not _PROSE.search(whole):
        return whole
    end = text.rstrip()[-LONGEST_ANSWER:]
    line = end.rfind("\n") + 1
    found = [*list(_MATH.finditer(end))[-1:], *list(_NUMBER.finditer(end, line))[-1:]]
    return trim(max(found, key=lambda match: match.end())[0]) if found else None
