"""What the scheduler asks of an engine."""

from collections.abc import Iterable
from typing import Protocol

from frontiers.generation.requests import Completion, Request, Scores, Scoring


class Engine(Protocol):
    """What decodes: up to `capacity` requests at a time, on so many `devices`, their completions in any order."""

    capacity: int
    devices: int

    def submit(self, request: Request | Scoring) -> None:
        """Take a request."""

    def receive(self) -> Iterable[Completion | Scores]:
        """Wait until some request is done; return what is."""
