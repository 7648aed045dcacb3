"""Coverage of the comparison of failed and successful generations, and of the value of stopping early."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally
from worlds import CAPS, LIMITS, SPREAD, draw, truth

from frontiers.analysis.outcomes import table as outcomes
from frontiers.analysis.outcomes.early_stopping import stopping
from frontiers.statistics.paired import PSEUDO

TITLE = "Outcomes and early stopping"
NOTE = (
    "Four models answer problems of different difficulty; harder problems have longer traces, and failed "
    "traces are longer by a model's own factor. The true raw ratios and those of the deciles come from "
    "the analysis of 20,000 problems; those within problem or adjusted for difficulty are the factors. "
    "Half of the factors are above 1: the true share of pairs is 50 %, and its interval is wide because it "
    "must hold for all signs at once. Early stopping is judged against the true loss and saving of the caps that the "
    "halves chose. Compared with 200,000 problems, these true raw ratios are off by 0.2 to 0.6 standard "
    "errors of 500 problems with 8 samples, which alone lowers the coverage of that row to about 93 %."
)
SIZES = (30, 500)
DRAWS = 400
FACTORS = np.array([0.25, 0.1, -0.1, -0.25])
MODELS = [f"m{i}" for i in range(4)]
LARGE = 20_000
KINDS = {1: (outcomes.ADJUSTED, "adjusted for difficulty"), 8: (outcomes.WITHIN, "within problem")}


def answers(problems: int, samples: int, rng: np.random.Generator, factors=FACTORS) -> pd.DataFrame:
    """Return answers at no cap; accuracy near one half, so that both outcomes are there."""
    hard = rng.normal(size=(problems, 1, 1))
    skill = np.array([-0.4, 0.0, 0.3, 0.6])[None, :, None]
    right = rng.random((problems, 4, samples)) < expit(skill - 1.2 * hard)
    logs = 6 + 0.4 * hard + 0.2 * skill + 0.3 * rng.normal(size=right.shape)
    tokens = np.exp(logs + np.asarray(factors)[None, :, None] * ~right)
    index = [i.ravel() for i in np.indices(right.shape)]
    return pd.DataFrame(
        {
            "model": np.array(MODELS, dtype=object)[index[1]],
            "strategy": "cot",
            "benchmark": "b",
            "cap": pd.array([None] * right.size, dtype="Int64"),
            "problem_id": np.array([f"p{i:05d}" for i in range(problems)], dtype=object)[index[0]],
            "sample": index[2],
            "correct": right.ravel(),
            "reasoning_tokens": tokens.ravel(),
            "flops": 1e6 * tokens.ravel(),
        }
    )


@cache
def true_ratios(even: bool) -> dict:
    """Return the raw ratio of every model and, with equal factors, the ratio in every decile."""
    rng = np.random.default_rng(7)
    frame = answers(LARGE, 1, rng, np.full(4, 0.2) if even else FACTORS)
    found = outcomes.fit(frame, 40, 1)
    found = found[(found["measure"] == "flops") & found["estimable"]]
    raw = found[found["comparison"] == "raw"].set_index("model")["estimate"].to_dict()
    deciles = found[found["comparison"] == "decile"].set_index("decile")["estimate"].to_dict()
    return raw | {int(k): v for k, v in deciles.items()}


def count(tally: Tally, rows: pd.DataFrame, setting: str, problems: int, quantity: str, goal) -> None:
    """Count rows of the table `outcomes`; `goal` maps a row to its truth."""
    for row in rows.itertuples():
        if row.estimable or row.comparison in ("raw", outcomes.WITHIN, outcomes.ADJUSTED):
            key = (quantity, setting, problems, row.interval or outcomes.BOOTSTRAP)
            tally.add(key, row.low, row.high, goal(row))


def of_ratios(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count ratios of one simulated study with one sample, of one with eight."""
    own = dict(zip(MODELS, np.exp(FACTORS), strict=True))
    for samples in (1, 8):
        setting = f"{samples} sample{'s' if samples > 1 else ''}"
        found = outcomes.fit(answers(problems, samples, rng), DRAWS, int(rng.integers(2**31)))
        found = found[found["measure"] == "flops"]
        single = found[found["model"] != outcomes.POOLED]
        raw = single[single["comparison"] == "raw"]
        count(tally, raw, setting, problems, "raw ratio", lambda row: true_ratios(False)[row.model])
        kind, words = KINDS[samples]
        held = single[single["comparison"] == kind]
        count(tally, held, setting, problems, f"ratio {words}", lambda row: own[row.model])
        share = found[found["comparison"] == f"share_{kind}"]
        count(tally, share, setting, problems, f"share of pairs {words}", lambda row: 0.5)
    found = outcomes.fit(answers(problems, 1, rng, np.full(4, 0.2)), DRAWS, int(rng.integers(2**31)))
    found = found[(found["measure"] == "flops") & (found["model"] == outcomes.POOLED)]
    pooled = found[found["comparison"] == outcomes.ADJUSTED]
    quantity = "ratio adjusted for difficulty, pooled"
    count(tally, pooled, "1 sample", problems, quantity, lambda row: np.exp(0.2))
    deciles = found[(found["comparison"] == "decile") & found["estimable"]]
    deciles = deciles[deciles["decile"].isin([k for k in true_ratios(True) if isinstance(k, int)])]
    count(
        tally,
        deciles,
        "1 sample",
        problems,
        "ratio in a decile",
        lambda row: true_ratios(True)[int(row.decile)],
    )


def of_stopping(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count what stopping early loses and saves, for the five models of the world `spread`."""
    accuracy, flops = truth(SPREAD)
    right, cost = draw(SPREAD, problems, rng)
    for i in range(right.shape[1]):
        index = np.indices((problems, len(CAPS)))
        frame = {"order": LIMITS[index[1]], "problem": index[0], "correct": right[:, i], "flops": cost[:, i]}
        found = stopping(pd.DataFrame({k: v.ravel() for k, v in frame.items()}), problems, rng)
        share = np.array([found.caps.get(cap, 0.0) for cap in LIMITS])
        key = ("flops saved", "5 models", problems, PSEUDO)
        tally.add(key, *found.saving_limits(), 1 - share @ flops[i] / flops[i, -1])
        key = ("accuracy lost", "5 models", problems, PSEUDO)
        tally.add(key, *found.loss_limits(), accuracy[i, -1] - share @ accuracy[i])


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for _ in range(runs):
            of_ratios(tally, problems, rng)
            of_stopping(tally, problems, rng)
    return tally
