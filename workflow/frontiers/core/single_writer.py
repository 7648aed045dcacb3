"""One writer at a time, on a file system that several machines may share, without a lock.

Between machines, locks of the operating system are honoured by some file systems and not by others, and a
machine that vanishes keeps what it held. So who writes a file stands in a file beside it. Of several that
make it with O_EXCL, a file system lets one succeed. Its owner touches it every `BEAT` seconds, and another
writer waits for as long as it sees a beat at least every `MISSED` intervals, by its own monotonic clock. No
two clocks are ever compared, so each of them may be wrong or jump. Where both run under one kernel, an owner
whose process is gone is known to be dead at once.

An owner that was only asleep (a stopped process, a machine cut off) finds on waking that the file is no
longer its own, and writes no more.
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

BEAT = 10.0  # seconds between two signs of life
MISSED = 6  # intervals without one after which an owner is taken for dead
PATIENCE = 600.0  # seconds that a second writer waits for a live owner
LOOK = 0.5  # seconds between two looks at the owner

GONE = (errno.ENOENT, errno.ESTALE)  # the second is what NFS says of a file that another machine has removed


@dataclass(frozen=True)
class Owner:
    """A process that writes: `kernel` tells which processes see each other, `begun` is in clock ticks since its boot."""

    token: str
    host: str
    kernel: str
    pid: int
    begun: str
    job: str
    since: str

    @classmethod
    def here(cls) -> "Owner":
        """Return this process, with a token of its own."""
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
        """Whether it is certain that the process has ended; not known of those that cannot be seen from here."""
        return bool(self.kernel) and self.kernel == kernel() and begun(self.pid) != self.begun

    def __str__(self) -> str:
        job = f", SLURM job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"

    @property
    def end(self) -> str:
        """The command that ends it."""
        return f"scancel {self.job}" if self.job else f"kill {self.pid}"


def kernel() -> str:
    """Return what all processes that see each other have in common, `` where there is no /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def begun(pid: int) -> str:
    """Return when a process began, in clock ticks since the boot; `` of one that has ended. Tells reused ids apart."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def look(path: Path) -> tuple[bytes, int] | None:
    """Return what stands at `path` and the time of its last beat; None if there is nothing.

    The file is opened, because NFS answers a mere `stat` from its cache.
    """
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError as error:
        if error.errno in GONE:
            return None
        raise


def parsed(content: bytes) -> Owner | None:
    """Return the owner that a file names; None when it died while writing it."""
    try:
        return Owner(**json.loads(content))
    except (ValueError, TypeError):
        return None


class Fence:
    """Leave to write the file at `path`, for one process at a time; its owner stands in `<path>.owner`."""

    def __init__(self, path: Path):
        self.path = path
        self.owner = path.with_name(f"{path.name}.owner")
        self.held = False
        self._lost = False
        self._sure = 0.0  # when the file was last seen to be ours, by the monotonic clock
        self._file = -1

    def take(self, patience: float, tell: Callable[[str], None] = say) -> None:
        """Become the one writer; wait up to `patience` seconds for another one that lives.

        Raises `UserError`, with the command that ends it, when it then still does.
        """
        self._me = Owner.here()
        try:
            self.owner.parent.mkdir(parents=True, exist_ok=True)
            self._wait(patience, tell)
        except OSError as error:
            raise UserError(
                f"{self.owner}: cannot be written ({error.strerror}); mend that and run the same command again"
            ) from error
        self.held, self._lost, self._sure = True, False, time.monotonic()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._live, name=f"heartbeat of {self.owner}", daemon=True)
        self._heart.start()
        atexit.register(self.release)

    def _wait(self, patience: float, tell: Callable[[str], None]) -> None:
        """Return as soon as this writer's file is made."""
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
                    f"{self.path}: another job is writing it: {other or 'an unknown process'}. Wait until it ends"
                    + (f", or end it with `{other.end}`" if other else "")
                    + "; then run the same command again, which goes on from what is there"
                )
            else:
                if not told:
                    limit = "" if patience == inf else f", at most {patience / 60:.0f} min"
                    tell(f"{self.path}: {other or 'another process'} writes it; waiting for its end{limit}")
                    told = True
                time.sleep(LOOK)

    def check(self) -> None:
        """Raise `UserError` when another writer has taken the place of this one."""
        if time.monotonic() - self._sure > 2 * BEAT and not self._lost:
            self._confirm()
        if self._lost:
            raise UserError(
                f"{self.path}: another writer has taken the place of this one, which gave no sign of life for "
                f"{BEAT * MISSED:.0f} s or whose file {self.owner.name} was removed. Nothing is lost; run the same "
                "command again when the other one has ended"
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
        """Return whether the owner's file could be made, which only one writer at a time can."""
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
        """Take a dead owner's file away, and no other's: of several that try, one catches it."""
        caught = self.owner.with_name(f".{self.owner.name}.{self._me.token}")
        try:
            os.rename(self.owner, caught)
        except FileNotFoundError:
            return
        if look(caught) == judged:
            tell(f"{self.path}: {other or 'its last writer'} has ended without a word; going on in its place")
        else:  # it lives after all, or somebody else was faster
            with suppress(OSError):
                os.link(caught, self.owner)
        caught.unlink()

    def _live(self) -> None:
        """Touch the owner's file until the end, through the open file: what was taken away is not made anew."""
        while not self._ended.wait(BEAT) and not self._lost:
            with suppress(OSError):  # the server is away; the next beat may reach it
                os.utime(self._file)
                self._confirm()

    def _confirm(self) -> None:
        self._lost = not self._ours()
        self._sure = time.monotonic()

    def _ours(self) -> bool:
        """Return whether the owner's file names this writer; looks twice, since one that errs puts it back."""
        for pause in (LOOK, 0):
            if found := look(self.owner):
                other = parsed(found[0])
                return other is not None and other.token == self._me.token
            time.sleep(pause)
        return False


@contextmanager
def held(path: Path, patience: float = PATIENCE) -> Iterator[Fence]:
    """Hold the fence of the file at `path`."""
    fence = Fence(path)
    fence.take(patience)
    try:
        yield fence
    finally:
        fence.release()
