"""Manifests of checkpoints, and whether the files that they name are still the same.

A manifest, `<model>.json`, holds the sha256 of every file of a checkpoint. `<model>.checked.json` next to it records
the size, the times and the inode that each file had when its hash was last compared: a file of which any of these
has changed is hashed again. One of the times, that of the inode's last change (ctime), is set by the kernel alone, so
a file that was replaced or edited under its old modification time is noticed. The record is of one machine and part
of no result; without it every file is hashed.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from frontiers.core.cli import UserError, say
from frontiers.core.files import matches, sha256_of, write_whole
from frontiers.data import checkpoints

HASH_ALL = "FRONTIERS_HASH_MODELS"
"""Environment variable; unless empty, every file is hashed, whatever its size and times."""
FRESH = 2 * 10**9
"""Nanoseconds in which a file may change twice without changing its times: one as new as that is not recorded."""

Facts = tuple[int, int, int, int]
"""Size of a file in bytes, its modification and inode change times in ns, and its inode."""


def read(path: Path) -> dict:
    """Return the manifest at `path`; raises `UserError` when it is missing or damaged."""
    try:
        manifest = json.loads(path.read_bytes())
        folder, files = manifest["folder"], manifest["files"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read as a manifest ({error!r}); delete it and rerun snakemake"
        ) from error
    if not (isinstance(folder, str) and isinstance(files, dict)):
        raise UserError(f"{path}: damaged: not a manifest; delete it and rerun snakemake")
    return manifest


def verified(path: Path, trusted: bool = False, weights: bool = True) -> dict:
    """Return the manifest at `path` after comparing it with the files of its checkpoint.

    `trusted` includes the checkpoint's own code. Without `weights` only the other files are compared: a job that
    decodes nothing needs no weights. Raises `UserError` with the name of a file that has changed, is missing or
    was added.
    """
    manifest = read(path)
    folder, named = Path(manifest["folder"]), manifest["files"]
    patterns = checkpoints.files_of(trusted, weights and manifest.get("weight_bytes") is not None)
    expected = {name for name in named if matches(name, patterns)}
    found = set(checkpoints.own_files(folder, patterns)) if folder.is_dir() else set()
    mend = f"or, to use the files as they are, delete {path} and rerun snakemake"
    if missing := sorted(expected - found):
        raise UserError(f"{folder / missing[0]}: missing, but {path} names it. Restore it, {mend}")
    if added := sorted(found - expected):
        raise UserError(f"{folder / added[0]}: added: {path} does not name it. Remove it, {mend}")
    now, known = facts_of(folder, expected), recorded(path)
    changed = [
        name for name in now if os.environ.get(HASH_ALL) or known.get(name) != [named[name], *now[name]]
    ]
    if (size := sum(now[name][0] for name in changed)) > 2**30:
        say(f"{folder}: comparing the hashes of {len(changed)} files, {size / 2**30:,.1f} GiB")
    for name in changed:
        if (sha256 := sha256_of(folder / name)) != named[name]:
            raise UserError(
                f"{folder / name}: changed: its sha256 is {sha256}, {path} says {named[name]}. Restore it, {mend}"
            )
    if changed:
        record(path, named, now)
    return manifest


def facts_of(folder: Path, names: Iterable[str]) -> dict[str, Facts]:
    """Return what changes with each file, without reading it."""
    found = {name: (folder / name).stat() for name in sorted(names)}
    return {name: (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in found.items()}


def recorded(path: Path) -> dict[str, list]:
    """Return the record next to the manifest at `path`: for each file its sha256 and its facts."""
    return _content(path).get("files", {})


def record(
    path: Path, sums: Mapping[str, str], seen: Mapping[str, Facts], more: Mapping | None = None
) -> None:
    """Record next to the manifest at `path` that files with these facts have these `sums`, and `more`.

    A record that cannot be written is no error: it only saves time.
    """
    before, latest = _content(path), time.time_ns() - FRESH
    files = {name: [sums[name], *facts] for name, facts in seen.items() if facts[2] < latest}
    content = {**before, **(more or {}), "files": {**before.get("files", {}), **files}}
    try:
        write_whole(path.with_suffix(".checked.json"), json.dumps(content, indent=1).encode() + b"\n")
    except (OSError, UserError) as error:
        say(f"{path}: its files will be hashed again next time ({error})")


def _content(path: Path) -> dict:
    """Return what is in the record next to the manifest at `path`; nothing of one that is missing or damaged."""
    try:
        found = json.loads(path.with_suffix(".checked.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}
