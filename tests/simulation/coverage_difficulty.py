"""Coverage of what more reasoning gains on hard problems less what it gains on easy ones."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from tally import Tally

from frontiers.analysis import difficulty

TITLE = "Gains on hard and on easy problems"
NOTE = (
    "Six models answer problems whose difficulty z is normal with standard deviation 3; five of them solve one "
    "with chance expit(-z) and tell which are hard for the sixth, whose chances at the smallest and largest cap "
    "the setting names. The truth is that of 400,000 problems. For the test, `held` counts runs in which no "
    "interaction is claimed at 5 % where there is none. With few problems in a stratum the two made-up ones make "
    "the interval too wide rather than too narrow, and where all problems of a stratum are alike it is wider still."
)
SIZES = (45, 200)
OTHERS, LARGE = 5, 400_000


class Change(NamedTuple):
    """The chances of a right answer at the smallest and at the largest cap, by difficulty."""

    before: Callable[[np.ndarray], np.ndarray]
    after: Callable[[np.ndarray], np.ndarray]


WORLDS = {
    "easy ones gain more": Change(lambda z: 0 * z, lambda z: expit(-z)),
    "hard ones gain more": Change(lambda z: expit(-z), lambda z: expit(2 - 0.6 * z)),
    "hard ones stay unsolved": Change(lambda z: 0.3 * (z < 0), lambda z: 1.0 * (z < 0)),
    "gain 0.4 at any difficulty": Change(lambda z: 0.2 + 0 * z, lambda z: 0.6 + 0 * z),
}


def solver(world: Change, problems: int, samples: int, rng: np.random.Generator) -> difficulty.Solver:
    """Return the answers of the sixth model to problems drawn anew, cut from one trace: right stays right more often."""
    z = rng.normal(0, 3, problems)
    rate = (rng.random((OTHERS, problems)) < expit(-z)).mean(axis=0)
    luck = rng.random((problems, samples))
    again = rng.random((problems, samples)) < 0.9  # one answer in ten is drawn anew at the larger cap
    second = np.where(again, luck, rng.random((problems, samples)))
    answers = np.stack([luck < world.before(z)[:, None], second < world.after(z)[:, None]], axis=2).astype(
        float
    )
    ones = np.ones((problems, 2))
    return difficulty.Solver("m", "cot", "b", np.array([8.0, np.inf]), answers, ones, ones, rate)


@cache
def truth(name: str) -> float:
    """Return the gain of hard problems less that of easy ones."""
    drawn = solver(WORLDS[name], LARGE, 1, np.random.default_rng(0))
    gains, chosen = drawn.answers[:, 0, 1] - drawn.answers[:, 0, 0], difficulty.strata(drawn.rate)
    return float(gains[chosen["hard"]].mean() - gains[chosen["easy"]].mean())


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for name, world in WORLDS.items():
            goal = 0.0 if name.startswith("gain 0.4") else truth(name)
            for samples in (1, 4):
                for _ in range(runs):
                    row = next(difficulty.gains(solver(world, problems, samples, rng)))
                    setting = f"{samples} sample{'s' * (samples > 1)}, {name}"
                    limits = row.get("low", np.nan), row.get("high", np.nan)
                    tally.add(("difference of gains", setting, problems, difficulty.WELCH), *limits, goal)
                    if goal == 0:
                        key = ("test", setting, problems, difficulty.WELCH)
                        tally.add(key, 0.0 if row["estimable"] else np.nan, row.get("p_value", np.nan), 0.05)
    return tally
