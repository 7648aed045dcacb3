"""Which points no other dominates, and what to take at which budget. Import from here `frontier`, the mask of
non-dominated points, and what the table is made with: `by_problem`, `costs_of`, `extract`.

`pareto` has the geometry, `cloud` the points of one benchmark and cost with their draws and their membership,
`budget_choice` the band and the choice held out, `volume` the hypervolume, `summary` table and JSON from them.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    by_problem="cloud",
    costs_of="summary",
    extract="summary",
    frontier="pareto",
)
