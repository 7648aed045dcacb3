"""Dense, mixture of experts and hybrid models at equal compute and at equal accuracy. Import from here `fit`.

`matched_curves` compares curves over caps, `regression` points, `table` puts together.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
)
