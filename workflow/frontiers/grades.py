"""The table `grades`: what the generations of a benchmark's problems are worth."""

from collections.abc import Mapping, Sequence

import pandas as pd

from frontiers.cli import UserError
from frontiers.grading import TIMEOUT, Verdict, extract, grade_pairs
from frontiers.problems import Problem


def grade_generations(
    generations: pd.DataFrame, problems: Sequence[Problem], workers: int = 1, timeout: float = TIMEOUT
) -> pd.DataFrame:
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
    texts: dict[tuple[str, str], str | None] = {}
    extracted: list[str | None] = []
    pairs: dict[int, tuple[str, str, str]] = {}
    columns = [generations[c] for c in ("problem_id", "truncated", "end_tokens", "reasoning", "answer")]
    for row, (problem_id, truncated, end_tokens, reasoning, answer) in enumerate(zip(*columns, strict=True)):
        problem = by_id[problem_id]
        completion = answer if answer.strip() or end_tokens else reasoning
        key = (completion, problem.answer_type)
        if not truncated and key not in texts:
            texts[key] = extract(*key)
        extracted.append(None if truncated else texts[key])
        if extracted[-1] is not None:
            pairs[row] = (extracted[-1], problem.answer, problem.answer_type)
    graded = dict(zip(pairs, grade_pairs(pairs.values(), workers, timeout), strict=True))
    verdicts = [
        graded.get(row, Verdict(False, "truncated" if truncated else "no_answer"))
        for row, truncated in enumerate(generations["truncated"])
    ]
    return generations[["problem_id", "sample", "cap"]].assign(
        correct=[verdict.correct for verdict in verdicts],
        extracted=pd.Series(extracted, dtype=object, index=generations.index),
        status=[verdict.status for verdict in verdicts],
    )
