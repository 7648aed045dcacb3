"""The lettered options of a multiple-choice problem, and the same problem with its options in another order."""

import re
from dataclasses import replace

from frontiers.data.problems import Problem

LETTERS = "ABCDEFGHIJ"
_LABEL = re.compile(
    r"^[ \t]*(?:[-*][ \t]+)?[(*]{0,3}(?P<letter>[A-J])(?:[).:]|\*\*)[).:*]{0,3}[ \t]", re.MULTILINE
)


def labels(text: str) -> list[re.Match[str]]:
    """Return the labels of the last options in `text`, "A) ", "(B) " or "**C.** " at the start of a line; A first.

    Empty unless there are at least two.
    """
    found = list(_LABEL.finditer(text))
    for first in range(len(found) - 1, -1, -1):
        chain: list[re.Match[str]] = []
        for match in found[first:]:
            if len(chain) < len(LETTERS) and match["letter"] == LETTERS[len(chain)]:
                chain.append(match)
        if len(chain) > 1:
            return chain
    return []


def options_of(text: str) -> tuple[str, list[str]]:
    """Return what precedes the last options in `text`, and the options; the last one goes on to the end of the text."""
    chain = labels(text)
    if not chain:
        return text, []
    ends = [match.start() for match in chain[1:]] + [len(text)]
    options = [text[match.end() : end].strip() for match, end in zip(chain, ends, strict=True)]
    return text[: chain[0].start()].strip(), options


def relettered(problem: Problem, letters: str) -> Problem:
    """Return a choice with the letters under which a model saw its options.

    `letters` has, for each letter shown to the model from A on, the option's letter in the benchmark.
    """
    shown = dict(zip(letters, LETTERS, strict=False))
    question = problem.question
    for match in reversed(labels(question)):
        place = match.start("letter")
        question = question[:place] + shown.get(match["letter"], "?") + question[place + 1 :]
    return replace(problem, question=question, answer=shown.get(problem.answer, problem.answer))
