"""Coverage of statements on the frontier: hypervolume, band, choice, shortfall and domination."""

from dataclasses import replace

import numpy as np
from tally import Tally
from worlds import SPREAD, TIED, World, cells, draw, truth

from frontiers.analysis.frontier import budget_choice, pareto
from frontiers.analysis.frontier.budget_choice import halve
from frontiers.analysis.frontier.cloud import Cloud, cloud_of, membership
from frontiers.analysis.frontier.volume import BRACKETED, hypervolume
from frontiers.statistics import bootstrap, intervals

TITLE = "Frontier"
NOTE = (
    "Five models at nine caps answer problems of different difficulty; answers at different caps are "
    "correlated, as cuts of one trace are. In the world `spread` the models differ. In the world `tied` "
    "two and three of them are equally good and cost the same within a few percent, so that the best of "
    "a draw is mostly luck. The band is for the best accuracy that the budget can buy, the held-out "
    "accuracy for the true accuracy of the point chosen on all problems; the plain interval of the "
    "chosen point is listed for comparison. A shortfall is judged for every point. Its interval must "
    "hold for the largest of many differences and is wider for it, and so is the statement that a point "
    "is within the noise of the frontier: `kept` are the points truly on it that are called so, at least "
    "95 % by design. The last rows of each world judge shares of draws as statements: pairs in which one "
    "point dominates the other in at least 97.5 % of the draws and really does; points on the frontier "
    "in 95 % of the draws that are on it, and in 5 % that are not. A share of draws is not a confidence "
    "level: with 30 problems, some points that are truly on the frontier by a small margin are on it in "
    "few draws. The hypervolume is bounded from below by halves of the problems, which say little with "
    "30 problems: there its interval is wide and holds the truth too often."
)
MAXIMUM = "largest paired difference, bootstrap"
SIZES = (30, 500)
DRAWS = 600
BUDGETS = {"spread": (4.5e7, 8e7, 1.3e8, 3e8), "tied": (4.2e7, 6e7, 9e7, 1.6e8)}
NEAR = 0.002


def true_shortfall(world: World) -> np.ndarray:
    accuracy, flops = (v.ravel() for v in truth(world))
    return pareto.shortfall(flops, accuracy)


def cloud_in(world: World, problems: int, rng: np.random.Generator, seed: int) -> tuple[np.ndarray, Cloud]:
    """Return right answers by problem and the points of one simulated study."""
    arranged = cells(world, *draw(world, problems, rng))
    drawn = bootstrap.draw(arranged, DRAWS, seed)
    means = bootstrap.estimate(arranged)
    right = np.concatenate([block[:, 0, :, 0] for block in arranged.values], axis=1)
    (low, high), method = intervals.accuracy_interval(right, 1)
    rows = arranged.keys.assign(
        flops=means["flops"],
        accuracy=means["accuracy"],
        accuracy_low=low,
        accuracy_high=high,
        interval=method,
        problems=problems,
    )
    return right, cloud_of(rows, "flops", (drawn["flops"], drawn["accuracy"]), halve([right], 1, seed), seed)


def one(tally: Tally, name: str, world: World, problems: int, rng: np.random.Generator) -> None:
    """Simulate one study and count."""
    accuracy, flops = (v.ravel() for v in truth(world))
    right, cloud = cloud_in(world, problems, rng, int(rng.integers(2**31)))
    found = membership(cloud)
    volume = hypervolume(replace(cloud, halved=halve([right], 1, int(rng.integers(2**31)))))
    box = pareto.Reference(volume["reference"]["cost_floor"], volume["reference"]["cost_ceiling"])
    key = ("hypervolume", name, problems, BRACKETED)
    tally.add(key, volume["low"], volume["high"], float(pareto.hypervolume(flops, accuracy, box)))

    budgets = np.array(BUDGETS[name])
    band = budget_choice.band(cloud.rows, cloud.value, cloud.draws, budgets)
    best = np.array([max(accuracy[flops <= budget], default=np.nan) for budget in budgets])
    at = np.searchsorted(budgets, band["budget"])
    key = ("band", name, problems, budget_choice.BAND)
    tally.add(key, band["low"].to_numpy(), band["high"].to_numpy(), best[at])
    chosen = band["chosen"].to_numpy(int)
    halved = halve([right], 1, int(rng.integers(2**31)))
    _, low, high = budget_choice.held_out(halved, cloud.value, budgets[at])
    tally.add(("chosen point", name, problems, budget_choice.HELD_OUT), low, high, accuracy[chosen])
    plain = cloud.rows.iloc[chosen]
    key = ("chosen point", name, problems, "wilson, uncorrected, for comparison")
    tally.add(key, plain["accuracy_low"].to_numpy(), plain["accuracy_high"].to_numpy(), accuracy[chosen])

    short = true_shortfall(world)
    low, high = found.short_low, found.short_high
    tally.add(("shortfall", name, problems, MAXIMUM), low, high, short)
    on = short <= NEAR
    key = ("kept within the noise", name, problems, MAXIMUM)
    tally.add(key, low[on], np.ones(on.sum()), np.zeros(on.sum()))

    share = pareto.domination(*cloud.smoothed)
    a, b = np.nonzero(share >= 0.975)
    really = (flops[a] <= flops[b] * (1 + NEAR)) & (accuracy[a] >= accuracy[b] - NEAR)
    count_statements(tally, "dominates in 97.5 % of draws", name, problems, really)
    count_statements(tally, "on the frontier, in 95 % of draws", name, problems, on[found.share >= 0.95])
    count_statements(
        tally, "off the frontier, on it in 5 % of draws", name, problems, (short > 0)[found.share <= 0.05]
    )


def count_statements(tally: Tally, what: str, name: str, problems: int, right: np.ndarray) -> None:
    """Count statements and how many are right."""
    if len(right):
        key = (what, name, problems, "joint bootstrap, smoothed")
        tally.add(key, np.zeros(len(right)), np.ones(len(right)), np.where(right, 0.5, 2.0))


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for name, world in (("spread", SPREAD), ("tied", TIED)):
            for _ in range(runs):
                one(tally, name, world, problems, rng)
    return tally
