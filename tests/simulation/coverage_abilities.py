"""Coverage of abilities on one scale over benchmarks, and of their trend, where models miss benchmarks."""

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally

from frontiers.analysis import abilities
from frontiers.analysis.trend.dated_points import empirical_odds

TITLE = "Abilities on one scale"
NOTE = (
    "Thirty models of ten developers, released over three years, have 0.9 log-odds more per year and 1.2 more per tenfold "
    "compute, an effect of the developer and one of their own (standard deviations 0.3 and 0.4), and on each benchmark one "
    "more, which the setting names. Each misses each of three benchmarks with chance 0.35 and has at least one. An "
    "interval of an ability covers the log-odds on a benchmark of average easiness at the model's own compute."
)
SIZES = (45, 250)
RISE, SLOPE = 0.9, 1.2
EASY = np.array([0.6, 0.0, -0.6])
SPREADS = {"none": 0.0, "0.3": 0.3, "0.7": 0.7}
MODELS, DEVELOPERS, MISSING = 30, 10, 0.35


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for name, spread in SPREADS.items():
            for _ in range(runs):
                of_one_study(tally, problems, f"own effect on a benchmark: {name}", spread, rng)
    return tally


def of_one_study(tally: Tally, problems: int, setting: str, spread: float, rng: np.random.Generator) -> None:
    """Count the abilities of all models and the slopes of one drawn study."""
    years, decades = rng.uniform(0, 3, MODELS), rng.uniform(12, 15, MODELS)
    developer = np.arange(MODELS) % DEVELOPERS
    level = RISE * (years - 1.5) + SLOPE * (decades - 13.5) + rng.normal(0, 0.4, MODELS)
    level += rng.normal(0, 0.3, DEVELOPERS)[developer]
    there = rng.random((MODELS, len(EASY))) >= MISSING
    there[np.arange(MODELS), rng.integers(len(EASY), size=MODELS)] = True
    model, benchmark = np.nonzero(there)
    odds = level[model] + EASY[benchmark] + spread * rng.normal(size=len(model))
    half = 0.5 / (problems + 1)
    share = (rng.binomial(problems, expit(odds)) / problems).clip(half, 1 - half)
    seen, noise = empirical_odds(share, np.full(len(share), float(problems)))
    columns = {"model": model, "developer": developer[model], "benchmark": benchmark, "years": years[model]}
    columns |= {"flops": 10 ** decades[model], "odds": seen, "noise": noise}
    used = pd.DataFrame(columns)
    found = pd.DataFrame(abilities.abilities(used))
    key = ("ability", setting, problems, abilities.SPREADS)
    tally.add(key, found["low"], found["high"], level[found["model"].astype(int)])
    truth = {abilities.PER_YEAR: RISE, abilities.PER_DECADE: SLOPE, abilities.COMPUTE: -RISE / SLOPE}
    for row in abilities.trend(used):
        limits = row.get("low", np.nan), row.get("high", np.nan)
        tally.add(
            (row["quantity"].replace("_", " "), setting, problems, row["interval"]),
            *limits,
            truth[row["quantity"]],
        )
