"""Coverage of the intervals of accuracies and of mean costs."""

import numpy as np
from tally import Tally

from frontiers.statistics import intervals

TITLE = "Accuracy and mean cost"
NOTE = (
    "Answers are right or wrong at random. With several samples, each problem's own chance is drawn "
    "first: the same for all, uniform on 0 to 1, or 0.98 for most problems and 0.05 for the rest. "
    "Where all are equally hard the interval is slightly too wide (see the section on several samples). "
    "Binomial counts are whole numbers, so no interval covers exactly 95 % at every accuracy. Costs are "
    "distributed as those of traces. In the last row the largest of 30 costs is often half of the sum, "
    "which is more than 30 problems can show."
)
SIZES = (30, 500)
SAMPLES, DRAWS = 8, 1000
MIXTURES = {
    "8 samples, equally hard": (0.7, lambda rng, shape: np.full(shape, 0.7)),
    "8 samples, hardness spread evenly": (0.5, lambda rng, shape: rng.random(shape)),
    "8 samples, most solved": (
        0.75 * 0.98 + 0.25 * 0.05,
        lambda rng, shape: np.where(rng.random(shape) < 0.75, 0.98, 0.05),
    ),
}
COSTS = {
    "gamma, shape 4": (4.0, lambda rng, shape: rng.gamma(4, 1, shape)),
    "log-normal, sigma 0.5": (np.exp(0.125), lambda rng, shape: rng.lognormal(0, 0.5, shape)),
    "log-normal, sigma 1": (np.exp(0.5), lambda rng, shape: rng.lognormal(0, 1, shape)),
}


def count(tally: Tally, quantity: str, setting: str, problems: int, means, samples, truth, name) -> None:
    """Add the intervals of problem means (problems, runs)."""
    (low, high), _ = intervals.accuracy_interval(means, samples)
    tally.add((quantity, setting, problems, name), low, high, truth)


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for truth in (0.05, 0.1, 0.3, 0.5, 0.8, 0.97):
            means = (rng.random((problems, runs)) < truth).astype(float)
            name = f"{intervals.WILSON}; {intervals.EXACT} at 0 and 1"
            count(tally, "accuracy", f"1 sample, {truth:.0%}", problems, means, 1, truth, name)
        for setting, (truth, make) in MIXTURES.items():
            means = rng.binomial(SAMPLES, make(rng, (problems, runs))) / SAMPLES
            count(tally, "accuracy", setting, problems, means, SAMPLES, truth, intervals.CLUSTERED)
        truths = np.array([0.15, 0.6, 0.9])
        means = np.stack([(rng.random((problems, runs)) < t).mean(axis=0) for t in truths])
        low, high = intervals.mean_interval(means, *intervals.wilson(means, problems))
        key = ("accuracy", "mean over 3 benchmarks", problems, intervals.COMBINED)
        tally.add(key, low, high, truths.mean())
        for _ in range(runs):
            counts = rng.multinomial(problems, np.full(problems, 1 / problems), DRAWS)
            for setting, (truth, make) in COSTS.items():
                cost = make(rng, problems)
                low, high = intervals.percentile_limits(counts @ cost / problems, problems)
                tally.add(("mean cost", setting, problems, intervals.BOOTSTRAP), low, high, truth)
    return tally
