"""Names that the tables share: keys of rows, the mean over benchmarks, reasoning caps and their order."""

from collections.abc import Iterable
from math import inf, isinf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean"
LEFT_OUT = "left_out"
"""Status of an answer whose call failed: its row holds the mean of the other samples of its problem."""
CURVE = ["model", "strategy", "benchmark"]
KEY = [*CURVE, "cap"]
"""Key of a point."""
GENERATION = ["problem_id", "sample", "cap"]
"""Key of a generation among those of one model, strategy and benchmark."""


def cap_order(caps: "pd.Series") -> "pd.Series":
    """Return reasoning caps as floats that sort and group: tokens, infinity for uncapped."""
    return caps.astype("Int64").astype("Float64").fillna(inf).astype(float)


def caps_of(order: Iterable[float]) -> "pd.array":
    """Return the column `cap` (Int64, empty for uncapped) of caps as floats; the inverse of `cap_order`."""
    import pandas as pd

    return pd.array([pd.NA if isinf(cap) else int(cap) for cap in order], dtype="Int64")


def cap_text(order: float) -> str:
    """Return "uncapped" or "cap 8"."""
    return "uncapped" if isinf(order) else f"cap {order:.0f}"


def benchmarks_of(points: "pd.DataFrame") -> list[str]:
    """Return the benchmarks of the points in order, without the mean."""
    return [name for name in dict.fromkeys(points["benchmark"]) if name != MEAN]
