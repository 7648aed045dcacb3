"""What a provenance records of a manifest and of a reward model: what decides a token, and nothing else."""

from collections.abc import Mapping
from typing import Any

MADE_BY = "made_by"
"""Key of the digest of the code and the block by which a manifest or the origin of problems was written."""


def decisive(manifest: Mapping) -> dict[str, Any]:
    """Return a manifest without what decides no token: by what it was written."""
    return {key: value for key, value in manifest.items() if key != MADE_BY}


def reading(reward: Mapping) -> dict[str, Any]:
    """Return what of a reward model's name and block decides how it reads, and not its share of a device's memory."""
    return {**reward, "reward": {k: v for k, v in reward["reward"].items() if k != "memory_share"}}
