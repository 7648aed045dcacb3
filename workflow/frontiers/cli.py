"""What every script shares: one clear message for a mistake of the user, a traceback for one of ours."""

import sys
from collections.abc import Callable


class UserError(ValueError):
    """Bad input; the message says what is wrong, where, and how to mend it."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `UserError` as one message on standard error and exit with status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
