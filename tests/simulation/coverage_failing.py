"""Coverage of what failing costs where models slow down with difficulty at different rates."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally

from frontiers.analysis.outcomes import table as outcomes
from frontiers.statistics.bootstrap import problem_counts
from frontiers.statistics.intervals import BOOTSTRAP

TITLE = "What failing costs, adversarial worlds"
NOTE = (
    "Four models answer problems of different difficulty, which makes them fail and lengthens their traces. Each "
    "slows down at its own rate: the slope of log cost on difficulty. Failing multiplies the cost by a factor, 1 "
    "unless the setting says otherwise. With one sample per problem the ratio is adjusted for the difficulty that "
    "the models share. That holds where slopes differ, where cost is a curve of difficulty, and where another trait of "
    "the problem, which makes no model fail, lengthens traces too. Where cost does not rise with difficulty, or 30 "
    "problems do not show it, a ratio is rarely given, and with few problems its interval is wide. The row for comparison "
    "breaks the assumption: 30 % of the variance of difficulty is each model's own. One sample cannot tell it "
    "from failing, and the ratio is too high; several samples can. With eight samples the truth is the mean of "
    "the logarithm over the problems on which the model both fails and succeeds, which matters where the factor rises "
    "with difficulty: exp(0.1 + 0.3 difficulty). With all models pooled the truth is the geometric mean over the models "
    "that have a ratio."
)
SIZES = (30, 250)
DRAWS = 400
SKILL = np.linspace(-0.4, 0.6, 4)
STEEP = 1.2
SLOPES, FACTORS = (0.2, 0.33, 0.47, 0.6), (0.25, 0.1, -0.1, -0.25)


class World(NamedTuple):
    """How four models spend tokens: slopes of log cost on difficulty, logs of the factors of failing.

    rising: what the factor gains per unit of difficulty. curved: cost grows with exp of difficulty. other: a trait of
    the problem that makes no model fail also lengthens traces. shared: share of the variance of difficulty that is the
    same for all models.
    """

    samples: int = 1
    slopes: tuple[float, ...] = SLOPES
    factors: tuple[float, ...] = (0.0,) * 4
    rising: float = 0.0
    curved: bool = False
    other: bool = False
    shared: float = 1.0


WORLDS = {
    "1 sample, slopes alike, factors 0.8 to 1.3": World(slopes=(0.4,) * 4, factors=FACTORS),
    "1 sample, slopes 0.2 to 0.6": World(),
    "1 sample, slopes 0.2 to 0.6, factors 0.8 to 1.3": World(factors=FACTORS),
    "1 sample, slopes 0.2 to 0.6 of a curve": World(curved=True),
    "1 sample, slopes 0.2 to 0.6, other trait": World(other=True),
    "1 sample, no slopes": World(slopes=(0.0,) * 4),
    "1 sample, difficulty shared by 70 %, for comparison": World(shared=0.7),
    "8 samples, slopes 0.2 to 0.6": World(8),
    "8 samples, factor rises with difficulty": World(8, factors=(0.1,) * 4, rising=0.3),
    "8 samples, difficulty shared by 70 %": World(8, shared=0.7),
}


def answers(world: World, problems: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return answers at one cap, as `outcomes.compared` reads them; accuracy near one half."""
    shape = (problems, 4)
    hard = np.sqrt(world.shared) * rng.normal(size=(problems, 1)) + np.sqrt(1 - world.shared) * rng.normal(
        size=shape
    )
    slopes = np.array(world.slopes)
    logs = slopes * (np.exp(0.5 * hard) if world.curved else hard)
    logs = logs + slopes[::-1] * rng.normal(size=(problems, 1)) * world.other
    right = rng.random((*shape, world.samples)) < expit(SKILL - STEEP * hard)[..., None]
    factor = np.array(world.factors) + world.rising * hard
    logs = 20 + logs[..., None] + 0.3 * rng.normal(size=right.shape) + factor[..., None] * ~right
    problem, model, sample = (i.ravel() for i in np.indices(right.shape))
    columns = {"problem": problem, "model": np.array([f"m{i}" for i in range(4)], dtype=object)[model]}
    return pd.DataFrame(columns | {"sample": sample, "correct": right.ravel(), "flops": np.exp(logs.ravel())})


def truths(world: World) -> np.ndarray:
    """Return the ratio of each model, the mean over the problems with both outcomes where the factor rises, (4,)."""
    hard = np.linspace(-6, 6, 2001)[:, None]
    chance = expit(SKILL - STEEP * hard)
    both = 1 - chance**world.samples - (1 - chance) ** world.samples if world.samples > 1 else 1.0
    weight = np.exp(-(hard**2) / 2) * both
    return np.exp(((np.array(world.factors) + world.rising * hard) * weight).sum(axis=0) / weight.sum(axis=0))


def one(tally: Tally, name: str, world: World, problems: int, rng: np.random.Generator) -> None:
    """Simulate one study and count."""
    frame, truth = answers(world, problems, rng), truths(world)
    drawn = np.concatenate(list(problem_counts("b", problems, DRAWS, int(rng.integers(2**31)))))
    rows = outcomes.compared(frame, "flops", np.vstack([np.ones(problems), drawn]))
    kind = outcomes.ADJUSTED if world.samples == 1 else outcomes.WITHIN
    kept = [row for row in rows if row["comparison"] == kind]
    known = [
        truth[int(row["model"][1])] for row in kept if row["estimable"] and row["model"] != outcomes.POOLED
    ]
    for row in kept:
        pooled = row["model"] == outcomes.POOLED
        what = {outcomes.ADJUSTED: "ratio adjusted for difficulty", outcomes.WITHIN: "ratio within problem"}[
            kind
        ]
        goal = (
            np.exp(np.mean(np.log(known)))
            if pooled and known
            else truth[0 if pooled else int(row["model"][1])]
        )
        key = (what + ", pooled" * pooled, name, problems, BOOTSTRAP)
        tally.add(key, row.get("low", np.nan), row.get("high", np.nan), goal)


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for name, world in WORLDS.items():
            for _ in range(runs):
                one(tally, name, world, problems, rng)
    return tally
