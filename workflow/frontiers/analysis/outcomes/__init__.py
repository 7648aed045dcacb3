"""What failed generations cost against successful ones, and what stopping early would have saved. Import from here
`fit`, and `unfitted` for published figures.

`ratios` of costs, `early_stopping`, and the `table` of both.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
    unfitted="table",
)
