"""Where longer reasoning stops paying. Import from here `fit`, `gains_of`, and `unfitted` for published figures.

`forms` are fitted and compared, `cap_tests` finds the saturation cap, `pooled` takes models together, `table` puts
together; `segmented_check` compares breaks with those of the package `piecewise-regression`.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
    gains_of="table",
    unfitted="table",
)
