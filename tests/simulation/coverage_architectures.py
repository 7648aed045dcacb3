"""Coverage of comparisons of architectures: at matched compute, at matched accuracy, shares, regression."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import expit
from tally import Tally
from worlds import CAPS, LIMITS, SPREAD, World, cells, draw, truth

from frontiers.analysis.architectures import table as architectures
from frontiers.analysis.architectures.matched_curves import accuracy_difference, compute_difference
from frontiers.analysis.architectures.regression import regress
from frontiers.analysis.cap_curves import Curve, merge_equal_compute
from frontiers.statistics.bootstrap import draw as bootstrap_draw
from frontiers.statistics.bootstrap import estimate

TITLE = "Architectures"
NOTE = (
    "Two models of the world `spread` play mixtures of experts. Statements on these models are judged "
    "against the curves of 200,000 problems; no interval is given where too many draws lose the common "
    "range. For statements on kinds, nine or twelve models (three or four of them mixtures) are drawn "
    "anew from one population in which the kinds do not differ. In the regression, twenty models on two "
    "or three of three benchmarks have an effect of their own (standard deviation 0.8 log-odds, in the "
    "last world twice as large for mixtures), and mixtures 0.5 more. Welch's interval assumes that the "
    "mean of a kind is normal, which that of three models is not: with three mixtures it holds the truth "
    "in 92 to 94 % of the runs. With three mixtures the regression's compute ratio is of little value: "
    "its interval is very wide and holds the truth too often."
)
SIZES = (30, 500)
DRAWS = 600
PAIRS = ((1, 0), (2, 1), (4, 1), (3, 2))
KINDS = {"m0": "dense", "m1": "moe", "m2": "dense", "m3": "dense", "m4": "moe"}
EFFECT, SLOPE = 0.5, 1.2


def curves(world: World, right: np.ndarray, flops: np.ndarray, seed: int, draws: int = DRAWS) -> list[Curve]:
    """Return the curves of all models from answers (problems, models, caps)."""
    arranged = cells(world, right, flops)
    drawn, means = bootstrap_draw(arranged, draws, seed), estimate(arranged)
    return [
        Curve(
            model=name,
            strategy="cot",
            benchmark="b",
            caps=LIMITS,
            flops=means["flops"][part],
            accuracy=means["accuracy"][part],
            trials=np.full(len(CAPS), float(len(right))),
            draws=drawn["accuracy"][:, part],
            flops_draws=drawn["flops"][:, part],
            problems=len(right),
        )
        for i, name in enumerate(world.names)
        for part in [slice(i * len(CAPS), (i + 1) * len(CAPS))]
    ]


@cache
def true_values(world: World) -> dict:
    """Return the true differences of all pairs and the share of mixtures, from the true curves."""
    accuracy, flops = truth(world)
    found = [merge_equal_compute(c) for c in curves(world, accuracy[None], flops[None], 0, 1)]
    values = {
        (name, a, b): compare(found[a], found[b])[0]
        for name, compare in (("accuracy", accuracy_difference), ("compute", compute_difference))
        for a, b in PAIRS
    }
    rows = architectures.measured_shares(curves(world, accuracy[None], flops[None], 0, 1), KINDS)
    return values | {"share": next(r["estimate"] for r in rows if r["comparison"] == "moe")}


def of_these(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count statements on these models."""
    known = true_values(SPREAD)
    plain = curves(SPREAD, *draw(SPREAD, problems, rng), int(rng.integers(2**31)))
    merged = [merge_equal_compute(c) for c in plain]
    for name, compare, sign in (("accuracy", accuracy_difference, "-"), ("compute", compute_difference, "/")):
        quantity = {
            "accuracy": "accuracy at matched compute",
            "compute": "compute ratio at matched accuracy",
        }[name]
        for a, b in PAIRS:
            values = compare(merged[a], merged[b])
            row = {} if values is None else architectures.these_models(values, problems, sign)
            limits = row.get("low", np.nan), row.get("high", np.nan)
            goal = known[(name, a, b)]
            key = (quantity, f"model {a} against {b}", problems, architectures.BOOTSTRAP)
            tally.add(key, *limits, goal if sign == "-" else 10**goal)
    rows = architectures.measured_shares(plain, KINDS)
    row = next(r for r in rows if r["comparison"] == "moe")
    key = ("share of the frontier", "mixtures, 2 of 5 models", problems, architectures.BOOTSTRAP)
    tally.add(key, row["low"], row["high"], known["share"])


def of_kinds(tally: Tally, problems: int, dense: int, moe: int, rng: np.random.Generator) -> None:
    """Count statements on kinds that do not differ, from models drawn anew."""
    number = dense + moe
    world = World(
        active=tuple(3e6 * np.exp(0.3 * rng.normal(size=number))),
        top=tuple(expit(rng.normal(0.3, 0.5, number))),
        trace=tuple(35 * np.exp(0.2 * rng.normal(size=number))),
    )
    kinds = {name: "dense" if i < dense else "moe" for i, name in enumerate(world.names)}
    found = architectures.matched(curves(world, *draw(world, problems, rng), 0, 2), kinds)
    for row in found:
        if row["scope"] == architectures.OTHERS:
            name = row["measure"].replace("_", " ")
            key = (name, f"kinds, {moe} against {dense} models", problems, architectures.WELCH)
            goal = 0.0 if row["comparison"] == "moe - dense" else 1.0
            tally.add(key, row.get("low", np.nan), row.get("high", np.nan), goal)


def of_regression(tally: Tally, problems: int, moe: int, uneven: float, rng: np.random.Generator) -> None:
    """Count the regression's effects of a kind."""
    own = rng.normal(0, 0.8, 20) * np.where(np.arange(20) < moe, uneven, 1.0)
    level, rows = rng.uniform(12, 14, 20), []
    for i in range(20):
        for j in range(3):
            if j and rng.random() < 0.2:
                continue
            decades = level[i] + rng.normal(0, 0.4) + 0.3 * j
            chance = expit(-1 + 0.5 * j + SLOPE * (decades - 13) + EFFECT * (i < moe) + own[i])
            kind = "moe" if i < moe else "dense"
            rows.append((f"m{i}", f"b{j}", kind, rng.binomial(problems, chance) / problems, 10**decades))
    frame = pd.DataFrame(rows, columns=["model", "benchmark", "architecture", "accuracy", "flops"])
    cap = pd.array([None] * len(frame), dtype="Int64")
    odds, ratio, *_ = regress(
        frame.assign(strategy="reported", cap=cap, problems=problems), [("moe", "dense")]
    )
    setting = f"{moe} of 20 models" + (", unequal spread" if uneven != 1 else "")
    limits = odds["low"], odds["high"]
    tally.add(("log-odds at matched compute", setting, problems, odds["interval"]), *limits, EFFECT)
    limits = ratio.get("low", np.nan), ratio.get("high", np.nan)
    goal = 10 ** (-EFFECT / SLOPE)
    tally.add(("compute ratio, regression", setting, problems, ratio["interval"]), *limits, goal)


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for _ in range(runs):
            of_these(tally, problems, rng)
            of_kinds(tally, problems, 5, 4, rng)
            of_kinds(tally, problems, 9, 3, rng)
    for _ in range(runs):
        for moe, uneven in ((3, 1.0), (6, 1.0), (6, 2.0)):
            of_regression(tally, max(sizes), moe, uneven, rng)
    return tally
