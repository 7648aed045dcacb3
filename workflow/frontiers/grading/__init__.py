"""From a completion to a verdict. Import from here `verify` and `extract`; tables come from `grades`, a judge's from
`judge`, `judge_cost` and `judge_error`.

`extraction` finds the answer, `equivalence` compares it with the gold answer, `pool` keeps hostile text in processes that
can be killed. It imports `compute`, `statistics`, `data` and `core`.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    verify="grader",
    extract="extraction",
)
