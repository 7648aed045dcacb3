"""Writing files atomically, and their checksums."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from frontiers.core.cli import UNWRITABLE, UserError
from frontiers.core.single_writer import begun, kernel

DAY = 24 * 3600 * 10**9  # nanoseconds after which a file of an unknown writer counts as left over


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

    Each writer has its own: of several at once the last to end wins, with a whole file. What was written reaches the
    disk before it replaces `path`, so not even a power failure leaves a part. Files that killed writers left are
    removed. Raises `UserError` when the disk is full or not writable.
    """
    hidden = path.with_name(f".{path.name}.{_writer()}-{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden.touch(exist_ok=False)
        _remove_leftovers(path, hidden)
        yield hidden
        _flush(hidden)
        os.replace(hidden, path)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise UserError(f"{path}: {UNWRITABLE[error.errno]}") from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def _writer() -> str:
    """Return what names this process in a file name: its id, when it began, and the kernel that knows it."""
    return "-".join(_process(os.getpid()))


def _process(pid: int) -> tuple[str, str, str]:
    return str(pid), begun(pid), hashlib.sha256(kernel().encode()).hexdigest()[:8]


def _remove_leftovers(path: Path, ours: Path) -> None:
    """Remove the partial files of `path` whose writers have ended, or, if unseen from here, are a day older than `ours`."""
    name = re.compile(rf"\.{re.escape(path.name)}\.(\d+)-(\d*)-([0-9a-f]{{8}})-[0-9a-f]{{8}}\.partial")
    now = ours.stat().st_mtime_ns
    for found in os.scandir(path.parent):
        if not (match := name.fullmatch(found.name)):
            continue
        with suppress(OSError):
            _, when, where = _process(int(match[1]))
            gone = kernel() and where == match[3] and when != match[2]
            if gone or now - found.stat().st_mtime_ns > DAY:
                os.unlink(found)


def _flush(path: Path) -> None:
    """Hand what was written to `path` to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: a reader sees the old file or the new one, never a part.

    Raises `UserError` when the disk is full or not writable.
    """
    with partial(path) as hidden:
        hidden.write_bytes(content)


def json_lines(rows: Iterable[dict]) -> bytes:
    """Return rows as JSON lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
