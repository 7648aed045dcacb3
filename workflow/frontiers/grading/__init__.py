"""From a completion to a verdict. Import `verify` and `extract` from here, tables of grades from `grades`, those of a
judge from `judge`, `judge_cost` and `judge_error`.

`extraction` finds the answer, `equivalence` compares it with the gold answer, `pool` confines hostile text to processes
that can be killed. It imports `compute`, `statistics`, `data` and `core`.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    verify="grader",
    extract="extraction",
)
