"""What every script shares: one message for a mistake of the user, a traceback for a bug of ours."""

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from frontiers.core import secrets
from frontiers.core.escapes import printable

UNWRITABLE = {
    errno.ENOSPC: "no space left on device; free some space",
    errno.EDQUOT: "disk quota exceeded; free some space",
    errno.EROFS: "read-only file system; make it writable or use another one",
    errno.EACCES: "permission denied; fix its permissions",
    errno.EPERM: "permission denied; fix its permissions",
}
"""Why a file cannot be written, and the fix."""


class UserError(ValueError):
    """Bad input; the message says what is wrong, where, and how to fix it.

    It is shown on terminals, so nothing in it can control one.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class Stopped(BaseException):
    """SIGTERM, for instance at a scheduler's time limit. Not an `Exception`, so that no handler swallows it."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `UserError` as one message on standard error and exit with status 1.

    A file that cannot be written is such an error too. No secret is printed, in a traceback of a bug either.
    """
    sys.excepthook = _traceback
    try:
        main()
    except UserError as error:
        sys.exit(secrets.redacted(f"error: {error}"))
    except OSError as error:
        if error.filename is None or error.errno not in UNWRITABLE:
            raise
        sys.exit(f"error: {printable(str(error.filename))}: {UNWRITABLE[error.errno]}")


def stop_on_sigterm() -> None:
    """Make SIGTERM raise `Stopped` in the main thread."""

    def stop(number, frame):
        raise Stopped

    signal.signal(signal.SIGTERM, stop)


def say(line: str) -> None:
    """Print a line of progress; a closed pipe is ignored."""
    with suppress(BrokenPipeError):
        print(printable(secrets.redacted(line)), file=sys.stderr, flush=True)


def _traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback without secrets."""
    sys.stderr.write(printable(secrets.redacted("".join(traceback.format_exception(kind, error, trace)))))


def add_hub(parser: argparse.ArgumentParser) -> None:
    """Add the option `--hub`, the folder of the Hub's repositories."""
    parser.add_argument(
        "--hub",
        type=Path,
        default=Path(os.environ.get("FRONTIERS_HUB") or "data/hub"),
        help="folder for repositories of the Hub: downloads go there, offline runs read it "
        "(default: FRONTIERS_HUB, else data/hub)",
    )


def analysis_parser(doc: str, answers: bool = True) -> argparse.ArgumentParser:
    """Return the parser that the analyses share; `doc` describes the command, `answers` adds `--answers`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=Path, required=True, help="table of points")
    if answers:
        parser.add_argument("--answers", type=Path, help="table of answers; leave out for published figures")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    return parser
