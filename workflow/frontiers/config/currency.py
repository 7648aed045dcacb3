"""Which generations are current: what a study asks of them, compared with what their provenance says."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from frontiers.config import strategies
from frontiers.config.provenance import MADE_BY, decisive, reading
from frontiers.config.study import canonical, caps, engine, identity, samples
from frontiers.core import sealed
from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of

MANIFESTS = ("manifest", "reward_manifest")
"""What a provenance calls the manifests of its model and of its reward model."""


def made_by(code: str, settings: Any) -> str:
    """Return the digest of code, given by its own digest, and settings, in 16 hexadecimal digits."""
    return hashlib.sha256(f"{code}\0{canonical(settings)}".encode()).hexdigest()[:16]


def asked(
    study: Mapping,
    model: Mapping,
    benchmark: str,
    strategy: Mapping,
    reward: Mapping | None = None,
    environment: str | None = None,
) -> dict[str, Any]:
    """Return what a study asks of the generations of a model on a benchmark, as `generate` records it.

    `reward` is what is to be known of the reward model of a tree. `environment` is the digest of the conda
    environment that the model runs in, None without conda. Problems, checkpoint and code are not part of it.
    """
    return {
        "identity": json.loads(identity(model)),
        "caps": caps(study, model, strategy),
        "samples": samples(study, benchmark, model, strategy),
        "answer_tokens": study["answer_tokens"],
        "seed": study["seed"],
        **({"date": study["date"]} if "date" in study else {}),
        "engine": json.loads(engine(study, model)),
        "strategy": strategies.decoding(strategy),
        **({"reward_model": reading(reward)} if reward else {}),
        **({"environment": environment} if environment else {}),
    }


def differing(recorded: Mapping, wanted: Mapping, problems: Path, manifests: Mapping[str, Path]) -> list[str]:
    """Return the keys in which a provenance is not what is `wanted`; none if it is current.

    `manifests` has the manifest of the model under `manifest`, that of a reward model under `reward_manifest`.
    Raises `OSError` for a file that is missing and `ValueError` for one that is torn.
    """
    found = [key for key, value in wanted.items() if key not in recorded or recorded[key] != value]
    found += [key for key in ("reward_model", "environment", "date") if key in recorded and key not in wanted]
    if recorded.get("problems_sha256") != _sha256(problems, problems.stat().st_mtime_ns):
        found.append("problems_sha256")
    for key, path in manifests.items():
        if recorded.get(key) != decisive(_manifest(path, path.stat().st_mtime_ns)):
            found.append(key)
    return found


def is_current(
    provenance: Path, wanted: Mapping, problems: Path, manifests: Mapping[str, Path], code: str | None
) -> bool:
    """Return whether a provenance says that its table is what is wanted; False where a file is missing or torn.

    `code` is the digest of the code that decides requests and rows; None accepts any. For the others see `differing`.
    """
    try:
        recorded = sealed.read(provenance)
        wanted = wanted if code is None else {**wanted, "code": code}
        return not differing(recorded, wanted, problems, manifests)
    except (OSError, ValueError, UserError):
        return False


def is_made_by(origin: Path, digest: str) -> bool:
    """Return whether a download was made by the code and block of this digest; False where its JSON is missing or torn."""
    try:
        return json.loads(origin.read_text())[MADE_BY] == digest
    except (OSError, ValueError, KeyError, TypeError):
        return False


@cache
def _sha256(path: Path, mtime: int) -> str:
    return sha256_of(path)


@cache
def _manifest(path: Path, mtime: int) -> dict:
    return json.loads(path.read_text())
