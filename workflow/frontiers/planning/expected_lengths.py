"""How long answers are expected to be before any has been written: from config.yaml, or from published ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

SPREAD = 0.6
"""Coefficient of variation of the lengths of one model on one benchmark; 0.59 over the 800 completions of
Qwen2.5-Math on MATH that its authors recorded."""

ENOUGH = 3
"""Published rows from which on no further benchmark is asked."""

RANGE = ("low", "likely", "high")


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of a prompt and of an uncapped trace: the least, the likely and the most to expect.

    All are None where nothing is known, and `source` says why.
    """

    prompt: float | None
    trace: tuple[float, float, float] | None
    source: str


def expected(style: str, name: str, block: Mapping, published: pd.DataFrame) -> Lengths:
    """Return what to expect of a model of a `style` of thinking on the benchmark `name`.

    The benchmark's own `expected_tokens` come first. Else the rows of the table
    `published` for that benchmark, then for those of `lengths_like` in turn
    until there are `ENOUGH`: of models with a reasoning mode that was on for
    style "markers", of the others for "prompt". Least, median and most of their
    mean output tokens are the range; the mean of their prompt tokens is the
    prompt, and where none gives one that of the whole table.
    """
    if given := block.get("expected_tokens"):
        return Lengths(given["prompt"], tuple(given["trace"][k] for k in RANGE), "config.yaml")
    thinks = published["mode"].notna() & (published["mode"] != "off")
    rows = published[thinks == (style == "markers")]
    used: list[str] = []
    found = rows.iloc[:0]
    for benchmark in [name, *block.get("lengths_like", ())]:
        if len(found) < ENOUGH and (rows["benchmark"] == benchmark).any():
            used.append(benchmark)
            found = rows[rows["benchmark"].isin(used)]
    if found.empty:
        reason = f"no published lengths; give `expected_tokens` or `lengths_like` for {name}"
        return Lengths(None, None, reason)
    lengths = found["output_tokens"].astype(float)
    prompts = found["prompt_tokens"].dropna() if found["prompt_tokens"].notna().any() else None
    prompt = (published["prompt_tokens"] if prompts is None else prompts).astype(float).mean()
    trace = (float(lengths.min()), float(lengths.median()), float(lengths.max()))
    return Lengths(float(prompt), trace, f"{len(found)} published: {', '.join(used)}")


def spread_out(mean: float, spread: float = SPREAD, count: int = 64) -> np.ndarray:
    """Return `count` equally likely lengths with this `mean`: the quantiles of a log-normal distribution.

    Averages over them stand for averages over traces, of the part that a cap
    leaves as of the FLOPs of attention, which grow with the square of a length.
    """
    scale = np.sqrt(np.log1p(spread**2))
    drawn = np.exp(scale * norm.ppf((np.arange(count) + 0.5) / count))
    return mean * drawn / drawn.mean()
