"""A reward model from its block and its files: what lays out texts for it, and the engine that reads them."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from frontiers import engine, reward_engine
from frontiers.completions import fingerprint
from frontiers.rewards import Rewarder

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
