"""Dense, mixture of experts and hybrid models compared. Import from here `fit` and `size_pairs`.

`matched_curves` compares curves over caps, `regression` points, `equal_sizes` models of one size; `table` puts together.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
    size_pairs="table",
)
