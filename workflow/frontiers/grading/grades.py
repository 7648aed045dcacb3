"""The table `grades`: a verdict on every generation of a benchmark, and what makes it ambiguous.

Refusals and different boxes are recorded with the grade; they never change it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import GENERATION
from frontiers.data.options import LETTERS
from frontiers.data.problems import Problem
from frontiers.grading.clean_text import clean, final_part
from frontiers.grading.extraction import TAIL, boxed_answers, extract
from frontiers.grading.grader import Grader, Verdict, unreadable
from frontiers.grading.latex import spelling

_END = 2_000
"""Characters at the end of a text in which a refusal is looked for."""
_REFUSAL = re.compile(
    r"\b(?:I|we)(?:'m|\sam|\sare)?\s(?:sorry\b(?!\s(?:for|if|about)\b)|(?:cannot|can\s?not|can['’]t|could\snot|couldn['’]t|will\snot|won['’]t"
    r"|do\snot|don['’]t|(?:am\s|are\s)?(?:not\sable|unable)\sto)\s(?:(?:really|actually|possibly)\s)?"
    r"(?:answer|solve|help|assist|provide|comply|fulfill?|determine|know|complete|have\s(?:enough|sufficient))\b)"
    r"|\bas\san\sAI\b(?![^.\n]{0,200}[0-9])|\b(?:unable|not\sable)\sto\s(?:answer|solve|help|assist|determine)\b",
    re.IGNORECASE,
)


_SENTENCE = re.compile(r"[^.!?\n]{0,1000}")
_GUESS = re.compile(
    r"[^.!?\n]{0,200}\b(?:so|but|guess|estimate|assume|therefore|hence|answer)\b[^.!?\n\d]{0,60}\d",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"####\s?\S|\banswer\b[*_\s]{0,4}(?::|is\b)[\s*$\\(]{0,9}(?:[-+]?[0-9]|\\[a-z]|[A-J]\b)", re.IGNORECASE
)
_GIVEN = re.compile(r"[0-9]|\$[^$\n]{1,200}\$|\\[(\[]|\b[B-J]\b")


class _Found(NamedTuple):
    """What was found in a completion."""

    extracted: str | None
    refused: bool
    boxed_answers: int


def grade_generations(generations: pd.DataFrame, problems: Sequence[Problem], grader: Grader) -> pd.DataFrame:
    """Return the rows of the table `grades` for those of `generations`, in the same order.

    The answer is graded, or the trace if the answer is empty and no
    end-of-thinking text was emitted or forced (`end_tokens` is 0: models
    without an end marker). Truncated generations are not graded. A chosen
    letter is translated to the benchmark's by `letters`, if there are. Raises
    `UserError` when a generation's problem is not among `problems`.
    """
    by_id: Mapping[str, Problem] = {problem.id: problem for problem in problems}
    if unknown := sorted(set(generations["problem_id"]) - set(by_id)):
        raise UserError(
            f"{len(unknown)} problem ids of the generations are not in the benchmark, the first is "
            f"{unknown[0]!r}; the benchmark has changed since: delete these generations and rerun snakemake"
        )
    texts: dict[tuple[str, str], _Found] = {}
    found: list[_Found] = []
    pairs: dict[int, tuple[str, str, str]] = {}
    columns = [generations[c] for c in ("problem_id", "truncated", "end_tokens", "reasoning", "answer")]
    columns.append(generations.get("letters", pd.Series(None, generations.index, dtype=object)))
    for row, (problem_id, truncated, end_tokens, reasoning, answer, letters) in enumerate(
        zip(*columns, strict=True)
    ):
        problem = by_id[problem_id]
        key = (answer if answer.strip() or end_tokens else reasoning, problem.answer_type)
        if key not in texts:
            texts[key] = _Found(extract(*key), refused(key[0]), different_boxes(*key))
        found.append(texts[key]._replace(extracted=None) if truncated else texts[key])
        if isinstance(letters, str) and found[-1].extracted is not None:
            shown = found[-1].extracted
            meant = dict(zip(LETTERS, letters, strict=False)).get(shown, shown)
            found[-1] = found[-1]._replace(extracted=meant)
        if found[-1].extracted is not None:
            pairs[row] = (found[-1].extracted, problem.answer, problem.answer_type)
    graded = dict(zip(pairs, grader.grade(pairs.values()), strict=True))
    verdicts = [
        graded.get(row, Verdict(False, "truncated" if truncated else "no_answer"))
        for row, truncated in enumerate(generations["truncated"])
    ]
    return generations[GENERATION].assign(
        correct=[verdict.correct for verdict in verdicts],
        extracted=pd.Series([one.extracted for one in found], dtype=object, index=generations.index),
        status=[verdict.status for verdict in verdicts],
        looping=generations["looping"],
        refused=[one.refused for one in found],
        boxed_answers=[one.boxed_answers for one in found],
    )


def refused(completion: str) -> bool:
    """Return whether the end of `completion` refuses or is unable to answer, and no answer is given.

    An answer is a box, "####", a stated answer, or a number or formula after the sentence that refuses.
    """
    text = clean(final_part(completion))
    found = list(_REFUSAL.finditer(text[-_END:]))
    if not found or boxed_answers(text, joined=True):
        return False
    rest = text[-_END:][found[-1].end() :]
    return not (
        _GUESS.match(rest) or _ANSWER.search(text[-TAIL:]) or _GIVEN.search(_SENTENCE.sub("", rest, count=1))
    )


def different_boxes(completion: str, answer_type: str) -> int:
    """Return the number of different answers in boxes of `completion` (its last 40 boxes are read).

    For an expression, boxes joined by "and" are one answer of several values;
    spellings of the same LaTeX are not different.
    """
    answers = boxed_answers(clean(final_part(completion)), joined=answer_type == "expression")
    return len({tuple(sorted(spelling(content) for content in answer)) for answer in answers})


def check_gold(problems: list[Problem], where: str, workers: int = 1) -> None:
    """Raise `UserError` if the grader cannot read the gold answer of some of the `problems`.

    `where` names their source in the message. Takes seconds where answers are
    more than numbers: math-verify reads each one.
    """
    bad = unreadable([(problem.answer, problem.answer_type) for problem in problems], workers)
    if bad:
        listed = "; ".join(f"{problems[i].id}: {problems[i].answer[:80]!r}" for i in bad[:5])
        raise UserError(
            f"{where}: {len(bad)} gold answers cannot be read as {problems[bad[0]].answer_type} ({listed}). "
            "Correct the benchmark's `answer_type`, or `columns` and `gold_pattern`, under `benchmarks:`"
        )
