"""Coverage of statements on the frontier where models are nearly always right, and where costs hardly differ."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from coverage_frontier import MAXIMUM, NEAR, cloud_in, count_statements
from tally import Tally
from worlds import World, truth

from frontiers.analysis.frontier import pareto
from frontiers.analysis.frontier.budget_choice import halve
from frontiers.analysis.frontier.cloud import cloud_of, membership

TITLE = "Ties and close costs on the frontier"
NOTE = (
    "In the world `nearly always right` five models at nine caps, as in the section on the frontier, are right on "
    "97 to 99.9 % of the problems. Of points that are right on all problems of a study the cheapest dominates "
    "the others: that is a rule, not a statement on further problems, so the dominated ones are not counted here. With "
    "30 problems they are many, and some are truly better by a hair. In the other worlds four points answer "
    "independently; their costs are log-normal with sigma 0.8 and their true means 1, 1.01, 1.02 and 0.5, with "
    "accuracies 0.6, 0.75, 0.5 and 0.3. The first is on the frontier only because it costs 1 % less than the "
    "second: `kept` are the studies in which it is called within the noise. A point is shown to be beaten only if "
    "another is shown to be both cheaper and better, so more than 95 % are kept. Statements on shortfalls and on "
    "shares of draws hold more or less often than 95 % for the reasons given in the section on the frontier."
)
SIZES = (30, 500)
DRAWS = 600
EASY = World(top=(0.97, 0.985, 0.995, 0.999, 0.99))


class Close(NamedTuple):
    """Points whose mean costs differ by 1 %: costs and chances; correlation of the logs of costs by problem."""

    cost: tuple[float, ...] = (1.0, 1.01, 1.02, 0.5)
    chance: tuple[float, ...] = (0.6, 0.75, 0.5, 0.3)
    sigma: float = 0.8
    correlation: float = 0.0


CLOSE = {"costs independent": Close(), "costs correlated by 0.5": Close(correlation=0.5)}


def easy(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count statements on five models that are nearly always right, at nine caps."""
    accuracy, flops = (v.ravel() for v in truth(EASY))
    short = pareto.shortfall(flops, accuracy)
    right, cloud = cloud_in(EASY, problems, rng, int(rng.integers(2**31)))
    found = membership(cloud)
    whole = right.all(axis=0)
    ruled = whole & (cloud.value > cloud.value[whole].min(initial=np.inf))
    name = "nearly always right"
    tally.add(("shortfall", name, problems, MAXIMUM), found.short_low, found.short_high, short)
    kept = (short <= NEAR) & ~ruled
    count_kept(tally, name, problems, found.near[kept])
    share = pareto.domination(*cloud.smoothed)
    a, b = np.nonzero((share >= 0.975) & ~ruled)
    really = (flops[a] <= flops[b] * (1 + NEAR)) & (accuracy[a] >= accuracy[b] - NEAR)
    count_statements(tally, "dominates in 97.5 % of draws", name, problems, really)
    sure = (found.share >= 0.95) & ~ruled
    count_statements(tally, "on the frontier, in 95 % of draws", name, problems, (short <= NEAR)[sure])
    rare = (found.share <= 0.05) & ~ruled
    count_statements(tally, "off the frontier, on it in 5 % of draws", name, problems, (short > 0)[rare])


def count_kept(tally: Tally, name: str, problems: int, near: np.ndarray) -> None:
    """Count points truly on the frontier and how many are called within its noise."""
    key = ("kept within the noise", name, problems, MAXIMUM)
    tally.add(key, np.zeros(len(near)), np.ones(len(near)), np.where(near, 0.5, 2.0))


def close(tally: Tally, name: str, world: Close, problems: int, rng: np.random.Generator) -> None:
    """Count statements on points that cost nearly the same."""
    points = len(world.cost)
    mix = np.array([np.sqrt(world.correlation), np.sqrt(1 - world.correlation)])
    logs = rng.normal(size=(problems, 1)) * mix[0] + rng.normal(size=(problems, points)) * mix[1]
    cost = np.array(world.cost) * np.exp(world.sigma * logs)
    right = (rng.random((problems, points)) < world.chance).astype(float)
    counts = rng.multinomial(problems, np.full(problems, 1 / problems), DRAWS) / problems
    rows = pd.DataFrame(
        {"problems": problems, "accuracy": right.mean(axis=0), "flops": cost.mean(axis=0)}, range(points)
    )
    seed = int(rng.integers(2**31))
    found = membership(
        cloud_of(rows, "flops", (counts @ cost, counts @ right), halve([right], 1, seed), seed)
    )
    short = pareto.shortfall(world.cost, world.chance)
    tally.add(("shortfall", name, problems, MAXIMUM), found.short_low, found.short_high, short)
    count_kept(tally, f"the cheaper by 1 %, {name}", problems, found.near[:1])


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for _ in range(runs):
            easy(tally, problems, rng)
            for name, world in CLOSE.items():
                close(tally, name, world, problems, rng)
    return tally
