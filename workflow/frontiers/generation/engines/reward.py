"""A reward model on vLLM's pooling runner, and a pair of engines: a policy and what scores its steps.

A score is that of the last label at a step tag, after softmax, or for a language model the odds of two
tokens there (Wang et al. 2023, arXiv 2312.08935, read their model so): vLLM then makes the output projection
into a classifier of one label, the difference of the two tokens' rows, and the score is its sigmoid. Nothing of
a text is taken from the cache: each pass computes all of its tokens.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from frontiers.generation.engines import reward as reward_engine
from frontiers.generation.engines import vllm as engine
from frontiers.generation.engines.vllm import Engine
from frontiers.generation.requests import Completion, Request, Scores, Scoring, fingerprint
from frontiers.generation.reward_layout import Rewarder

TASK = "token_classify"


def reward_arguments(arguments: Mapping, config: Mapping, reward: Mapping, tag_id: int) -> dict:
    """Return the arguments of `vllm.LLM` for a reward model, from those of a model that writes.

    `config` is its config.json, `reward` its block of that name.
    """
    from vllm.config import PoolerConfig

    kept = {k: v for k, v in arguments.items() if k not in ("generation_config", "enable_prefix_caching")}
    found = kept | {
        "runner": "pooling",
        "enable_prefix_caching": False,
        "pooler_config": PoolerConfig(tok_pooling_type="STEP", step_tag_id=tag_id),
    }
    if "odds" in reward:
        name = config["architectures"][0].replace("ForCausalLM", "ForSequenceClassification")
        found["convert"] = "classify"
        found["hf_overrides"] = {
            "architectures": [name],
            "classifier_from_token": list(reward["odds"]),
            "method": "from_2_way_softmax",
        }
    return found


class RewardEngine(Engine):
    """A vLLM engine that scores the steps of texts. It is submitted `Scoring`s and gives `Scores`."""

    def __init__(self, arguments, tokenizer, devices, report):
        super().__init__(arguments, {}, tokenizer, devices, report)
        self._begun: dict[str, float] = {}

    def submit(self, request: Scoring) -> None:
        """Take a request; the first one starts the engine."""
        super().submit(request)
        self._begun[request.id] = time.monotonic()

    def _parameters(self, request: Scoring):
        from vllm import PoolingParams

        return PoolingParams(task=TASK)

    def _read(self, request: Scoring, output) -> Scores:
        """Return the scores of the last steps of a text; the question before may hold the tag as well."""
        rows = output.outputs.data[-request.steps :].float().reshape(request.steps, -1)
        scores = [value if math.isfinite(value) else None for value in rows[:, -1].tolist()]
        seconds = time.monotonic() - self._begun.pop(request.id)
        return Scores(request.id, tuple(scores), len(request.prompt), seconds)


class Pair:
    """A policy that writes and a reward model that scores what it has written, as one engine.

    What waits to be scored is scored together: when nothing is being written, or enough has gathered.
    """

    def __init__(self, policy, reward):
        self.policy, self.reward = policy, reward
        self.devices = policy.devices
        self._written = self._scored = 0

    @property
    def capacity(self) -> int:
        """Requests to hand over at a time."""
        return self.policy.capacity

    def submit(self, request: Request | Scoring) -> None:
        """Take a request to whom it concerns."""
        if isinstance(request, Scoring):
            self._scored += 1
            self.reward.submit(request)
        else:
            self._written += 1
            self.policy.submit(request)

    def receive(self) -> list[Completion | Scores]:
        """Return what is done next."""
        if self._scored and (not self._written or 2 * self._scored >= self.capacity):
            done = list(self.reward.receive())
            self._scored -= len(done)
        else:
            done = list(self.policy.receive())
            self._written -= len(done)
        return done

    def describe(self) -> dict:
        """Return what ran: the policy's engine, and under `reward` the other one."""
        return {**self.policy.describe(), "reward": self.reward.describe()}


SHARE = 0.5
USED = 0.9
"""Part of a device's memory that two engines take together."""


class Loaded:
    """The reward model of a job. `block` has its `name`, its block `reward`, its `context` and `trust_remote_code`."""

    def __init__(self, block: Mapping, manifest: Path, settings: Mapping):
        self.block, self.settings = block, settings
        self.manifest = json.loads(manifest.read_text())
        self.folder = Path(self.manifest["folder"])
        self.share = block["reward"].get("memory_share", SHARE)
        self.room = min(settings["max_model_len"], block.get("context") or settings["max_model_len"])

    @cached_property
    def tokenizer(self):
        """The reward model's own tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            self.folder, trust_remote_code=self.block.get("trust_remote_code", False)
        )

    @cached_property
    def rewarder(self) -> Rewarder:
        """What lays out solutions; its mark changes with the weights and with how they are read."""
        read = {key: value for key, value in self.block["reward"].items() if key != "memory_share"}
        mark = fingerprint({"files": self.manifest["files"], "reward": read})
        return Rewarder(self.block["name"], mark, read, self.tokenizer, self.room)

    def engine(
        self, gpus: int, say: Callable[[str], None], alone: bool = False
    ) -> reward_engine.RewardEngine:
        """Return the engine; `alone` it has a device's memory to itself."""
        config = json.loads((self.folder / "config.json").read_text())
        settings = {**self.settings, "max_model_len": self.room}
        trusted = self.block.get("trust_remote_code", False)
        arguments = engine.engine_arguments(str(self.folder), config, settings, gpus, trusted)
        if not alone and settings["device"] == "cuda":
            arguments["gpu_memory_utilization"] = USED * self.share
        reward, tag = self.block["reward"], self.rewarder.tag_id
        return reward_engine.RewardEngine(
            reward_engine.reward_arguments(arguments, config, reward, tag), self.tokenizer, gpus, say
        )

    def describe(self) -> dict:
        """Return what it is, for the provenance."""
        return {**self.block, "manifest": self.manifest, "mark": self.rewarder.mark}


def beside(scoring: Loaded | None, arguments: dict) -> dict:
    """Return the arguments of a policy's engine, with room on its device for a reward model."""
    if scoring is None or scoring.settings.get("device") != "cuda":
        return arguments
    return arguments | {"gpu_memory_utilization": USED * (1 - scoring.share)}
