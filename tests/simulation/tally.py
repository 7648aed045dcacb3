"""How often intervals hold a known truth: one row of counts per quantity, setting and method."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Key(NamedTuple):
    """What is covered: quantity, setting, number of problems, name of the method."""

    quantity: str
    setting: str
    problems: int
    method: str


@dataclass
class Count:
    """Numbers of intervals that hold the truth, were given and were requested, and the sum of their widths."""

    hits: int = 0
    given: int = 0
    asked: int = 0
    width: float = 0.0

    def add(self, other: "Count") -> None:
        self.hits += other.hits
        self.given += other.given
        self.asked += other.asked
        self.width += other.width


@dataclass
class Tally:
    """Counts by key, in order of first appearance."""

    counts: dict[Key, Count] = field(default_factory=dict)

    def add(self, key: tuple, low, high, truth) -> None:
        """Count one or many intervals; NaN is one that was requested and not given."""
        low, high, truth = np.broadcast_arrays(np.asarray(low, float), high, truth)
        known = np.isfinite(low) & np.isfinite(high)
        slack = 1e-9 * np.maximum(np.abs(truth), 1e-3)
        held = known & (low <= truth + slack) & (truth - slack <= high)
        new = Count(int(held.sum()), int(known.sum()), low.size, float((high - low)[known].sum()))
        self.counts.setdefault(Key(*key), Count()).add(new)

    def merge(self, other: "Tally") -> None:
        for key, count in other.counts.items():
            self.counts.setdefault(key, Count()).add(count)
