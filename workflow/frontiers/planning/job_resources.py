"""What a job of `generate` asks a scheduler for: as its study is planned, else as the model's block says."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

START_MINUTES = 30
"""Added to the planned time: weights read from a slow file system, graphs captured, tables written."""

PROCESS_MB = 8000
"""Added to the weights per device: Python, torch, CUDA and vLLM in main memory; an assumption, on the large side."""


def planned(
    hours: float | None, weight_bytes: float, cache_bytes: float, block: Mapping
) -> dict[str, int] | None:
    """Return `runtime` in minutes and `mem_mb` of one job of a model; None where its time is not known.

    `hours` are the device hours of the whole model at the most; they are divided among its `devices` and
    `shards`. The weights pass through main memory on their way, and `cache_bytes` stay there.
    """
    if hours is None or math.isnan(hours):
        return None
    minutes = hours * 60 / block["devices"] / block.get("shards", 1)
    memory = (weight_bytes + cache_bytes) / 1e6 + PROCESS_MB * block["devices"]
    return {"runtime": START_MINUTES + math.ceil(minutes), "mem_mb": math.ceil(memory)}


def asked(plan: Path, name: str, model: Mapping) -> dict[str, int]:
    """Return `runtime` and `mem_mb` of a job of the model `name`; `plan` is the JSON beside the study's plan.

    Nothing depends on it: without a plan, or with one that knows no time, the model's block holds.
    """
    own = {"runtime": model["runtime_minutes"], "mem_mb": model["memory_mb"]}
    return _read(plan).get(name) or own


@cache
def _read(plan: Path) -> dict:
    """Return what the plan asks for, by model; nothing where there is none or another program has spoiled it."""
    try:
        return json.loads(plan.read_text())
    except (OSError, ValueError):
        return {}
