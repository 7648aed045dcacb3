"""Finding the letter, A to J, that a text names as its choice. Only string work on bounded stretches of text."""

import re

_STATEMENTS = 40
"""Number of trailing statements searched."""
_LETTER = r"(?:\\(?:(?:text|textbf|mathrm|mathbf)\s{0,4}\{|bf\s|rm\s)\s{0,4})?\(?(?P<x>[A-Ja-j])\)?"
_SURELY = r"(?:(?:therefore|thus|then|hence|clearly|indeed|definitely|simply|probably|(?:most\s)?likely)[\s,:]{1,3})?"
_ANSWER_WORD = re.compile(
    r"(?:\b(?:answer|option|choice)s?\b|答案|选项?)[*_\"'\s]{0,4}(?:\([^()\n]{1,40}\)\s?)?"
    r"(?:[^.\n:=$*：]{0,80}?\b(?:is|are|was|be|equals)\b\s{0,2}:?|\s{0,2}(?:[:=：是为]|\s-\s)|(?=\n)|(?<=选))"
    r"[*_\s]{0,8}",
    re.IGNORECASE,
)
_STATED = re.compile(
    _SURELY + r"(?:not\s(?:option\s)?\(?[A-J]\)?,?\s(?:but|it'?s|it\sis)\s)?(?:option|choice)?"
    r"(?:[\s:*_(\[$\"'`{“<]|\\\(){0,8}(?P<box>\\boxed\{)?"
    + _LETTER
    + r"(?P<after>[\s.):,;}*_$\]\"'`”<\\。，]|$)",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"[\s)*]{0,4}(?:and|or|&|/|,)\s?\(?[A-J]\)?[\s).*]{0,4}(?:$|\n)")
_PREFERRED = re.compile(
    r"(?:\b(?:choose|chose|pick|select|go\swith|going\swith)\s(?:the\s)?(?:option\s|choice\s|answer\s)?"
    r"|\b(?:think|believe|say)\s(?:that\s)?(?:it'?s|it\sis|the\sanswer\sis)\s(?:option\s|choice\s)?"
    r"|\b(?:correspond(?:s|ing)?\sto|match(?:es|ing)?)\s(?:the\s)?(?:answer\s)?(?:option|choice)\s"
    r"|\bmust\sbe\s(?:option\s|choice\s)?)[*\"'`(]{0,4}(?P<x>[A-J]|(?<=option\s)[a-j]|(?<=option\s\()[a-j])\b"
    r"|(?:\b(?P<named>option|choice)\s)?[*\"'`(]{0,4}(?<![A-Za-z])(?P<y>[A-Ja-j])[*\"'`).]{0,4}\s(?:is|was)\s(?:also\s)?"
    r"(?:the\s)?(?:correct|right|best|most|answer|true)"
    r"|\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore),?\s(?:it'?s\s|it\sis\s)?[*]{0,2}(?:option\s|choice\s)?[*\"'`(]{0,4}"
    r"(?P<z>[A-J])(?=[*\"'`).]{0,4}\s{0,4}(?:$|\n))"
)
_LONE = re.compile(
    r"\W*(?:(?:text|textbf|mathrm|mathbf)\W*)?(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s)?\W*"
    r"(?:[A-Ja-j]\W*$|[A-J](?:[.):]|\s+is\s+(?:the\s+)?(?:correct|right|best|answer)))"
)
_WHOLE = re.compile(
    r"[\s*_$\\({\[]*(?:text(?:bf)?\{)?(?:option|choice|answer)?[\s:*_(]*" + _LETTER + r"(?:[\s.):,}*_$\]]|$)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\W*(?:(?:text|textbf|mathrm|mathbf)\W*)?\(?[A-J]\)?(?:\s?(?:,|and|or|/|&)\s?){1,3}\(?[A-J]\)?(?![A-Za-z])(?:\W|and|or|[A-J]\b){0,40}$"
    r"|\W*(?:(?:text|textbf|mathrm|mathbf)\W*)?\([A-J]\)[^()]{1,80}(?:,|\bor\b|\band\b)\s?\([A-J]\)"
)
_LAST_LINE = re.compile(r"\n\W{0,12}(?P<x>[A-J])\W{0,12}\Z")
_MARKED = re.compile(r"(?:^|\s)(?:\*\*\s?\(?(?P<x>[A-J])\)?[.)]?\s?\*\*|\((?P<y>[A-J])\))(?=[\s.,;]|$)")


def choice_letter(text: str) -> str | None:
    """Return the capital letter A to J that `text` begins with, as in "(b)", "\\text{B}" or "B. 12".

    Empty if it names several: "B, C", "(A) a hall or (C) a theatre".
    """
    if _SEVERAL.match(text[:200]):
        return ""
    match = _WHOLE.match(text[:200])
    return match["x"].upper() if match else None


def stated_choice(text: str) -> str | None:
    """Return the letter that the last "answer is", or else the last "B is correct" or "I choose B", names.

    None if there is no such statement; empty if the last one names several letters.
    """
    for match in reversed(list(_ANSWER_WORD.finditer(text))[-_STATEMENTS:]):
        stated = _STATED.match(text, match.end(), match.end() + 300)
        if stated and not _is_word(stated):
            return "" if _ANOTHER.match(text, stated.end("x"), stated.end("x") + 40) else stated["x"].upper()
    preferred = [m for m in list(_PREFERRED.finditer(text))[-_STATEMENTS:] if not m["y"] or _is_letter(m)]
    return (preferred[-1]["x"] or preferred[-1]["y"] or preferred[-1]["z"]).upper() if preferred else None


def last_choice(text: str) -> str | None:
    """Return the letter that is the whole `text` or its last line, or the last one marked as "(B)" or "**B**"."""
    if line := _LAST_LINE.search(text[-200:]):
        return line["x"]
    whole = text.strip()
    if len(whole) <= 200 and _LONE.match(whole):
        return choice_letter(whole)
    marked = list(_MARKED.finditer(text))
    return (marked[-1]["x"] or marked[-1]["y"]) if marked else None


def _is_letter(match: re.Match[str]) -> bool:
    """Return whether the letter of "b is correct" is marked as a choice; capitals always are."""
    return match["y"].isupper() or bool(match["named"]) or match[0].lstrip().startswith("(")


def _is_word(stated: re.Match[str]) -> bool:
    """Return whether the letter is a word, as in "the answer is a prime" or "answer: I think"."""
    if stated["x"].islower():
        return not stated["box"] and stated["after"] not in (")", ".", "}", "*", "")
    return stated["x"] == "I" and stated["after"].isspace()
