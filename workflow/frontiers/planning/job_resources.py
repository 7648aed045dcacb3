"""Resources of a `generate` job: from the plan of its study, otherwise from the model's block."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

START_MINUTES = 30
"""Added to the planned time: weights read from a slow file system, graphs captured, tables written."""

PROCESS_MB = 8000
"""Added to the weights per device: Python, torch, CUDA and vLLM in main memory; a generous assumption."""


def planned(
    hours: float | None, weight_bytes: float, cache_bytes: float, block: Mapping
) -> dict[str, int] | None:
    """Return `runtime` in minutes and `mem_mb` of one job of a model; None if its time is not known.

    `hours` are the upper estimate of the device hours of the whole model, which are divided among its `devices`
    and `shards`. The weights are loaded through main memory, and `cache_bytes` stay there.
    """
    if hours is None or math.isnan(hours):
        return None
    minutes = hours * 60 / block["devices"] / block.get("shards", 1)
    memory = (weight_bytes + cache_bytes) / 1e6 + PROCESS_MB * block["devices"]
    return {"runtime": START_MINUTES + math.ceil(minutes), "mem_mb": math.ceil(memory)}


def asked(plan: Path, name: str, model: Mapping) -> dict[str, int]:
    """Return `runtime` and `mem_mb` of a job of the model `name`; `plan` is the study's plan.json.

    Without a plan, or where it does not say both for the model, the values of the model's block are used.
    """
    own = {"runtime": model["runtime_minutes"], "mem_mb": model["memory_mb"]}
    found = _read(plan).get(name)
    if not isinstance(found, dict) or not all(_is_count(found.get(key)) for key in own):
        return own
    return {key: found[key] for key in own}


def replicas(minutes: Mapping[T, float], gpus: Mapping[T, int], devices: int) -> dict[T, int]:
    """Return how many engines each job runs at once, so that together they fill `devices`.

    `minutes` is the time of each job with one engine, on its `gpus` devices. A job gets its share of the devices by
    its device minutes, rounded up: then none takes longer than all of them, divided evenly, would.
    """
    total = sum(minutes[job] * gpus[job] for job in minutes)
    found = {}
    for job, each in gpus.items():
        share = math.ceil(devices * minutes[job] / total) if total else 1
        found[job] = max(min(share, devices // each), 1) if each else 1
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


@cache
def _read(plan: Path) -> dict:
    """Return the resources in the plan by model; empty if the file is missing, damaged or no object."""
    try:
        found = json.loads(plan.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
