"""A pool of worker processes (`grading_worker`) that judge hostile text and can be killed."""

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
"""Wall time allowed per processor time, for machines busy with other things."""
START_LIMIT = 300.0
"""Seconds a worker may take to import math-verify."""
LIFE = 2_000
"""Tasks after which the child that judges them is replaced, so that what sympy caches does not pile up."""
TASKS_PER_WORKER = 25
"""One more worker is started for so many tasks: starting one costs about a second."""


class _Worker:
    """One process and the task it has in hand."""

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
        """The pipe on which replies arrive."""
        return self.process.stdout

    def send(self, number: int, task: Mapping[str, str]) -> None:
        """Hand over `task`; that a worker is gone is noticed when its reply is read."""
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
    address space per process. To be used in a `with` statement or closed.
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

        A task that runs out of memory, or whose worker dies, is tried once more
        in a new one, so that no verdict depends on what was judged before.
        Raises `UserError` when no worker can start.
        """
        replies: list[Any] = [None] * len(tasks)
        waiting, unanswered, retried = deque(range(len(tasks))), set(range(len(tasks))), set[int]()

        def settle(number: int, reply: Any) -> None:
            replies[number] = reply
            unanswered.discard(number)

        def settle_or_retry(number: int) -> None:
            if number in retried:
                settle(number, LIMIT)
            else:
                retried.add(number)
                waiting.appendleft(number)

        def lose(worker: _Worker) -> None:
            self._alive.remove(worker)
            selector.unregister(worker.output)
            worker.close()

        def hear(worker: _Worker) -> None:
            try:
                reply = worker.receive()
            except EOFError:
                if not worker.ready:
                    raise UserError(_not_started(f"exit status {worker.process.wait()}")) from None
                lose(worker)
                if worker.task is not None:
                    settle_or_retry(worker.task)
                return
            if not worker.ready:
                worker.ready = reply == READY
            elif worker.task is not None:
                number, worker.task = worker.task, None
                if reply in (MEMORY, LOST):
                    settle_or_retry(number)
                else:
                    settle(number, reply)

        with selectors.DefaultSelector() as selector:
            for worker in self._alive:
                selector.register(worker.output, selectors.EVENT_READ, worker)
            while unanswered:
                while len(self._alive) < min(self.workers, -(-len(unanswered) // TASKS_PER_WORKER)):
                    self._alive.append(_Worker(self.timeout, self.memory))
                    selector.register(self._alive[-1].output, selectors.EVENT_READ, self._alive[-1])
                for worker in self._alive:
                    if worker.ready and worker.task is None and waiting:
                        number = waiting.popleft()
                        worker.send(number, tasks[number])
                busy = [worker for worker in self._alive if worker.task is not None or not worker.ready]
                patience = min(worker.deadline for worker in busy) - time.monotonic()
                for key, _ in selector.select(max(0.0, patience)):
                    hear(key.data)
                for worker in [worker for worker in busy if worker in self._alive]:
                    if worker.deadline < time.monotonic() and (worker.task is not None or not worker.ready):
                        if not worker.ready:
                            raise UserError(_not_started(f"not ready after {START_LIMIT:.0f} s"))
                        lose(worker)
                        if worker.task is not None:
                            settle(worker.task, LIMIT)
        return replies


def _not_started(why: str) -> str:
    """Say that a worker did not start, and what to look at."""
    return (
        f"a grader process did not start ({why}); the reason stands above. "
        f"Check that `{sys.executable} -c 'import math_verify'` works and that memory is left"
    )
