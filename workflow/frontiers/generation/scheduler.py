"""Drives episodes on an engine: completions in the journal are reused, all others are decoded and journalled.

The engine is kept full: when a request is done, the next requests of its episode go in before those of a new
episode, while the prefix is in the cache. So no trace waits for the slowest one before it is answered, and the
first problems of a benchmark fill the seats that the last ones of the benchmark before have left.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from frontiers.core.cli import UserError
from frontiers.generation.engines.base import Engine
from frontiers.generation.journal import Journal, Tally
from frontiers.generation.requests import Completion, Episode, Request, Scores, Scoring, fault_of, reply_of

REPORT_SECONDS = 2


@dataclass
class BenchmarkRun:
    """One benchmark of a job: its episodes, their results (in the same order), and its journal.

    Replies with tokens beyond the tokenizer's `vocabulary` are refused, and dropped from the journal.
    """

    journal: Journal
    episodes: Sequence[Episode[Any]]
    vocabulary: int | None = None
    results: list[Any] = field(init=False)
    requests: int = field(default=0, init=False)
    in_flight: int = field(default=0, init=False)

    def __post_init__(self):
        self.results = [None] * len(self.episodes)
        self.known = len(self.journal.entries)
        self.journal.tally = Tally(len(self.episodes), gpu_seconds=self.journal.tally.gpu_seconds)

    def holds(self, request: Request | Scoring) -> bool:
        """Return whether the journal has a usable reply; one that is not is dropped from it."""
        entry = self.journal.entries.get(request.id)
        if entry is not None and fault_of(entry, request, self.vocabulary):
            self.journal.reject(request.id)
            return False
        return entry is not None

    def tasks(self) -> "list[Task]":
        """Return a task for every episode."""
        return [Task(self, number) for number in range(len(self.episodes))]


class Task:
    """An episode under way: its latest requests, and which of them are missing."""

    def __init__(self, run: BenchmarkRun, number: int):
        self.run, self.number = run, number
        self.requested: list[Request | Scoring] = []
        self.missing: set[str] = set()
        self.worked = False

    def advance(self) -> list[Request | Scoring]:
        """Continue as far as the journal reaches; return the missing requests, none when the episode has ended."""
        journal = self.run.journal
        while True:
            replies = [reply_of(journal.entries[request.id]) for request in self.requested]
            try:
                self.requested = self.run.episodes[self.number].send(replies or None)
            except StopIteration as end:
                self.run.results[self.number] = end.value
                journal.tally.done += 1
                journal.tally.worked += self.worked
                return []
            missing = [request for request in self.requested if not self.run.holds(request)]
            if missing:
                self.missing, self.worked = {request.id for request in missing}, True
                return missing


class _Queue:
    """The requests in flight on an engine, those that wait for a seat, and the episodes not yet begun."""

    def __init__(self, runs: Sequence[BenchmarkRun], engine: Engine):
        self.runs, self.engine = runs, engine
        self.fresh = iter([task for run in runs for task in run.tasks()])
        self.waiting: deque[tuple[Task, Request | Scoring]] = deque()
        self.in_flight: dict[str, tuple[Task, Request | Scoring]] = {}

    def fill(self) -> bool:
        """Submit requests until the engine is full or none is left; return whether any is in flight."""
        while len(self.in_flight) < self.engine.capacity:
            if self.waiting:
                task, request = self.waiting.popleft()
                self.in_flight[request.id] = task, request
                task.run.in_flight += 1
                self.engine.submit(request)
            elif task := next(self.fresh, None):
                self.waiting.extend((task, request) for request in task.advance())
            else:
                break
        return bool(self.in_flight)

    def book(self, seconds: float, held_seconds: float) -> None:
        """Divide time among the benchmarks by their requests in flight; `held_seconds` include the engine's start."""
        for run in self.runs:
            share, tally = run.in_flight / len(self.in_flight), run.journal.tally
            tally.seconds += seconds * share
            tally.gpu_seconds += held_seconds * share * self.engine.devices

    def settle(self, completions: Iterable[Completion | Scores]) -> None:
        """Journal completions, and queue the next requests of episodes that now have all their replies."""
        for completion in completions:
            task, request = self.in_flight.pop(completion.id)
            if fault := fault_of(vars(completion), request, task.run.vocabulary):
                raise UserError(
                    f"a reply of the engine cannot be used: {fault}. Nothing of it was kept, what was decoded before is "
                    f"in {task.run.journal.path}; check that the engine serves the study's model, then rerun the command"
                )
            task.run.in_flight -= 1
            task.run.requests += 1
            task.run.journal.tally.tokens += completion.decoded
            task.run.journal.append(completion, request.after, request.start)
            task.missing.remove(completion.id)
            if not task.missing:
                self.waiting.extendleft((task, request) for request in reversed(task.advance()))


def drive(runs: Sequence[BenchmarkRun], engine: Engine, report: Callable[[str], None]) -> None:
    """Bring every episode of `runs` to its end; their results are then in the runs.

    `report` gets a line of progress every two seconds. After an early end (an error, an interruption) the
    journals hold all that was decoded.
    """
    queue = _Queue(runs, engine)
    begun = clock = shown = time.monotonic()
    ready = None  # when the engine had started, with the first request
    while queue.fill():
        ready = ready or time.monotonic()
        completions = engine.receive()
        now = time.monotonic()
        queue.book(now - max(clock, ready), now - clock)
        clock = now
        queue.settle(completions)
        if clock - shown > REPORT_SECONDS:
            report(progress([run.journal.tally for run in runs]))
            shown = clock
    if clock > begun:
        report(progress([run.journal.tally for run in runs]))


def replay(runs: Sequence[BenchmarkRun]) -> int:
    """Bring every episode as far as its journal reaches; return how many requests are missing there.

    It is 0 when all results are in the runs. The requests that would follow the missing ones are not counted.
    """
    return sum(len(task.advance()) for run in runs for task in run.tasks())


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
