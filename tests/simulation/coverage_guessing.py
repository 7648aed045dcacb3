"""Coverage of halving times where answers can be guessed."""

import numpy as np
from coverage_trend import FALL, PER_DECADE, RISE, models, scatter
from scipy.special import expit
from tally import Tally

from frontiers.analysis.trend.dated_points import empirical_odds
from frontiers.analysis.trend.fixed_accuracy import ESTIMATORS, fixed_accuracy
from frontiers.analysis.trend.regressions import JACKKNIFE

TITLE = "Halving times with four options, adversarial worlds"
NOTE = (
    "As in the section on halving times, the compute for a fixed accuracy falls by 1 decade a year, but the 38 models "
    "guess one of four options where they do not know the answer. Half of the scatter is shared by their 12 developers, "
    "and intervals are those by developer. In the world `alike` compute varies as much at all dates and few models are "
    "near chance. In `guessing` the first models know little (5 % of the answers at mean compute) and differ most in "
    "compute: up to a fifth of all are not shown to be better than chance. In `format` a twelfth of the first models also "
    "loses half of its right answers and falls below chance. The rows for comparison take the odds of being right: what "
    "compute and time buy near chance hardly shows in them, unequally, so that the mean slope is -0.7 to -0.9 for a "
    "truth of -1 in `guessing`. Corrected odds are those of knowing an answer; models at or below chance enter just "
    "above it and are not left out. A model that loses answers to the format is an outlier to least squares, whose "
    "interval then holds the truth in 92 to 93 % of the runs."
)
CHANCE = 0.25
SIZES = (200, 1000)
START = {"alike": -1.2, "guessing": -3.0, "format": -3.0}
"""Log-odds of knowing an answer at the first date and mean compute."""


def sample(
    rng: np.random.Generator, world: str, number: int, developers: int, problems: int, direction: str
) -> tuple[np.ndarray, ...]:
    """Return developers, years, accuracies and log10 FLOPs of models that guess what they do not know."""
    maker, years = models(rng, number, developers)
    first, second = 0.5 * scatter(rng, maker, 0.5), 0.5 * scatter(rng, maker, 0.5)
    start = START[world]
    spread = np.full(number, 0.6) if world == "alike" else np.where(years < 1, 1.0, 0.25)
    compute = spread * rng.normal(size=number)
    odds = start + RISE * years + PER_DECADE * compute
    if direction == "ols":
        odds = odds + first
    elif direction == "deming":
        odds, compute = odds + first / np.sqrt(2), compute + second / np.sqrt(2) / PER_DECADE
    else:
        compute = compute + second / PER_DECADE
    accuracy = CHANCE + (1 - CHANCE) * expit(odds)
    if world == "format":
        accuracy = np.where((years < 1) & (rng.random(number) < 1 / 12), accuracy / 2, accuracy)
    return maker, years, rng.binomial(problems, accuracy) / problems, compute


def simulate(
    runs: int, seed: int, sizes: tuple[int, ...] = SIZES, worlds: tuple[str, ...] = tuple(START)
) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for run in range(runs):
        for world in worlds:
            for problems in sizes:
                for direction in ESTIMATORS:
                    maker, years, share, compute = sample(rng, world, 38, 12, problems, direction)
                    half = 0.5 / (problems + 1)
                    share, answers = np.clip(share, half, 1 - half), np.full(len(share), float(problems))
                    for kind, chance in (("corrected", CHANCE), ("not corrected, for comparison", 0.0)):
                        odds, noise = empirical_odds(share, answers, chance)
                        rows = fixed_accuracy(years, odds, compute, noise, maker.astype(str), 2, run)
                        row = rows[direction, JACKKNIFE]
                        key = (f"compute at accuracy, {direction}", f"{world}, {kind}", problems, JACKKNIFE)
                        tally.add(key, row["low"], row["high"], FALL)
    return tally
