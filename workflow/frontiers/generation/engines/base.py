"""The protocol between the scheduler and an engine."""

from collections.abc import Iterable
from typing import Protocol

from frontiers.generation.requests import Completion, Request, Scores, Scoring


class Engine(Protocol):
    """Decodes up to `capacity` requests at a time, on `devices` GPUs; completions come in any order."""

    capacity: int
    devices: int

    def submit(self, request: Request | Scoring) -> None:
        """Accept a request."""

    def receive(self) -> Iterable[Completion | Scores]:
        """Wait until some requests are done; return their replies."""
