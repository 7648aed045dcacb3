"""Grading: is the final answer of a completion the gold answer?

What quick rules settle is settled here; the rest goes to math-verify in worker
processes with a limit of processor time per pair and of address space per
process (`grading_pool`). A completion is hostile text, and nothing inside the
interpreter stops a power of a power of a power.
"""

import atexit
from collections.abc import Iterable, Sequence
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from frontiers.equivalence import UNSETTLED, prepare, settle
from frontiers.extraction import ANSWER_TYPES, extract
from frontiers.grading_pool import LIMIT, Pool
from frontiers.numerals import read_plain

__all__ = ["ANSWER_TYPES", "Verdict", "extract", "grade_pairs", "unreadable", "verify"]

TIMEOUT = 10.0
"""Seconds of processor time per pair."""
MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space per worker process."""

_verify_lock = Lock()


class Verdict(NamedTuple):
    """Whether an answer is right, and how that was found: a `status` of the table `grades`."""

    correct: bool
    status: str


def verify(answer: str, gold: str, answer_type: str) -> bool | None:
    """Return whether `answer` equals `gold`; None where one cannot be read or the limits are exceeded.

    Equality is mathematical: exact for "expression", to six decimals where a
    decimal point is written, units and money set aside for "number", the letter
    for "choice". Safe with any text: algebra is done in a process of its own.
    """
    verdict = settle(answer, gold, answer_type)
    if verdict is not UNSETTLED:
        return verdict
    with _verify_lock:
        reply = _single().run([_task(answer, gold, answer_type)])[0]
    return None if reply == LIMIT else reply


def grade_pairs(
    pairs: Iterable[tuple[str, str, str]],
    workers: int = 1,
    timeout: float = TIMEOUT,
    memory: int = MEMORY_LIMIT,
) -> list[Verdict]:
    """Return the verdict on each (answer, gold, answer type), in order; equal pairs are graded once.

    `timeout` is in seconds of processor time per pair, `memory` in bytes per
    worker. Status "rule": read and judged; "no_answer": the answer could not be
    read; "grader_timeout": judging it exceeded its time or memory. No process
    is started when the quick rules settle every pair.
    """
    pairs = list(pairs)
    verdicts = {pair: settle(*pair) for pair in dict.fromkeys(pairs)}
    open_pairs = [pair for pair, verdict in verdicts.items() if verdict is UNSETTLED]
    if open_pairs:
        with Pool(workers, timeout, memory) as pool:
            verdicts.update(zip(open_pairs, pool.run([_task(*pair) for pair in open_pairs]), strict=True))
    status = {None: "no_answer", LIMIT: "grader_timeout"}
    return [Verdict(verdicts[pair] is True, status.get(verdicts[pair], "rule")) for pair in pairs]


def unreadable(golds: Sequence[tuple[str, str]], workers: int = 1, timeout: float = TIMEOUT) -> list[int]:
    """Return the positions of those (gold, answer type) that the grader cannot read."""
    found = []
    tasks: dict[tuple[str, str], list[int]] = {}
    for position, (gold, answer_type) in enumerate(golds):
        text = prepare(gold, answer_type)
        if text is None:
            found.append(position)
        elif answer_type != "choice" and read_plain(text) is None:
            tasks.setdefault((gold, answer_type), []).append(position)
    if tasks:
        with Pool(workers, timeout, MEMORY_LIMIT) as pool:
            replies = pool.run([{**_task("", *task), "kind": "readable"} for task in tasks])
        for positions, reply in zip(tasks.values(), replies, strict=True):
            found += positions if reply is not True else []
    return sorted(found)


def _task(answer: str, gold: str, answer_type: str) -> dict[str, str]:
    """Return a pair as the worker reads it."""
    return {"kind": "verify", "answer": answer, "gold": gold, "answer_type": answer_type}


@lru_cache(maxsize=1)
def _single() -> Pool:
    """The one process behind `verify`, kept until the interpreter ends."""
    pool = Pool(1, TIMEOUT, MEMORY_LIMIT)
    atexit.register(pool.close)
    return pool
