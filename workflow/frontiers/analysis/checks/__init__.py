"""Checks of a finished study, independent of the code that made its tables. Import from here `run_checks`, `summary`
and `belong_together`.

`study` checks all tables, `answers` single answers, `lineage` what they were made of; `check` is what each check returns.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    belong_together="lineage",
    run_checks="study",
    summary="study",
)
