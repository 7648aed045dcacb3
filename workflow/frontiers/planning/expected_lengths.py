"""The expected lengths of answers before any has been written: from config.yaml, or from published ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

SPREAD = 0.6
"""Coefficient of variation of the lengths of one model on one benchmark; 0.59 over the 800 completions of
Qwen2.5-Math on MATH that its authors recorded."""

ENOUGH = 3
"""With this many published rows, no further benchmark is used."""

RANGE = ("low", "likely", "high")


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of a prompt, and of an uncapped trace as (low, likely, high).

    Both are None if nothing is known; `source` then says why.
    """

    prompt: float | None
    trace: tuple[float, float, float] | None
    source: str


def expected(style: str, name: str, block: Mapping, published: pd.DataFrame) -> Lengths:
    """Return the expected lengths of a model with a `style` of thinking on the benchmark `name`.

    The benchmark's own `expected_tokens` take precedence. Otherwise the rows of the
    table `published` for that benchmark are used, then those of `lengths_like` in
    turn until there are `ENOUGH`: for style "markers" of models whose reasoning mode
    was on, for "prompt" of the others. The minimum, median and maximum of their mean
    output tokens are the range. The prompt is the mean of their prompt tokens, or of
    the whole table if none of them has one.
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
        reason = f"no published lengths; add `expected_tokens` or `lengths_like` to benchmark {name}"
        return Lengths(None, None, reason)
    lengths = found["output_tokens"].astype(float)
    prompts = found["prompt_tokens"].dropna() if found["prompt_tokens"].notna().any() else None
    prompt = (published["prompt_tokens"] if prompts is None else prompts).astype(float).mean()
    trace = (float(lengths.min()), float(lengths.median()), float(lengths.max()))
    return Lengths(float(prompt), trace, f"{len(found)} published: {', '.join(used)}")


def spread_out(mean: float, spread: float = SPREAD, count: int = 64) -> np.ndarray:
    """Return `count` equally likely lengths with this `mean`: the quantiles of a log-normal distribution.

    Averages over them approximate averages over traces, both of the tokens that a
    cap keeps and of the FLOPs of attention, which grow with the square of a length.
    """
    scale = np.sqrt(np.log1p(spread**2))
    drawn = np.exp(scale * norm.ppf((np.arange(count) + 0.5) / count))
    return mean * drawn / drawn.mean()
