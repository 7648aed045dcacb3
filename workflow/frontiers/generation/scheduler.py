"""Courses against an engine: what the journal holds is taken from there, the rest is decoded and journalled.

The engine is kept full: as soon as a request is done, what its course asks for next goes in before anything
new, while the prefix is in the cache. So no trace waits for the slowest one before it is answered, and the
first problems of a benchmark fill the places that the last ones of the benchmark before have left.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from frontiers.generation.engines.base import Engine
from frontiers.generation.journal import Journal, Tally
from frontiers.generation.requests import Course, Request, Scoring, reply_of

REPORT_SECONDS = 2


@dataclass
class Part:
    """One benchmark of a job: its courses, what they came to (in the same order), and its journal."""

    journal: Journal
    courses: Sequence[Course[Any]]
    results: list[Any] = field(init=False)
    requests: int = field(default=0, init=False)
    flying: int = field(default=0, init=False)

    def __post_init__(self):
        self.results = [None] * len(self.courses)
        self.known = len(self.journal.entries)
        self.journal.tally = Tally(len(self.courses), gpu_seconds=self.journal.tally.gpu_seconds)


class Task:
    """A course on its way: what it asked for last, and what of that is missing."""

    def __init__(self, part: Part, number: int):
        self.part, self.number = part, number
        self.asked: list[Request | Scoring] = []
        self.missing: set[str] = set()
        self.worked = False

    def advance(self) -> list[Request | Scoring]:
        """Go on as far as the journal reaches; return the requests it lacks, none when the course has ended."""
        journal = self.part.journal
        while True:
            replies = [reply_of(journal.entries[request.id]) for request in self.asked]
            try:
                self.asked = self.part.courses[self.number].send(replies or None)
            except StopIteration as end:
                self.part.results[self.number] = end.value
                journal.tally.done += 1
                journal.tally.worked += self.worked
                return []
            lacking = [request for request in self.asked if request.id not in journal.entries]
            if lacking:
                self.missing, self.worked = {request.id for request in lacking}, True
                return lacking


def drive(parts: Sequence[Part], engine: Engine, report: Callable[[str], None]) -> None:
    """Bring every course of `parts` to its end; their results are then in the parts.

    `report` gets a line of progress every two seconds. What ends this early (an error, an interruption)
    leaves the journals with all that was decoded.
    """
    fresh = iter([Task(part, number) for part in parts for number in range(len(part.courses))])
    waiting: deque[tuple[Task, Request | Scoring]] = deque()
    flying: dict[str, tuple[Task, Request | Scoring]] = {}
    begun = clock = shown = time.monotonic()
    ready = None  # when the engine had started, with the first request
    while True:
        while len(flying) < engine.capacity:
            if waiting:
                task, request = waiting.popleft()
                flying[request.id] = task, request
                task.part.flying += 1
                engine.submit(request)
            elif task := next(fresh, None):
                waiting.extend((task, request) for request in task.advance())
            else:
                break
        if not flying:
            break
        ready = ready or time.monotonic()
        completions = engine.receive()
        now = time.monotonic()
        for part in parts:
            share, tally = part.flying / len(flying), part.journal.tally
            tally.seconds += (now - max(clock, ready)) * share
            tally.gpu_seconds += (now - clock) * share * engine.devices
        clock = now
        for completion in completions:
            task, request = flying.pop(completion.id)
            task.part.flying -= 1
            task.part.requests += 1
            task.part.journal.tally.tokens += completion.decoded
            task.part.journal.append(completion, request.after, request.start)
            task.missing.remove(completion.id)
            if not task.missing:
                waiting.extendleft((task, request) for request in reversed(task.advance()))
        if clock - shown > REPORT_SECONDS:
            report(progress([part.journal.tally for part in parts]))
            shown = clock
    if clock > begun:
        report(progress([part.journal.tally for part in parts]))


def progress(tallies: Sequence[Tally]) -> str:
    """Return a line on how far a job is: problems done, tokens per second, time left."""
    whole = Tally(*(sum(getattr(tally, name) for tally in tallies) for name in Tally.__dataclass_fields__))
    line = f"{whole.done:,} of {whole.total:,} problems done, {whole.tokens_per_second or 0:,.0f} tokens/s"
    left = whole.seconds_left
    return line if left is None else f"{line}, {duration(left)} left"


def duration(seconds: float) -> str:
    """Return a length of time as text: `45 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
