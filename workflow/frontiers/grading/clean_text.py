"""Removing from a completion everything that is not the answer: reasoning, special tokens, invisible characters."""

import re

LONGEST_ANSWER = 2_000
"""Characters; anything longer is not a final answer and is not graded."""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNESCAPED = re.compile("\\\\?(?:(?P<b>\x08(?=oxed|egin))|\x0c(?=rac|box))")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>|</?s>|<eos>|<pad>|</?(?:think|thinking|thought|seed:think)>")
_FINAL_CHANNEL = re.compile(
    r"<\|channel\|>final\b[^<\n]{0,40}(?:<\|constrain\|>[a-z]{0,20})?<\|message\|>|(?<=[.\w\s])assistantfinal"
)
_NEXT_TURN = re.compile(
    r"<\|(?:im_start|start_header_id|start)\|>\s?(?:user|human)\b|<start_of_turn>user\b|<\|user\|>|\[INST\]"
)
_TRANSCRIPT = re.compile(
    r"\s*(?:<\|begin_of_text\|>|<\|(?:im_start|start_header_id|start)\|>\s?(?:system|developer)\b)"
)
_END_OF_THINKING = re.compile(r"</(?:think|thinking|thought|reasoning|seed:think)>|\[/THINK\]|◁/think▷")
_TAGGED = re.compile(r"<answer>(?P<inner>(?:(?!<answer>).)*?)(?:</answer>|$)", re.DOTALL | re.IGNORECASE)
_POLITE = re.compile(r"I\s?hope\s?it\s?is\s?correct.*", re.DOTALL)
_BRACE = re.compile(r"\\[{}]|[{}]")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"))


def clean(text: str) -> str:
    """Return `text` without control and invisible characters; lone surrogates become U+FFFD.

    A backspace or form feed in place of the "\\b" of "\\boxed" or the "\\f" of "\\frac" is restored.
    """
    text = _UNESCAPED.sub(lambda match: "\\b" if match["b"] else "\\f", text)
    return _UNSEEN.sub("", _SURROGATE.sub("\ufffd", text))


def final_part(text: str) -> str:
    """Return the text after the reasoning, or in the last <answer> tag, without special tokens.

    A block of reasoning is dropped only if it is closed and text follows it. A turn of a user that follows
    other text was invented by the model, and ends the text, unless a prompt stands at its beginning.
    """
    turn = None if _TRANSCRIPT.match(text) else _NEXT_TURN.search(text)
    if turn and _SPECIAL_TOKEN.sub("", text[: turn.start()]).strip():
        text = text[: turn.start()]
    if "analysis" in text[:40] or "<|channel|>" in text:
        text = _after_last(_FINAL_CHANNEL, text)
    text = _after_last(_END_OF_THINKING, text)
    if "<answer>" in text:
        tagged = [match["inner"] for match in _TAGGED.finditer(text[-4 * LONGEST_ANSWER :])]
        text = next((inner for inner in reversed(tagged) if inner.strip()), text)
    return _SPECIAL_TOKEN.sub("", text)


def _after_last(mark: re.Pattern[str], text: str) -> str:
    """Return the text after the last `mark`, or `text` if nothing follows it."""
    ends = [match.end() for match in mark.finditer(text)]
    if not ends or not _SPECIAL_TOKEN.sub("", text[ends[-1] :]).strip():
        return text
    return text[ends[-1] :]


def trim(answer: str) -> str:
    """Return `answer` without surrounding space, emphasis, formula marks and a closing full stop."""
    answer = _POLITE.sub("", answer).strip().strip("*_ \t\n").rstrip("\\ ")
    answer = answer[:-1].rstrip() if answer.endswith((".", ",", ";")) else answer
    for left, right in _DELIMITERS:
        inner = answer[len(left) : -len(right)]
        if (
            len(answer) > 2 * len(left)
            and answer.startswith(left)
            and answer.endswith(right)
            and left not in inner
        ):
            answer = inner.strip().rstrip(".,;") if not inner.endswith("\\") else answer
    answer = answer.strip().lstrip("= ")
    stray = closing(answer, 0)
    return answer if stray < 0 else answer[:stray].rstrip("$ ")


def closing(text: str, start: int) -> int:
    """Return where the brace open at `start` is closed, -1 if not within the longest answer."""
    depth = 1
    for match in _BRACE.finditer(text, start, start + LONGEST_ANSWER + 1):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return -1
