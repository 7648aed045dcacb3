"""What every script shares: one clear message for a mistake of the user, a traceback for one of ours."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

UNWRITABLE = {
    errno.ENOSPC: "no space left on its disk; make room",
    errno.EDQUOT: "no space left in the quota of its disk; make room",
    errno.EROFS: "its disk is read-only; make it writable or take another",
    errno.EACCES: "no right to it; correct the rights",
    errno.EPERM: "no right to it; correct the rights",
}
"""What may keep a file from being written, and how to mend it."""


class UserError(ValueError):
    """Bad input; the message says what is wrong, where, and how to mend it."""


class Stopped(BaseException):
    """SIGTERM: a scheduler ends the job, at its time limit for instance. No `Exception`, so that nothing mends it."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `UserError` as one message on standard error and exit with status 1.

    A file that may not be opened is such an error as well.
    """
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.filename is None or error.errno not in UNWRITABLE:
            raise
        sys.exit(f"error: {error.filename}: {UNWRITABLE[error.errno]}")


def stop_on_sigterm() -> None:
    """Have SIGTERM raise `Stopped` in the main thread, wherever it is."""

    def stop(number, frame):
        raise Stopped

    signal.signal(signal.SIGTERM, stop)


def say(line: str) -> None:
    """Print a line of progress; that nobody reads it any more ends nothing."""
    with suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


def add_hub(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says where repositories of the Hub lie."""
    parser.add_argument(
        "--hub",
        type=Path,
        default=Path(os.environ.get("FRONTIERS_HUB") or "data/hub"),
        help="folder that repositories of the Hub are fetched to, and found in when offline "
        "(default: FRONTIERS_HUB, else data/hub)",
    )


def analysis_parser(doc: str, answers: bool = True) -> argparse.ArgumentParser:
    """Return the arguments that the analyses of points, and of `answers`, share; `doc` describes the command."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=Path, required=True, help="table of points")
    if answers:
        parser.add_argument("--answers", type=Path, help="table of answers; none for published figures")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    return parser
