"""Files that are whole or not there, and their checksums."""

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from frontiers.cli import UserError


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a file name fits one of the patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def sha256_of(*paths: Path) -> str:
    """Return the sha256, in hexadecimal, of the files one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: a reader sees the old file or the new one, never a part.

    Raises `UserError` when the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise UserError(f"{path}: no space left on its disk for {len(content):,} bytes; make room") from error
    finally:
        partial.unlink(missing_ok=True)


def json_lines(rows: Iterable[dict]) -> bytes:
    """Return rows as JSON lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
