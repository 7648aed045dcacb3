"""Writing files atomically, and their checksums."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from frontiers.core.cli import UNWRITABLE, UserError


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a file name matches one of the patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def sha256_of(*paths: Path) -> str:
    """Return the sha256, in hexadecimal, of the files concatenated."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def partial(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it replaces `path` in one step, or is removed after an error.

    Raises `UserError` when the disk is full or not writable.
    """
    hidden = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield hidden
        os.replace(hidden, path)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise UserError(f"{path}: {UNWRITABLE[error.errno]}") from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: a reader sees the old file or the new one, never a part.

    Raises `UserError` when the disk is full or not writable.
    """
    with partial(path) as hidden:
        hidden.write_bytes(content)


def json_lines(rows: Iterable[dict]) -> bytes:
    """Return rows as JSON lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
