"""The journal of completed requests: append-only, content-addressed, with a checksum on each line.

A line is `crc32 of the rest, a space, JSON`. The JSON holds a completion with its `id`, and under `tally` the
progress of its job. A torn or damaged line is dropped on reading, and its request is decoded again. A file next
to the journal names its writer, see `core.single_writer`.
"""

import errno
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from frontiers.core.cli import UserError
from frontiers.core.files import write_whole
from frontiers.core.single_writer import SingleWriter
from frontiers.generation.requests import Completion, Scores

FULL = (errno.ENOSPC, errno.EDQUOT)
TAIL = 1 << 24  # bytes at the end of a journal that are searched for its last whole line


@dataclass
class Tally:
    """The progress of the last job of a journal, and the device time of all its jobs.

    `total`: problems × samples of the job; `done` of them have all their answers, and `worked` of these needed
    the engine. `tokens` were decoded in `seconds` of this job, without the engine's start; time that several
    journals share is divided by requests in flight. `gpu_seconds` add up the device seconds of every job so far,
    starts included.
    """

    total: int = 0
    done: int = 0
    worked: int = 0
    tokens: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0

    @classmethod
    def of(cls, entry: object) -> "Tally":
        """Return the tally in a line of a journal; what is not known or no number counts as not there."""
        known = entry if isinstance(entry, Mapping) else {}
        return cls(
            **{
                name: known[name]
                for name in cls.__dataclass_fields__
                if isinstance(known.get(name), int | float)
            }
        )

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens decoded per second of this journal's share of the engine; None before any time has passed."""
        return self.tokens / self.seconds if self.seconds else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated time left at the pace of the problems done by this job; None while there are none."""
        return self.seconds * (self.total - self.done) / self.worked if self.worked else None


class Journal:
    """The completions of one model on one benchmark, on disk at `path`. One writer at a time.

    With `patience` it is locked for writing before it is read, waiting up to that many seconds for another
    writer; without, it is locked when the first line is written, and another writer is an error at once.
    """

    def __init__(self, path: Path, patience: float | None = None):
        self.path = path
        self._fence = SingleWriter(path)
        if patience is not None:
            self._fence.take(patience)
        self.dropped = self.rejected = 0
        self.tally = Tally()
        self.entries: dict[str, dict] = {}
        for entry in self._lines():
            if "tally" in entry:
                self.tally = Tally.of(entry.pop("tally"))
            if "id" in entry:
                self.entries[entry["id"]] = entry
        self._file: int | None = None

    def _lines(self) -> Iterator[dict]:
        """Yield the entries of whole lines; count the others as dropped."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if (entry := parsed(line)) is not None:
                    yield entry
                elif line.strip():
                    self.dropped += 1

    def append(self, completion: Completion | Scores, after: str = "", start: int = 0) -> None:
        """Append a completion and hand it to the operating system before returning.

        A piece names in `after` the completion it continues, and in `start` the number of tokens before it.
        Raises `UserError` when the disk is full or another job writes this journal.
        """
        entry = vars(completion) | ({"after": after, "start": start} if after else {})
        self._write(entry | {"tally": vars(self.tally)})
        self.entries[completion.id] = entry

    def reject(self, name: str) -> None:
        """Forget a completion that cannot be used; its request is decoded again, and `compact` takes it off the disk."""
        del self.entries[name]
        self.rejected += 1

    def _write(self, entry: Mapping) -> None:
        if self._file is None:
            self._file = self._open()
        self._fence.check()
        size, line = os.fstat(self._file).st_size, memoryview(encoded(entry))
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, size)
            if error.errno not in FULL:
                raise
            raise UserError(
                f"{self.path}: no space left on its disk. The {len(self.entries):,} requests journalled so far are "
                "kept; make room and rerun the command"
            ) from error

    def _open(self) -> int:
        """Return the open file, locked for writing, at the start of a new line."""
        self._hold()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")
        return file

    def _hold(self) -> None:
        if not self._fence.held:
            self._fence.take(0)

    def compact(self) -> None:
        """Rewrite the file in one step: each completion once and in one piece, then the tally."""
        self._hold()
        self._fence.check()
        for entry in sorted((e for e in self.entries.values() if "after" in e), key=lambda e: e["start"]):
            first = self.entries.get(entry["after"])
            if first and first["finish_reason"] == "length" and first["decoded"] == entry["start"]:
                whole = Completion.from_entry(first).then(Completion.from_entry(entry))
                self.entries[first["id"]] = vars(whole)
                del self.entries[entry["id"]]
        lines = [encoded(entry) for entry in [*self.entries.values(), {"tally": asdict(self.tally)}]]
        write_whole(self.path, b"".join(lines))

    def close(self) -> None:
        """Flush the file to disk and let others write."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None
        self._fence.release()


def encoded(entry: Mapping) -> bytes:
    """Return the line that holds `entry`."""
    body = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parsed(line: bytes) -> dict | None:
    """Return the entry in a line, or None if the line is damaged, or whole and yet no line of a journal."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    try:
        entry = json.loads(body) if checksum == b"%08x" % zlib.crc32(body) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or ("after" in entry and type(entry.get("start")) is not int):
        return None
    return entry


def last_tally(path: Path) -> Tally | None:
    """Return the tally in the last whole line of a journal, without reading the rest; None if there is none."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
        for line in reversed(file.read().splitlines()):
            if (entry := parsed(line)) and "tally" in entry:
                return Tally.of(entry["tally"])
    return None
