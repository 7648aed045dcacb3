"""How accuracy per FLOP, and compute at fixed accuracy, move with release date. Import from here `fit`.

`dated_points` selects, `regressions` and `fixed_accuracy` fit, `table` puts together.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
)
