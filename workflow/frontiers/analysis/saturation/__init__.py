"""Where longer reasoning stops paying. Import from here `fit`.

`forms` are fitted and compared, `cap_tests` finds the saturation cap, `pooled` takes models together, `table` puts
together; `segmented_check` holds breaks against R's `segmented`.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    fit="table",
)
