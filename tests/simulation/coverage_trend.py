"""Coverage of doubling and halving times over release dates."""

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally

from frontiers.trend_fits import HC3, least_squares, upper_edge
from frontiers.trend_points import empirical_odds, frontier_at_date
from frontiers.trend_ratio import ESTIMATORS, fixed_accuracy

TITLE = "Doubling and halving times"
NOTE = (
    "Models are released over two years, in bursts by developer. Accuracy per FLOP grows by 0.6 decades a year "
    "(doubling in 6.0 months), the compute for a fixed accuracy falls by 1 decade a year (halving in 3.6 months). "
    "What a model is better or worse by is its own (`scatter own`), or half of it is its developer's. Each direction "
    "of regression is tried where its own assumption holds: scatter in accuracy, in compute, or in both. Intervals "
    "are of slopes in decades per year; that of the doubling time holds the true time exactly when that of the slope "
    "holds the true slope. Methods that take models for independent (HC3, bootstrap over models, rank inversion) are "
    "too sure where developers matter, which is why the figures quote the interval by developer. Where single "
    "developers decide whether accuracy rises with compute at all, no interval is given. The truth of `frontier at "
    "date`, the slope through the models on the frontier at their date, is its own mean over 4,000 studies: the "
    "selection exceeds the 0.6 of all models. Those that the selection keeps are few and owe their place to luck, "
    "which neither method knows: its intervals hold that mean too rarely, in about 91 % of the runs."
)
GROWTH, RISE, PER_DECADE = 0.6, 1.5, 1.5
FRONTIER_GROWTH = 0.755
"""Mean slope through the frontier at date, as `frontier_growth` finds it: selection adds to `GROWTH`."""
FALL = -RISE / PER_DECADE
WORLDS = {"12 models, 6 developers": (12, 6), "38 models, 12 developers": (38, 12)}
SCATTER = {"own": 0.0, "half by developer": 0.5}
DRAWS = 1000


def models(rng: np.random.Generator, number: int, developers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return developer and release date (years) of each model; large developers release more models."""
    share = np.arange(developers, 0, -1) / (developers * (developers + 1) / 2)
    rest = rng.choice(developers, number - developers, p=share)
    maker = np.sort(np.concatenate([np.arange(developers), rest]))
    years = 0.6 * rng.uniform(0, 2, number) + 0.4 * rng.uniform(0, 2, developers)[maker]
    return maker, years


def scatter(rng: np.random.Generator, maker: np.ndarray, shared: float) -> np.ndarray:
    """Return deviations of variance 1, of which `shared` is the developer's."""
    own, theirs = rng.normal(size=len(maker)), rng.normal(size=maker.max() + 1)[maker]
    return np.sqrt(1 - shared) * own + np.sqrt(shared) * theirs


def seen(rng: np.random.Generator, chance: np.ndarray, problems: int) -> np.ndarray:
    """Return accuracies on `problems` problems, half a problem away from 0 and 1."""
    half = 0.5 / (problems + 1)
    return np.clip(rng.binomial(problems, chance) / problems, half, 1 - half)


def per_flop(
    rng: np.random.Generator, number: int, developers: int, problems: int, shared: float
) -> tuple[np.ndarray, ...]:
    """Return developers, years, observed accuracies and log10 FLOPs, accuracy per FLOP growing by `GROWTH`."""
    maker, years = models(rng, number, developers)
    chance = expit(-1.5 + years + rng.normal(size=number))
    compute = np.log10(chance) + 12 - GROWTH * years - 0.35 * scatter(rng, maker, shared)
    return maker, years, seen(rng, chance, problems), compute


def at_accuracy(
    rng: np.random.Generator, number: int, developers: int, problems: int, shared: float, direction: str
) -> tuple[np.ndarray, ...]:
    """Return the same with compute at fixed accuracy falling by `FALL`, scatter as `direction` assumes it."""
    maker, years = models(rng, number, developers)
    first, second = 0.5 * scatter(rng, maker, shared), 0.5 * scatter(rng, maker, shared)
    compute = rng.normal(0, 0.6, number)
    if direction == "inverse":
        odds = -0.5 + 0.5 * years + rng.normal(0, 0.9, number)
        compute = (odds + 1.2 - RISE * years + first) / PER_DECADE
    else:
        odds = -1.2 + RISE * years + PER_DECADE * compute
        both = direction == "deming"
        odds = odds + (first / np.sqrt(2) if both else first)
        compute = compute + (second / np.sqrt(2) / PER_DECADE if both else 0)
    return maker, years, seen(rng, expit(odds), problems), compute


def count(tally: Tally, key: tuple, row: dict, truth: float) -> None:
    """Count a row of the analysis."""
    tally.add(key, row["low"], row["high"], truth)


def on_frontier(sample: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return the models that were on the frontier at their date."""
    _, years, accuracy, compute = sample
    kept = frontier_at_date(pd.DataFrame({"years": years, "flops": 10**compute, "accuracy": accuracy}))
    return tuple(part[kept] for part in sample)


def frontier_growth(studies: int = 4000) -> float:
    """Return the mean slope through the frontier at date, 38 models and 500 problems."""
    rng, found = np.random.default_rng(20251122), []
    for _ in range(studies):
        _, years, accuracy, compute = on_frontier(per_flop(rng, 38, 12, 500, 0.0))
        found.append(np.polyfit(years, np.log10(accuracy) - compute, 1)[0])
    return float(np.mean(found))


def ratio(sample: tuple[np.ndarray, ...], problems: int, seed: int) -> dict[tuple[str, str], dict]:
    """Return the rows of `compute_at_accuracy` of a sample."""
    maker, years, accuracy, compute = sample
    odds, noise = empirical_odds(accuracy, np.full(len(years), float(problems)))
    return fixed_accuracy(years, odds, compute, noise, maker.astype(str), DRAWS, seed)


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = (30, 500), worlds: dict = WORLDS) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for run in range(runs):
        for world, (number, developers) in worlds.items():
            for problems in sizes:
                for kind, shared in SCATTER.items():
                    setting = f"{world}, scatter {kind}"
                    maker, years, accuracy, compute = per_flop(rng, number, developers, problems, shared)
                    response = np.log10(accuracy) - compute
                    for name, groups in ((HC3, None), ("cluster developer", maker)):
                        key = ("accuracy per FLOP, least squares", setting, problems, name)
                        count(tally, key, least_squares(years, response, groups), GROWTH)
                    if number >= 20:
                        row = upper_edge(years, response, DRAWS, run)
                        key = ("accuracy per FLOP, upper edge", setting, problems, "rank inversion")
                        count(tally, key, row, GROWTH)
                    for direction in ESTIMATORS:
                        sample = at_accuracy(rng, number, developers, problems, shared, direction)
                        rows = ratio(sample, problems, run)
                        for (estimator, name), row in rows.items():
                            if estimator == direction:
                                key = (f"compute at accuracy, {direction}", setting, problems, name)
                                count(tally, key, row, FALL)
        maker, years, accuracy, compute = on_frontier(per_flop(rng, 38, 12, 500, 0.0))
        for name, groups in ((HC3, None), ("cluster developer", maker)):
            setting = f"38 models, 12 developers, scatter own, truth {FRONTIER_GROWTH:.2f}"
            key = ("accuracy per FLOP, frontier at date", setting, 500, name)
            count(tally, key, least_squares(years, np.log10(accuracy) - compute, groups), FRONTIER_GROWTH)
    return tally
