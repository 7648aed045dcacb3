"""The journal of completed requests: append-only, checked line by line, content-addressed.

A line is `crc32 of the rest, a space, JSON`. The JSON holds `id` (see
`request_id`) and whatever the completion is. A line that is torn, or that was
damaged later, is dropped on reading, and its request is decoded again.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path


def fingerprint(parts: Mapping) -> str:
    """Return 16 hex digits that change with any value in `parts` and with nothing else."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def request_id(prompt: list[int], **sampling) -> str:
    """Return the name of a request: the hash of its prompt's token ids and of its own sampling parameters."""
    return fingerprint({"prompt": prompt, **sampling})


class Journal:
    """The completions of one job, on disk at `path`. One writer at a time."""

    def __init__(self, path: Path):
        self.path = path
        self.dropped = 0
        self.entries = self._read()
        self._file = None

    def _read(self) -> dict[str, dict]:
        entries = {}
        if not self.path.exists():
            return entries
        for line in self.path.read_bytes().split(b"\n"):
            if not line:
                continue
            checksum, _, body = line.partition(b" ")
            if checksum != b"%08x" % zlib.crc32(body):
                self.dropped += 1
                continue
            entry = json.loads(body)
            entries[entry["id"]] = entry
        return entries

    def append(self, entry: dict) -> None:
        """Hold a completed request and hand it to the operating system before returning."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
            if self._file.tell() and not _ends_with_newline(self.path):
                self._file.write(b"\n")
        body = json.dumps(entry, separators=(",", ":")).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(body), body))
        self._file.flush()
        self.entries[entry["id"]] = entry

    def close(self) -> None:
        """Force what was appended to the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
