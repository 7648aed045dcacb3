"""Coverage of accuracies of several samples, where some problems are always and some never solved."""

import numpy as np
from tally import Tally

from frontiers.statistics import intervals

TITLE = "Several samples per problem"
NOTE = (
    "Each problem is of one of a few kinds, or its chance is drawn from a beta distribution, and its samples "
    "are right or wrong at random. The setting gives the share of each kind and its chance. No interval here "
    "falls below 93 %. The price is that some hold the truth too often: with 10 problems, near 0 and 1, and "
    "wherever all problems are equally hard and have many samples. There the problems seen look the same as "
    "those of a world in which a few problems of another kind were missed, and the interval allows for these. "
    "The posterior of a beta-binomial model, which earlier versions used below 100 problems, held the truth "
    "in the first world in 79 % of the runs with 30 problems and 8 samples."
)
SIZES = (10, 30, 100)
SAMPLES = (2, 8, 16)
KINDS = {
    "85 % at 0.1, 15 % always": ((0.85, 0.15), (0.1, 1.0)),
    "85 % at 0.9, 15 % never": ((0.85, 0.15), (0.9, 0.0)),
    "50 % never, 30 % always, 20 % at 0.5": ((0.5, 0.3, 0.2), (0.0, 1.0, 0.5)),
    "80 % never, 10 % always, 10 % at 0.5": ((0.8, 0.1, 0.1), (0.0, 1.0, 0.5)),
    "70 % never, 30 % at 0.3": ((0.7, 0.3), (0.0, 0.3)),
    "all at 0.1": ((1.0,), (0.1,)),
    "all at 0.7": ((1.0,), (0.7,)),
}
BETAS = {"beta (0.2, 0.3)": (0.2, 0.3), "beta (0.1, 0.9)": (0.1, 0.9), "beta (3, 1)": (3.0, 1.0)}


def worlds(rng: np.random.Generator, shape: tuple[int, int]):
    """Yield the setting, the true accuracy and the chances of the problems, (problems, runs)."""
    for name, (shares, chances) in KINDS.items():
        kind = rng.choice(len(shares), size=shape, p=shares)
        yield name, float(np.dot(shares, chances)), np.array(chances)[kind]
    for name, (a, b) in BETAS.items():
        yield name, a / (a + b), rng.beta(a, b, shape)


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    name = f"{intervals.CLUSTERED}; {intervals.EXACT} at 0 and 1"
    for problems in sizes:
        for samples in SAMPLES:
            for setting, truth, chance in worlds(rng, (problems, runs)):
                means = rng.binomial(samples, chance) / samples
                (low, high), _ = intervals.accuracy_interval(means, samples)
                tally.add(("accuracy", f"{samples} samples, {setting}", problems, name), low, high, truth)
    return tally
