"""What every script shares: one clear message for a mistake of the user, a traceback for one of ours."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


class UserError(ValueError):
    """Bad input; the message says what is wrong, where, and how to mend it."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `UserError` as one message on standard error and exit with status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def analysis_parser(doc: str, answers: bool = True) -> argparse.ArgumentParser:
    """Return the arguments that the analyses of points, and of `answers`, share; `doc` describes the command."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=Path, required=True, help="table of points")
    if answers:
        parser.add_argument("--answers", type=Path, help="table of answers; none for published figures")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws (default 2000)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the study's bootstrap")
    return parser
