"""Worlds with a known truth: models that reason about problems of different difficulty, at several caps."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from frontiers.statistics.bootstrap import Cells

CAPS = (0, 8, 16, 24, 32, 48, 64, 96, None)
LIMITS = np.array([500 if c is None else c for c in CAPS], float)
PROMPT, ANSWER = 20, 5
BATCH, BATCHES = 20_000, 10


class World(NamedTuple):
    """Per model: cost of a token, chance on a problem of mean difficulty, trace; and how alike answers are.

    shared: share of problems on which a model's answers at all caps hang on the same luck.
    """

    active: tuple[float, ...] = (1e6, 1.4e6, 3e6, 6e6, 2e6)
    top: tuple[float, ...] = (0.35, 0.45, 0.6, 0.75, 0.55)
    trace: tuple[float, ...] = (20, 30, 40, 60, 30)
    shared: float = 0.8

    @property
    def names(self) -> list[str]:
        return [f"m{i}" for i in range(len(self.active))]


SPREAD = World()
TIED = World(
    active=(1e6, 1.1e6, 2e6, 2.2e6, 2.4e6), top=(0.5, 0.5, 0.6, 0.6, 0.6), trace=(20, 20, 30, 30, 30)
)


def draw(world: World, problems: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return right answers and FLOPs, each (problems, models, caps)."""
    models, shape = len(world.active), (problems, len(world.active), len(CAPS))
    hard = rng.normal(size=(problems, 1, 1))
    trace = np.array(world.trace)[None, :, None] * np.exp(0.3 * hard + 0.4 * rng.normal(size=(*shape[:2], 1)))
    used = np.minimum(trace, LIMITS)
    done = used / trace
    chance = expit(logit(np.array(world.top))[None, :, None] - 1.5 * hard + 4 * (done - 1))
    luck = rng.random((problems, models, 1))
    own = np.where(rng.random((problems, models, 1)) < world.shared, luck, rng.random(shape))
    right = (np.where(done >= 1, luck, own) < chance).astype(float)
    return right, np.array(world.active)[None, :, None] * (PROMPT + used + ANSWER)


@cache
def truth(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracy and mean FLOPs of every model and cap, (models, caps), from 200,000 problems."""
    rng = np.random.default_rng(20251122)
    parts = [draw(world, BATCH, rng) for _ in range(BATCHES)]
    return tuple(np.mean([part[i].mean(axis=0) for part in parts], axis=0) for i in (0, 1))


def cells(world: World, right: np.ndarray, flops: np.ndarray, benchmark: str = "b") -> Cells:
    """Return the answers as the bootstrap wants them, measures accuracy and flops."""
    caps = pd.array(list(CAPS), dtype="Int64")
    keys = [
        pd.DataFrame({"model": name, "strategy": "cot", "benchmark": benchmark, "cap": caps, "samples": 1})
        for name in world.names
    ]
    values = [np.stack([right[:, i], flops[:, i]], axis=-1)[:, None] for i in range(len(world.names))]
    ids = np.array([f"p{i:05d}" for i in range(len(right))], dtype=object)
    return Cells(pd.concat(keys, ignore_index=True), ids, values, ("accuracy", "flops"))


def table(world: World, right: np.ndarray, flops: np.ndarray, benchmark: str = "b") -> pd.DataFrame:
    """Return the answers as rows, as the analyses read them."""
    problems, models, caps = (i.ravel() for i in np.indices(right.shape))
    names = np.array(world.names, dtype=object)
    return pd.DataFrame(
        {
            "model": names[models],
            "strategy": "cot",
            "benchmark": benchmark,
            "cap": pd.array(list(CAPS), dtype="Int64")[caps],
            "problem_id": [f"p{i:05d}" for i in problems],
            "sample": 0,
            "correct": right.ravel().astype(bool),
            "flops": flops.ravel(),
            "reasoning_tokens": np.rint(flops.ravel() / np.array(world.active)[models] - PROMPT - ANSWER),
        }
    )
