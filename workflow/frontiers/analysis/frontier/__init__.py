"""Which points no other dominates, and what to take at which budget. Import from here `frontier`, the mask of
non-dominated points.

`pareto` has the geometry, `budget_choice` the choice held out, `summary` the tables.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    frontier="pareto",
)
