"""Replicas of one engine, each in a process of its own on its own devices, as one engine.

Rows do not depend on which replica decodes a request, since its seed does not. What a problem asks goes to one
replica, which has the prefixes in its cache, as long as there is room.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Protocol

from frontiers.core.cli import UserError
from frontiers.generation.engines.base import Engine
from frontiers.generation.engines.gpu_locks import VISIBLE
from frontiers.generation.requests import Completion, Request

END = "end"
DESCRIBE = "describe"
READY = "ready"
CLOSE_SECONDS = 30.0


class Replicable(Engine, Protocol):
    """An engine that can be sent to another process before it starts."""

    def start(self) -> None:
        """Start it, if it has not started."""

    def describe(self) -> dict:
        """Return what its provenance says of it."""


class Replicas:
    """`count` replicas of `engine`, which has not started; they start together, with the first request.

    The devices in CUDA_VISIBLE_DEVICES are divided among them in order.
    """

    def __init__(self, engine: Replicable, count: int):
        self.engine, self.count = engine, count
        self.capacity = engine.capacity * count
        self.devices = engine.devices * count
        self._workers: list[_Worker] = []
        self._places: dict[int, _Worker] = {}

    def submit(self, request: Request) -> None:
        """Hand a request to the replica of its problem; if that is full, or none yet, to the one with the fewest."""
        if not self._workers:
            self._start()
        problem = request.prompt[: len(request.prompt) - request.written]
        worker = min(self._workers, key=lambda worker: len(worker.flying))
        own = self._places.setdefault(hash(problem), worker)
        worker = own if len(own.flying) < self.engine.capacity else worker
        worker.flying.add(request.id)
        worker.send(request)

    def receive(self) -> list[Completion]:
        """Return the completions of the next requests to finish, of whichever replica."""
        done: list[Completion] = []
        while not done:
            ready = wait([worker.connection for worker in self._workers])
            for worker in self._workers:
                if worker.connection in ready:
                    done += worker.reply()
        return done

    def describe(self) -> dict:
        """Return what the provenance says of the engine: with the slowest start, and how many replicas there were."""
        told = [worker.ask(DESCRIBE) for worker in self._workers] or [self.engine.describe()]
        starts = [one["engine_start_seconds"] for one in told if one.get("engine_start_seconds")]
        return {**told[0], "engine_start_seconds": max(starts, default=None), "replicas": self.count}

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _start(self) -> None:
        names = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
        each = len(names) // self.count
        for number in range(self.count):
            own = names[number * each : (number + 1) * each]
            with _environment({VISIBLE: ",".join(own)} if own else {}):
                self._workers.append(_Worker(self.engine))
        for worker in self._workers:
            worker.ask(READY)


class _Worker:
    """The process of one replica, and the requests it works on."""

    def __init__(self, engine: Replicable):
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(engine, theirs))
        self.process.start()
        theirs.close()
        self.flying: set[str] = set()
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        # A pipe is soon full while an engine starts: so a thread writes to it.
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def send(self, message: Any) -> None:
        """Send a message; never waits."""
        self._outbox.put(message)

    def reply(self) -> Any:
        """Return the next reply; raise `UserError` if the replica has failed or is gone."""
        try:
            found = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(CLOSE_SECONDS)
            raise UserError(
                f"a replica of the engine has ended (status {self.process.exitcode}). What was decoded is in the "
                "journal: rerun the command to continue"
            ) from None
        if isinstance(found, Exception):
            raise found
        if isinstance(found, list):
            self.flying -= {completion.id for completion in found}
        return found

    def ask(self, what: str) -> Any:
        """Return the reply to a question; while it works on no request."""
        self.send(what)
        return self.reply()

    def close(self) -> None:
        """End the process: at once if it works on a request."""
        self.send(END)
        if self.flying:
            self.process.terminate()
        self.process.join(CLOSE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def _send(self) -> None:
        with suppress(OSError):
            while (message := self._outbox.get()) != END:
                self.connection.send(message)
            self.connection.send(END)


def serve(engine: Replicable, connection: Connection) -> None:
    """Answer the requests and questions that come over `connection`, until it closes or the engine fails."""
    flying = 0
    try:
        while True:
            while not flying or connection.poll():
                match connection.recv():
                    case "end":
                        return
                    case "ready":
                        engine.start()
                        connection.send(READY)
                    case "describe":
                        connection.send(engine.describe())
                    case request:
                        engine.submit(request)
                        flying += 1
            done = list(engine.receive())
            flying -= len(done)
            connection.send(done)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except UserError as error:
        connection.send(error)
    except Exception as error:
        connection.send(RuntimeError(f"{type(error).__name__} in a replica of the engine: {error}"))
        raise


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started meanwhile."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
