"""One writer at a time, on a file system that several machines may share.

Not every shared file system honours the locks of the operating system, and a machine that vanishes never
releases them. So the writer of a file is named in `<file>.owner`, created with O_EXCL, which only one process
can do. The owner touches it every `BEAT` seconds, a heartbeat; another writer waits while it sees one at least
every `MISSED` intervals by its own monotonic clock. Clocks of two machines are never compared, so either may be
wrong or jump. Under the same kernel, an owner whose process has ended is known to be dead at once.

An owner that was only asleep (a stopped process, a machine cut off) finds on waking that the file is no
longer its own, and stops writing.
"""

import atexit
import errno
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from frontiers.core.cli import UserError, say

BEAT = 10.0  # seconds between two heartbeats
MISSED = 6  # intervals without a heartbeat after which an owner counts as dead
PATIENCE = 600.0  # seconds that a second writer waits for a live owner
LOOK = 0.5  # seconds between two checks of the owner

GONE = (
    errno.ENOENT,
    errno.ESTALE,
)  # the second is what NFS reports for a file that another machine has removed


@dataclass(frozen=True)
class Owner:
    """A process that writes. Processes with the same `kernel` see each other; `begun` is in clock ticks since boot."""

    token: str
    host: str
    kernel: str
    pid: int
    begun: str
    job: str
    since: str

    @classmethod
    def here(cls) -> "Owner":
        """Return this process, with a new token."""
        return cls(
            token=uuid.uuid4().hex,
            host=socket.gethostname(),
            kernel=kernel(),
            pid=os.getpid(),
            begun=begun(os.getpid()),
            job=os.environ.get("SLURM_JOB_ID", ""),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @property
    def gone(self) -> bool:
        """Whether the process has certainly ended; False for one that cannot be seen from here."""
        return bool(self.kernel) and self.kernel == kernel() and begun(self.pid) != self.begun

    def __str__(self) -> str:
        job = f", SLURM job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"

    @property
    def end(self) -> str:
        """The command that ends it."""
        return f"scancel {self.job}" if self.job else f"kill {self.pid}"


def kernel() -> str:
    """Return an id shared by all processes that see each other, "" without /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def begun(pid: int) -> str:
    """Return when a process began, in clock ticks since boot, "" once it has ended. Tells reused ids apart."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def look(path: Path) -> tuple[bytes, int] | None:
    """Return the content of the file at `path` and the time of its last heartbeat; None if there is none.

    The file is opened because NFS answers a bare `stat` from its cache.
    """
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError as error:
        if error.errno in GONE:
            return None
        raise


def parsed(content: bytes) -> Owner | None:
    """Return the owner that a file names; None if the owner died while writing it."""
    try:
        return Owner(**json.loads(content))
    except (ValueError, TypeError):
        return None


class SingleWriter:
    """The right to write the file at `path`, for one process at a time; `<path>.owner` names its owner."""

    def __init__(self, path: Path):
        self.path = path
        self.owner = path.with_name(f"{path.name}.owner")
        self.held = False
        self._lost = False
        self._sure = 0.0  # monotonic time at which the file was last seen to be ours
        self._file = -1

    def take(self, patience: float, tell: Callable[[str], None] = say) -> None:
        """Become the writer; wait up to `patience` seconds for another live one.

        Raises `UserError`, with the command that ends it, if it is still alive then.
        """
        self._me = Owner.here()
        try:
            self.owner.parent.mkdir(parents=True, exist_ok=True)
            self._wait(patience, tell)
        except OSError as error:
            raise UserError(
                f"{self.owner}: cannot be written ({error.strerror}); fix this and rerun the command"
            ) from error
        self.held, self._lost, self._sure = True, False, time.monotonic()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._live, name=f"heartbeat of {self.owner}", daemon=True)
        self._heart.start()
        atexit.register(self.release)

    def _wait(self, patience: float, tell: Callable[[str], None]) -> None:
        """Return as soon as this writer's file is created."""
        start = time.monotonic()
        seen, changed, told = None, start, False
        while not self._made():
            if (found := look(self.owner)) is None:
                continue
            now, other = time.monotonic(), parsed(found[0])
            if found != seen:
                seen, changed = found, now
            if (other and other.gone) or now - changed > BEAT * MISSED:
                self._evict(found, other, tell)
            elif now - start >= patience:
                raise UserError(
                    f"{self.path}: another job is writing this file: {other or 'an unknown process'}. Wait until it ends"
                    + (f", or end it with `{other.end}`" if other else "")
                    + ", then rerun the command; it continues where that job stopped"
                )
            else:
                if not told:
                    limit = "" if patience == inf else f", at most {patience / 60:.0f} min"
                    tell(
                        f"{self.path}: {other or 'another process'} is writing this file; waiting for it{limit}"
                    )
                    told = True
                time.sleep(LOOK)

    def check(self) -> None:
        """Raise `UserError` if another writer has taken over."""
        if time.monotonic() - self._sure > 2 * BEAT and not self._lost:
            self._confirm()
        if self._lost:
            raise UserError(
                f"{self.path}: another writer has taken over, because this one sent no heartbeat for "
                f"{BEAT * MISSED:.0f} s or its file {self.owner.name} was removed. Nothing is lost; rerun the "
                "command when the other writer has ended"
            )

    def release(self) -> None:
        """Let others write."""
        if not self.held or os.getpid() != self._me.pid:
            return
        self._ended.set()
        self._heart.join()
        self.held = False
        with suppress(OSError):
            if self._ours():
                self.owner.unlink()
        os.close(self._file)
        atexit.unregister(self.release)

    def _made(self) -> bool:
        """Return whether the owner's file could be created, which only one writer at a time can do."""
        try:
            self._file = os.open(self.owner, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(self._file, json.dumps(asdict(self._me)).encode() + b"\n")
            os.fsync(self._file)
        except OSError:
            os.close(self._file)
            self.owner.unlink()
            raise
        return True

    def _evict(self, judged: tuple[bytes, int], other: Owner | None, tell: Callable[[str], None]) -> None:
        """Remove the file of a dead owner, and of no other: of several that try, one succeeds."""
        caught = self.owner.with_name(f".{self.owner.name}.{self._me.token}")
        try:
            os.rename(self.owner, caught)
        except FileNotFoundError:
            return
        if look(caught) == judged:
            tell(f"{self.path}: {other or 'its last writer'} exited without releasing the lock; taking over")
        else:  # it is alive after all, or another writer was faster
            with suppress(OSError):
                os.link(caught, self.owner)
        caught.unlink()

    def _live(self) -> None:
        """Touch the owner's file until released, through the open file so that a removed one is not recreated."""
        while not self._ended.wait(BEAT) and not self._lost:
            with suppress(OSError):  # the file server is unreachable; the next heartbeat may reach it
                os.utime(self._file)
                self._confirm()

    def _confirm(self) -> None:
        self._lost = not self._ours()
        self._sure = time.monotonic()

    def _ours(self) -> bool:
        """Return whether the owner's file names this writer; looks twice because a mistaken rival restores it."""
        for pause in (LOOK, 0):
            if found := look(self.owner):
                other = parsed(found[0])
                return other is not None and other.token == self._me.token
            time.sleep(pause)
        return False


@contextmanager
def held(path: Path, patience: float = PATIENCE) -> Iterator[SingleWriter]:
    """Be the single writer of the file at `path`."""
    writer = SingleWriter(path)
    writer.take(patience)
    try:
        yield writer
    finally:
        writer.release()
