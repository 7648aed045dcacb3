"""Small tables of generations, grades and compute, and of points."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from frontiers.analysis import points

CAPS = [0, 16, None]
PARTS = "prefill reasoning answer policy thought reward attention feed_forward state_space logits".split()
AMBIGUITY = {"looping": False, "refused": False, "boxed_answers": 1}


def tables(trace, skill, problems=20, samples=1, seed=0):
    """Generations, grades and compute of one model: traces of about `trace` tokens, cut at each cap."""
    rng = np.random.default_rng(seed)
    keys, rows = pd.MultiIndex.from_product([range(problems), range(samples)]), []
    lengths = rng.poisson(trace, len(keys)) if trace else np.zeros(len(keys), dtype=int)
    luck = rng.random(len(keys))
    for cap in CAPS:
        for (problem, sample), length, draw in zip(keys, lengths, luck, strict=True):
            used = int(min(length, np.inf if cap is None else cap))
            share = used / length if length else 1.0
            rows.append((f"p{problem:02d}", sample, cap, used, draw < skill * share))
    frame = pd.DataFrame(rows, columns=["problem_id", "sample", "cap", "reasoning_tokens", "correct"])
    frame["cap"] = frame["cap"].astype("Int64")
    keys = frame[["problem_id", "sample", "cap"]]
    generations = keys.assign(
        seed=1, prompt_tokens=10, reasoning_tokens=frame["reasoning_tokens"], end_tokens=1, answer_tokens=3,
        ended=True, finish_reason="stop", truncated=False, looping=False, reasoning="", answer="", seconds=None,
    )  # fmt: skip
    grades = keys.assign(correct=frame["correct"], extracted="1", status="rule", **AMBIGUITY)
    flops = 1000 * (14 + frame["reasoning_tokens"])
    compute = keys.assign(
        flops=flops, **{f"flops_{part}": 0 for part in PARTS}, flops_2n=flops, eflops=2.0 * flops,
        kv_bytes=8, joules=None,
    )  # fmt: skip
    return generations, grades, compute


def luck(problems=400, points=20, seed=0):
    """Right answers by problem of points that are all equally good."""
    return (np.random.default_rng(seed).random((problems, points)) < 0.5).astype(float)


def answers_of(made, model="m", benchmark="b"):
    return points.join_answers(*made, model=model, strategy="cot", benchmark=benchmark)


def make_points(years, accuracy, flops, developers=None, problems=100_000) -> pd.DataFrame:
    """Points of one benchmark, one model each, released `years` after a fixed day."""
    number = len(years)
    days = [date(2021, 1, 1) + timedelta(days=round(365.25 * y)) for y in years]
    return pd.DataFrame(
        {
            "model": [f"m{i}" for i in range(number)],
            "strategy": "cot",
            "benchmark": "easy",
            "cap": pd.array([pd.NA] * number, dtype="Int64"),
            "problems": problems,
            "accuracy": np.asarray(accuracy, float),
            "flops": np.asarray(flops, float),
            "release_date": [d.isoformat() for d in days],
            "developer": developers or [f"d{i}" for i in range(number)],
        }
    )
