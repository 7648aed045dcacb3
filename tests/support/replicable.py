"""A fake engine that starts in another process, and says where it ran and what it was asked."""

import os

from frontiers.core.cli import UserError
from frontiers.generation.engines.gpu_locks import VISIBLE
from support.writer import Writer


class Placed(Writer):
    """A `Writer` that must be started; it can fail at its start, or end its process at a completion."""

    def __init__(self, capacity=3, start_fault=False, dies_at=None):
        super().__init__(capacity=capacity)
        self.start_fault, self.killed_at, self.started = start_fault, dies_at, False

    def start(self):
        if self.start_fault:
            raise UserError("the device is on fire. Put it out")
        self.started = True

    def submit(self, request):
        assert self.started
        super().submit(request)

    def receive(self):
        if self.killed_at is not None and len(self.asked) - len(self.held) >= self.killed_at:
            os._exit(9)
        return super().receive()

    def describe(self):
        return {
            "visible": os.environ.get(VISIBLE),
            "asked": len(self.asked),
            "problems": [r.prompt[: len(r.prompt) - r.written] for r in self.asked],
            "engine_start_seconds": 1.5 if self.started else None,
        }
