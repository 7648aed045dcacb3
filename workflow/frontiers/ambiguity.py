"""What makes a graded text ambiguous, told beside the grade and without a bearing on it."""

import re

from frontiers.boxes import boxed_answers
from frontiers.cleaning import clean, final_part
from frontiers.notation import spelling

_END = 2_000
"""Characters at the end of a text in which a refusal is looked for."""
_REFUSAL = re.compile(
    r"\b(?:I|we)(?:'m|\sam|\sare)?\s(?:sorry\b|(?:cannot|can\s?not|can['’]t|could\snot|couldn['’]t|will\snot|won['’]t"
    r"|do\snot|don['’]t|(?:am\s|are\s)?(?:not\sable|unable)\sto)\s(?:(?:really|actually|possibly)\s)?"
    r"(?:answer|solve|help|assist|provide|comply|fulfill?|determine|know|complete|have\s(?:enough|sufficient))\b)"
    r"|\bas\san\sAI\b|\b(?:unable|not\sable)\sto\s(?:answer|solve|help|assist|determine)\b",
    re.IGNORECASE,
)


def refused(completion: str) -> bool:
    """Return whether the end of `completion` says that it will not or cannot answer, and has no box."""
    text = clean(final_part(completion))
    return _REFUSAL.search(text[-_END:]) is not None and not boxed_answers(text, joined=True)


def different_boxes(completion: str, answer_type: str) -> int:
    """Return how many different answers stand in boxes of `completion` (its last 40 boxes are read).

    For an expression, boxes joined by "and" are one answer of several values;
    spellings of the same LaTeX are not different.
    """
    answers = boxed_answers(clean(final_part(completion)), joined=answer_type == "expression")
    return len({tuple(sorted(spelling(content) for content in answer)) for answer in answers})
