"""Names that the tables share: the keys of a row and of a point, the mean over benchmarks, the order of caps."""

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean"
ROW = ["problem_id", "sample", "cap"]
KEY = ["model", "strategy", "benchmark", "cap"]


def cap_order(caps: "pd.Series") -> "pd.Series":
    """Return reasoning caps as floats that sort and group: tokens, infinity for uncapped."""
    return caps.astype("Int64").astype("Float64").fillna(inf).astype(float)
