"""Checking the gold answers of a benchmark before any model is held against them."""

from frontiers.cli import UserError
from frontiers.grading import unreadable
from frontiers.problems import Problem


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
            "Check the benchmark's `answer_type` and how its gold answer is taken from the source"
        )
