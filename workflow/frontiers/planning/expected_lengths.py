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


def of_model(
    style: str,
    family: str,
    effort: str | None,
    benchmarks: Mapping[str, Mapping],
    published: pd.DataFrame,
    recorded: pd.DataFrame,
) -> dict[str, Lengths]:
    """Return the expected lengths of a model on each benchmark.

    The table `recorded` (data/published/lengths.csv) has mean tokens for a benchmark and style, which take the place of
    those of `expected`, and for efforts of a `family`. A model of such an effort gets these; on other benchmarks, and
    for an effort between two recorded ones (their geometric mean), the usual lengths are scaled as on the recorded ones.
    """
    plain = recorded[recorded["family"].isna() & (recorded["style"] == style)]
    found = {}
    for name, block in benchmarks.items():
        found[name] = expected(style, name, block, published)
        own = plain.loc[plain["benchmark"] == name, "tokens"].astype(float)
        if len(own) and found[name].source != "config.yaml":
            trace = (float(own.min()), float(own.median()), float(own.max()))
            found[name] = Lengths(
                found[name].prompt or _mean_prompt(published), trace, f"{len(own)} recorded: {name}"
            )
    efforts = recorded[(recorded["family"] == family) & (recorded["style"] == style)]
    if effort is None or efforts.empty:
        return found
    measured = {}
    for name, rows in efforts.groupby("benchmark"):
        by_effort = dict(zip(rows["effort"], rows["tokens"].astype(float), strict=True))
        measured[name] = by_effort.get(effort, float(np.exp(np.log([*by_effort.values()]).mean())))
    known = [name for name in measured if name in found and found[name].trace]
    if not known:
        return found
    scale = float(np.exp(np.mean([np.log(measured[n] / found[n].trace[1]) for n in known])))
    return {name: _scaled(name, lengths, measured, scale, effort) for name, lengths in found.items()}


def _scaled(name: str, lengths: Lengths, measured: Mapping[str, float], scale: float, effort: str) -> Lengths:
    """Return the lengths at an effort: as recorded on this benchmark, else scaled."""
    if lengths.trace is None or lengths.source == "config.yaml":
        return lengths
    factor = measured[name] / lengths.trace[1] if name in measured else scale
    how = "recorded" if name in measured else f"scaled by {factor:.2g} from {lengths.source}"
    return Lengths(
        lengths.prompt, tuple(value * factor for value in lengths.trace), f"{effort} effort: {how}"
    )


def _mean_prompt(published: pd.DataFrame) -> float:
    return float(published["prompt_tokens"].astype(float).mean())


def spread_out(mean: float, spread: float = SPREAD, count: int = 64) -> np.ndarray:
    """Return `count` equally likely lengths with this `mean`: the quantiles of a log-normal distribution.

    Averages over them approximate averages over traces, both of the tokens that a
    cap keeps and of the FLOPs of attention, which grow with the square of a length.
    """
    scale = np.sqrt(np.log1p(spread**2))
    drawn = np.exp(scale * norm.ppf((np.arange(count) + 0.5) / count))
    return mean * drawn / drawn.mean()
