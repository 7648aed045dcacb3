"""JSON files with the sha256 of their own content, so that their readers find a damaged or edited one."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontiers.core.cli import UserError
from frontiers.core.files import write_whole

KEY = "sha256"
"""Field of the digest, the last of the file."""


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object to `path` in one step, with its digest; raises `ValueError` for NaN and infinities."""
    content = {key: value for key, value in content.items() if key != KEY}
    sealed = {**content, KEY: _digest(_text(content))}
    write_whole(path, _text(sealed) + b"\n")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object at `path`, without its digest.

    Raises `UserError` when the file is missing or damaged, was edited, or has no digest.
    """
    try:
        content = json.loads(path.read_bytes())
        found, digest = content.pop(KEY, None), _digest(_text(content))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and rerun snakemake") from error
    if found is None:
        raise UserError(
            f"{path}: has no digest of its content: an older version or another tool wrote it; delete it and rerun snakemake"
        )
    if found != digest:
        raise UserError(f"{path}: damaged or edited since it was written; delete it and rerun snakemake")
    return content


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, allow_nan=False).encode()


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
