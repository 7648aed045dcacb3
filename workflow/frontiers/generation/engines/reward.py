"""A reward model on vLLM's pooling runner, and the engine of a policy together with the reward model that guides it.

A score is that of the last label at a step tag, after softmax, or for a language model the odds of two
tokens there (Wang et al. 2023, arXiv 2312.08935): vLLM then turns the output projection into a classifier of
one label, the difference of the two tokens' rows, and the score is its sigmoid. Prefixes are not cached: each
pass computes all tokens of its text.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from frontiers.generation.engines.vllm import VllmEngine, engine_arguments
from frontiers.generation.requests import Completion, Request, Scores, Scoring, fingerprint
from frontiers.generation.reward_layout import RewardLayout

TASK = "token_classify"
REWARD_SHARE = 0.5
MEMORY_SHARE = 0.9
"""Part of a device's memory that a policy and its reward model take together."""


def reward_arguments(arguments: Mapping, config: Mapping, reward: Mapping, tag_id: int) -> dict:
    """Return the arguments of `vllm.LLM` for a reward model, from those of a model that writes.

    `config` is its config.json, `reward` its block of that name. `pooler_config` holds the fields of vLLM's class.
    """
    kept = {k: v for k, v in arguments.items() if k not in ("generation_config", "enable_prefix_caching")}
    found = kept | {
        "runner": "pooling",
        "enable_prefix_caching": False,
        "pooler_config": {"tok_pooling_type": "STEP", "step_tag_id": tag_id},
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


class RewardEngine(VllmEngine):
    """A vLLM engine that scores the steps of texts: it accepts `Scoring` requests and returns `Scores`."""

    def __init__(self, arguments, tokenizer, devices, report):
        super().__init__(arguments, {}, tokenizer, devices, report)
        self._begun: dict[str, float] = {}

    def submit(self, request: Scoring) -> None:
        """Accept a request; the first one starts the engine."""
        super().submit(request)
        self._begun[request.id] = time.monotonic()

    def _llm_arguments(self) -> dict:
        from vllm.config import PoolerConfig

        return self.arguments | {"pooler_config": PoolerConfig(**self.arguments["pooler_config"])}

    def _parameters(self, request: Scoring):
        from vllm import PoolingParams

        return PoolingParams(task=TASK)

    def _read(self, request: Scoring, output) -> Scores:
        """Return the scores of the last steps of a text; the question may hold the tag as well."""
        rows = output.outputs.data[-request.steps :].float().reshape(request.steps, -1)
        scores = [value if math.isfinite(value) else None for value in rows[:, -1].tolist()]
        seconds = time.monotonic() - self._begun.pop(request.id)
        return Scores(request.id, tuple(scores), len(request.prompt), seconds)


class GuidedPolicy:
    """A policy, and the reward model that scores its steps, as one engine.

    Scorings are batched: they run when nothing is being decoded, or when enough of them wait.
    """

    def __init__(self, policy, reward):
        self.policy, self.reward = policy, reward
        self.devices = policy.devices
        self._decoding = self._scoring = 0

    @property
    def capacity(self) -> int:
        """Number of requests to hand over at a time."""
        return self.policy.capacity

    def submit(self, request: Request | Scoring) -> None:
        """Pass a request to the model that it is for."""
        if isinstance(request, Scoring):
            self._scoring += 1
            self.reward.submit(request)
        else:
            self._decoding += 1
            self.policy.submit(request)

    def receive(self) -> list[Completion | Scores]:
        """Return the next replies."""
        if self._scoring and (not self._decoding or 2 * self._scoring >= self.capacity):
            done = list(self.reward.receive())
            self._scoring -= len(done)
        else:
            done = list(self.policy.receive())
            self._decoding -= len(done)
        return done

    def describe(self) -> dict:
        """Return the description of the policy's engine, with that of the reward model under `reward`."""
        return {**self.policy.describe(), "reward": self.reward.describe()}


class RewardModel:
    """The reward model of a job. `block` has its `name`, its block `reward`, its `context` and `trust_remote_code`."""

    def __init__(self, block: Mapping, manifest: Path, settings: Mapping):
        self.block, self.settings = block, settings
        self.manifest = json.loads(manifest.read_text())
        self.folder = Path(self.manifest["folder"])
        self.share = block["reward"].get("memory_share", REWARD_SHARE)
        self.context = min(settings["max_model_len"], block.get("context") or settings["max_model_len"])

    @cached_property
    def tokenizer(self):
        """The reward model's own tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            self.folder, trust_remote_code=self.block.get("trust_remote_code", False)
        )

    @cached_property
    def layout(self) -> RewardLayout:
        """The layout of solutions; its mark changes with the weights and with the block `reward`."""
        read = {key: value for key, value in self.block["reward"].items() if key != "memory_share"}
        mark = fingerprint({"files": self.manifest["files"], "reward": read})
        return RewardLayout(self.block["name"], mark, read, self.tokenizer, self.context)

    def engine(self, gpus: int, say: Callable[[str], None], alone: bool = False) -> RewardEngine:
        """Return the engine; with `alone` it may use all of a device's memory."""
        config = json.loads((self.folder / "config.json").read_text())
        # The arguments are those of the policy.
        settings = {**self.settings, "max_model_len": self.context, "arguments": {}}
        trusted = self.block.get("trust_remote_code", False)
        arguments = engine_arguments(str(self.folder), config, settings, gpus, trusted)
        if not alone and settings["device"] == "cuda":
            arguments["gpu_memory_utilization"] = MEMORY_SHARE * self.share
        arguments = reward_arguments(arguments, config, self.block["reward"], self.layout.tag_id)
        return RewardEngine(arguments, self.tokenizer, gpus, say)

    def leave_room(self, arguments: dict) -> dict:
        """Return the arguments of the policy's engine, with room on its device for this model."""
        if self.settings.get("device") != "cuda":
            return arguments
        return arguments | {"gpu_memory_utilization": MEMORY_SHARE * (1 - self.share)}
