"""Coverage of what an architecture adds, where models of one developer share more than their architecture."""

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally

from frontiers.analysis.architectures import regression
from frontiers.statistics.intervals import LEVEL

TITLE = "Architectures, models that share a developer"
NOTE = (
    "Forty models on two of three benchmarks or more have 1.2 log-odds per tenfold compute, mixtures of experts 0.5 "
    "more, and an effect of their developer and one of their own (standard deviations 0.6 each). Either any developer "
    "makes mixtures, or some of them make nothing else. Errors by model take models of one developer for separate "
    "draws: they are too large where the effect of a developer cancels between its mixtures and its dense models, and "
    "far too small where kinds are a matter of the developer. They are counted for comparison. By developer the "
    "interval holds in all four, at the price of its width: with six developers, two of which make the mixtures, it "
    "is four log-odds wide."
)
MODELS, PROBLEMS = 40, 500
EFFECT, SLOPE, SHARED, OWN = 0.5, 1.2, 0.6, 0.6
WORLDS = {
    "14 developers, any makes mixtures": (14, None),
    "14 developers, 5 make all mixtures": (14, 5),
    "6 developers, any makes mixtures": (6, None),
    "6 developers, 2 make all mixtures": (6, 2),
}


def points(developers: int, makers: int | None, rng: np.random.Generator) -> pd.DataFrame:
    """Return the points of forty models drawn anew."""
    developer = np.arange(MODELS) % developers
    mixture = np.arange(MODELS) // developers % 3 == 0 if makers is None else developer < makers
    level = rng.uniform(12, 14, MODELS)
    effect = rng.normal(0, SHARED, developers)[developer] + rng.normal(0, OWN, MODELS) + EFFECT * mixture
    there = rng.random((MODELS, 3)) >= 0.2 * np.array([0, 1, 1])
    model, benchmark = np.nonzero(there)
    decades = level[model] + 0.3 * benchmark + rng.normal(0, 0.3, len(model))
    chance = expit(-1 + 0.5 * benchmark + SLOPE * (decades - 13) + effect[model])
    return pd.DataFrame(
        {
            "model": model,
            "developer": developer[model],
            "benchmark": benchmark,
            "architecture": np.where(mixture[model], "moe", "dense"),
            "accuracy": rng.binomial(PROBLEMS, chance) / PROBLEMS,
            "problems": PROBLEMS,
            "flops": 10**decades,
        }
    )


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = (PROBLEMS,)) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for name, (developers, makers) in WORLDS.items():
        for _ in range(runs):
            drawn = points(developers, makers, rng)
            for cluster in regression.CLUSTERS:
                fit, columns = regression._fit(drawn, "dense", regression.HELD[0], cluster)
                found = fit.contrast(np.array([float(column == "moe") for column in columns]))
                compared = ", for comparison" if cluster == "model" else ""
                key = (
                    "log-odds at matched compute",
                    name + compared,
                    PROBLEMS,
                    regression.CLUSTERED.format(cluster),
                )
                tally.add(key, *found.limits(LEVEL), EFFECT)
    return tally
