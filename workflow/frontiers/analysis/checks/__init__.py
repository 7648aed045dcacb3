"""Checks of a finished study, independent of the code that made its tables. Import from here `run_checks` and
`summary`.

`study` checks all tables, `answers` single answers; `check` is what each check returns.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    run_checks="study",
    summary="study",
)
