"""Grading: is the final answer of a completion the gold answer?

Quick rules settle most pairs; the rest goes to math-verify in worker processes
with a limit of processor time per pair and of address space per process
(`pool`). A completion is hostile text, and nothing inside the interpreter stops
a power of a power of a power.
"""

import atexit
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple

from frontiers.grading.equivalence import UNSETTLED, prepare, settle
from frontiers.grading.numerals import read_plain
from frontiers.grading.pool import Pool
from frontiers.grading.worker import LIMIT

TIMEOUT = 10.0
"""Seconds of processor time per pair."""
MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space per worker process."""
REMEMBERED = 50_000
"""Pairs whose verdict a grader remembers, the most recent ones."""

_verify_lock = Lock()


class Verdict(NamedTuple):
    """Whether an answer is right, and how that was decided: a `status` of the table `grades`."""

    correct: bool
    status: str


def verify(answer: str, gold: str, answer_type: str) -> bool | None:
    """Return whether `answer` equals `gold`; None if either cannot be read or a limit is exceeded.

    Equality is mathematical: exact for "expression", to six decimals where a
    decimal point is written, without units and currency for "number", the letter
    for "choice". Safe with any text: algebra is done in a separate process.
    """
    verdict = settle(answer, gold, answer_type)
    if verdict is not UNSETTLED:
        return verdict
    with _verify_lock:
        reply = _single().run([_task(answer, gold, answer_type)])[0]
    return None if reply == LIMIT else reply


class Grader:
    """Grades batch after batch in bounded memory with the same processes; use it in a `with` statement.

    `timeout` is in seconds of processor time per pair, `memory` in bytes per
    worker. Processes start when a pair needs one.
    """

    def __init__(self, workers: int = 1, timeout: float = TIMEOUT, memory: int = MEMORY_LIMIT) -> None:
        self._pool = Pool(workers, timeout, memory)
        self._remembered: OrderedDict[tuple[str, str, str], Any] = OrderedDict()

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def grade(self, pairs: Iterable[tuple[str, str, str]]) -> list[Verdict]:
        """Return the verdict on each (answer, gold, answer type), in order; equal pairs are graded once.

        Status "rule": read and judged; "no_answer": the answer could not be
        read; "grader_timeout": judging it exceeded its time or memory.
        """
        pairs = list(pairs)
        found = {pair: self._remembered.get(pair, UNSETTLED) for pair in dict.fromkeys(pairs)}
        found |= {pair: settle(*pair) for pair, verdict in found.items() if verdict is UNSETTLED}
        unsettled = [pair for pair, verdict in found.items() if verdict is UNSETTLED]
        found.update(zip(unsettled, self._pool.run([_task(*pair) for pair in unsettled]), strict=True))
        self._remember(found)
        status = {None: "no_answer", LIMIT: "grader_timeout"}
        return [Verdict(found[pair] is True, status.get(found[pair], "rule")) for pair in pairs]

    def _remember(self, found: dict[tuple[str, str, str], Any]) -> None:
        """Keep the verdicts `found` and forget the oldest."""
        for pair, verdict in found.items():
            self._remembered[pair] = verdict
            self._remembered.move_to_end(pair)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


def unreadable(golds: Sequence[tuple[str, str]], workers: int = 1, timeout: float = TIMEOUT) -> list[int]:
    """Return the positions of the (gold, answer type) that the grader cannot read."""
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
    """Return a pair as a task of the worker."""
    return {"kind": "verify", "answer": answer, "gold": gold, "answer_type": answer_type}


@lru_cache(maxsize=1)
def _single() -> Pool:
    """Return the process behind `verify`, kept until the interpreter ends."""
    pool = Pool(1, TIMEOUT, MEMORY_LIMIT)
    atexit.register(pool.close)
    return pool
