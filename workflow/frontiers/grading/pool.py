"""A pool of worker processes (`worker`) that judge hostile text and can be killed."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from frontiers.core.cli import UserError
from frontiers.core.paths import WORKFLOW
from frontiers.grading.worker import LIMIT, LOST, MEMORY, READY

WALL_PER_PROCESSOR_TIME = 6
"""Wall time allowed per processor time, for busy machines."""
START_LIMIT = 300.0
"""Seconds a worker may take to import math-verify."""
LIFE = 2_000
"""Tasks after which the judging child is replaced, so that sympy's caches do not grow."""
TASKS_PER_WORKER = 25
"""Tasks per worker started, because starting one costs about a second."""
STEP = 1.0
"""Seconds waited at a time: a wait that takes much longer means that this process was suspended."""


class _Worker:
    """One process and its current task."""

    def __init__(self, timeout: float, memory: int) -> None:
        package = str(WORKFLOW)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "frontiers.grading.worker", str(timeout), str(memory), str(LIFE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"},
        )
        self.patience = WALL_PER_PROCESSOR_TIME * timeout + 5
        self.deadline = time.monotonic() + START_LIMIT
        self.ready = False
        self.task: int | None = None

    @property
    def output(self) -> Any:
        """The pipe of replies."""
        return self.process.stdout

    def send(self, number: int, task: Mapping[str, str]) -> None:
        """Send `task`; a dead worker is noticed when its reply is read."""
        self.task, self.deadline = number, time.monotonic() + self.patience
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(task).encode() + b"\n")

    def receive(self) -> Any:
        """Return one reply. Raises `EOFError` when the process has ended."""
        chunk = os.read(self.output.fileno(), 4096)
        if not chunk:
            raise EOFError
        return json.loads(chunk)

    def close(self) -> int:
        """End the process with its child and return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return status


class Pool:
    """At most `workers` processes, started when there is work, replaced when lost.

    `timeout` is in seconds of processor time per task, `memory` in bytes of
    address space per process. Use it in a `with` statement or close it.
    """

    def __init__(self, workers: int, timeout: float, memory: int) -> None:
        self.workers, self.timeout, self.memory = max(1, workers), timeout, memory
        self._alive: list[_Worker] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        while self._alive:
            self._alive.pop().close()

    def run(self, tasks: Sequence[Mapping[str, str]]) -> list[Any]:
        """Return the worker's reply to every task, in order: True, False, None or `LIMIT`.

        A task that runs out of memory, is late, or whose worker dies, is tried once more
        in a new one, so that no verdict depends on what was judged before.
        Raises `UserError` when no worker can start.
        """
        with selectors.DefaultSelector() as selector:
            return _Run(self, tasks, selector).replies()


class _Run:
    """One call of `Pool.run`: which tasks wait, which are unanswered, and which were tried before."""

    def __init__(
        self, pool: Pool, tasks: Sequence[Mapping[str, str]], selector: selectors.BaseSelector
    ) -> None:
        self.pool, self.tasks, self.selector = pool, tasks, selector
        self.answers: list[Any] = [None] * len(tasks)
        self.waiting, self.unanswered = deque(range(len(tasks))), set(range(len(tasks)))
        self.retried: set[int] = set()

    def replies(self) -> list[Any]:
        """Return the reply to every task, in order."""
        for worker in self.pool._alive:
            self._watch(worker)
        while self.unanswered:
            self._start_workers()
            self._hand_out()
            busy = [worker for worker in self.pool._alive if _busy(worker)]
            patience = min(worker.deadline for worker in busy) - time.monotonic()
            begun = time.monotonic()
            heard = self.selector.select(min(STEP, max(0.0, patience)))
            self._forgive(time.monotonic() - begun - STEP)
            for key, _ in heard:
                self._hear(key.data)
            self._end_overdue(busy)
        return self.answers

    def _forgive(self, suspended: float) -> None:
        """Move all deadlines by the seconds for which this process, and so probably the workers, did not run."""
        if suspended > STEP:
            for worker in self.pool._alive:
                worker.deadline += suspended + STEP

    def _watch(self, worker: _Worker) -> None:
        self.selector.register(worker.output, selectors.EVENT_READ, worker)

    def _start_workers(self) -> None:
        wanted = min(self.pool.workers, -(-len(self.unanswered) // TASKS_PER_WORKER))
        while len(self.pool._alive) < wanted:
            self.pool._alive.append(_Worker(self.pool.timeout, self.pool.memory))
            self._watch(self.pool._alive[-1])

    def _hand_out(self) -> None:
        for worker in self.pool._alive:
            if self.waiting and not _busy(worker):
                number = self.waiting.popleft()
                worker.send(number, self.tasks[number])

    def _hear(self, worker: _Worker) -> None:
        """Take one reply of a worker, or its end."""
        try:
            reply = worker.receive()
        except EOFError:
            if not worker.ready:
                raise UserError(_not_started(f"exit status {worker.process.wait()}")) from None
            self._lose(worker)
            if worker.task is not None:
                self._settle_or_retry(worker.task)
            return
        if not worker.ready:
            worker.ready = reply == READY
        elif worker.task is not None:
            number, worker.task = worker.task, None
            if reply in (MEMORY, LOST):
                self._settle_or_retry(number)
            else:
                self._settle(number, reply)

    def _end_overdue(self, busy: Sequence[_Worker]) -> None:
        """End the workers that are past their deadline.

        The kernel ends a task that uses up its processor time. One that is late without that was suspended or had
        no processor, or waits for something: it is tried once more.
        """
        for worker in busy:
            if worker not in self.pool._alive or worker.deadline >= time.monotonic() or not _busy(worker):
                continue
            if not worker.ready:
                raise UserError(_not_started(f"not ready after {START_LIMIT:.0f} s"))
            self._lose(worker)
            if worker.task is not None:
                self._settle_or_retry(worker.task)

    def _settle(self, number: int, reply: Any) -> None:
        self.answers[number] = reply
        self.unanswered.discard(number)

    def _settle_or_retry(self, number: int) -> None:
        if number in self.retried:
            self._settle(number, LIMIT)
        else:
            self.retried.add(number)
            self.waiting.appendleft(number)

    def _lose(self, worker: _Worker) -> None:
        self.pool._alive.remove(worker)
        self.selector.unregister(worker.output)
        worker.close()


def _busy(worker: _Worker) -> bool:
    """Return whether a worker is starting or has a task."""
    return worker.task is not None or not worker.ready


def _not_started(why: str) -> str:
    """Return the message for a worker that did not start."""
    return (
        f"a grader process did not start ({why}); its own error is above. "
        f"Check that `{sys.executable} -c 'import math_verify'` works and that memory is free"
    )
