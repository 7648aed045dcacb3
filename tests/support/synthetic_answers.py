"""Answers with a known truth, for the tests of the analysis."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

CAPS: tuple[int | None, ...] = (0, 8, 16, 24, 32, 48, 64, 96, None)


def make_answers(
    curves: Mapping[str, Sequence[float]],
    flops: Sequence[float] | Mapping[str, Sequence[float]],
    caps: Sequence[int | None] = CAPS,
    problems: int = 250,
    benchmarks: Sequence[str] = ("easy",),
    samples: int = 1,
    seed: int = 1,
    paired: bool = True,
) -> pd.DataFrame:
    """Return answers whose accuracy at each cap is that of `curves`; FLOPs are the same for every problem.

    Paired: a problem with difficulty u is right wherever the accuracy is above u, so that a model never loses
    a problem on the way up. Otherwise every answer is drawn on its own.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for benchmark in benchmarks:
        for model, accuracy in curves.items():
            cost = flops[model] if isinstance(flops, Mapping) else flops
            shape = (problems, samples, 1 if paired else len(caps))
            correct = rng.uniform(size=shape) < np.asarray(accuracy)
            index = np.indices((problems, samples, len(caps))).reshape(3, -1)
            frame = pd.DataFrame(
                {
                    "model": model,
                    "strategy": "cot",
                    "benchmark": benchmark,
                    "cap": pd.array([caps[i] for i in index[2]], dtype="Int64"),
                    "problem_id": [f"p{i:04d}" for i in index[0]],
                    "sample": index[1],
                    "correct": correct.reshape(-1),
                    "flops": np.asarray(cost, float)[index[2]],
                }
            )
            frame["reasoning_tokens"] = [96 if caps[i] is None else caps[i] for i in index[2]]
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def broken(decades: Sequence[float], knots: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """Return the line through (knots, values) at `decades`."""
    return np.interp(decades, knots, values)
