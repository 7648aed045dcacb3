"""The table `grades`: what the generations of a benchmark's problems are worth."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from frontiers.ambiguity import different_boxes, refused
from frontiers.cli import UserError
from frontiers.grading import Grader, Verdict, extract
from frontiers.problems import Problem


class _Found(NamedTuple):
    """What was found in a completion."""

    extracted: str | None
    refused: bool
    boxed_answers: int


def grade_generations(generations: pd.DataFrame, problems: Sequence[Problem], grader: Grader) -> pd.DataFrame:
    """Return the rows of the table `grades` for those of `generations`, in the same order.

    Graded is the answer, or the trace where the answer is empty and no
    end-of-thinking text was emitted or forced (`end_tokens` is 0: models
    without an end marker). Truncated generations are not graded. Raises
    `UserError` when a generation's problem is not among `problems`.
    """
    by_id: Mapping[str, Problem] = {problem.id: problem for problem in problems}
    if unknown := sorted(set(generations["problem_id"]) - set(by_id)):
        raise UserError(
            f"{len(unknown)} problem ids of the generations are not in the benchmark, the first is "
            f"{unknown[0]!r}; the benchmark has changed since: delete these generations and run again"
        )
    texts: dict[tuple[str, str], _Found] = {}
    found: list[_Found] = []
    pairs: dict[int, tuple[str, str, str]] = {}
    columns = [generations[c] for c in ("problem_id", "truncated", "end_tokens", "reasoning", "answer")]
    for row, (problem_id, truncated, end_tokens, reasoning, answer) in enumerate(zip(*columns, strict=True)):
        problem = by_id[problem_id]
        key = (answer if answer.strip() or end_tokens else reasoning, problem.answer_type)
        if key not in texts:
            texts[key] = _Found(extract(*key), refused(key[0]), different_boxes(*key))
        found.append(texts[key]._replace(extracted=None) if truncated else texts[key])
        if found[-1].extracted is not None:
            pairs[row] = (found[-1].extracted, problem.answer, problem.answer_type)
    graded = dict(zip(pairs, grader.grade(pairs.values()), strict=True))
    verdicts = [
        graded.get(row, Verdict(False, "truncated" if truncated else "no_answer"))
        for row, truncated in enumerate(generations["truncated"])
    ]
    return generations[["problem_id", "sample", "cap"]].assign(
        correct=[verdict.correct for verdict in verdicts],
        extracted=pd.Series([one.extracted for one in found], dtype=object, index=generations.index),
        status=[verdict.status for verdict in verdicts],
        looping=generations["looping"],
        refused=[one.refused for one in found],
        boxed_answers=[one.boxed_answers for one in found],
    )
