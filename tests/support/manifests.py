"""Manifests of checkpoints on this machine."""

import json
from pathlib import Path

from frontiers.data import checkpoints


def write_manifest(folder: Path, path: Path) -> Path:
    """Write to `path` the part of a manifest that jobs read; return `path`."""
    held = checkpoints.check_checkpoint(folder, "Train it again")
    manifest = {"folder": str(folder), **held, "files": checkpoints.checksums(folder)}
    path.write_text(json.dumps(manifest))
    return path
