"""Coverage of breaks, plateaus, pooled breaks and saturation caps."""

import numpy as np
from scipy import stats
from tally import Tally

from frontiers.analysis.cap_curves import Curve
from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.cap_tests import enough, saturation_caps
from frontiers.analysis.saturation.forms import build_forms, fit_form
from frontiers.analysis.saturation.pooled import pool

TITLE = "Saturation"
NOTE = (
    "Nine caps from 10^7 to 10^8.6 FLOPs. Accuracy rises in log compute to a break at 10^7.93, between "
    "two caps: from 10 % to 80 % and level after it (`sharp`), or from 10 % to 50 % and on to 55 % at "
    "the end (`soft`). Answers to a problem at different caps are independent, or correlated as those "
    "cut from one trace (`alike`, correlation 0.9 of a latent normal). `form known`: one break is "
    "fitted. `form chosen`: studies of twelve such curves, one for every 24 runs, go through the whole "
    "analysis, and only the curves for which one break is chosen are counted; `given` is their number. "
    "These are the curves that look sharp by chance: where one break was chosen rarely, plain 95 % "
    "intervals held break and slope in 80 to 95 % of them. The level that the analysis uses (95 % where "
    "all curves of a study have one form, higher for a form chosen for few) makes up for this, and more "
    "than that when the curves are few. With 30 problems a soft break may be anywhere: its interval "
    "covers most of the range and holds the truth too often. `straight line`: Davies' test at 5 %; "
    "`held` means p above 0.05. `pooled`: six models whose breaks scatter by 0.1 decades around 10^7.8, "
    "on the same problems. `saturation cap`: the last four caps lose 5, 1.2, 0.8 and 0 points against "
    "the best; `held` means that the statement is not false, one-sided at 95 %, which a test may exceed. "
    "Tests have no width. These counts were made before smooth forms were among the rivals, breaks were pooled by "
    "their shown direction, and caps were judged per doubling of compute."
)
SIZES = (30, 500)
X = np.linspace(7, 8.6, 9)
FORMS = build_forms(X)
CAPS = np.array([0, 8, 16, 24, 32, 48, 64, 96, np.inf])
BREAK = 7.93
SHAPES = {"sharp": (0.1, 0.8, 0.8), "soft": (0.1, 0.5, 0.55)}
LIKENESS = {"independent": 0.0, "alike": 0.9}
LOSSES = np.array([0.6, 0.5, 0.4, 0.2, 0.1, 0.05, 0.012, 0.008, 0.0])
DRAWS, MODELS, BETWEEN = 1000, 6, 0.1
CURVES, EVERY = 12, 24
"""Curves of a study that goes through the whole analysis, and runs for each such study."""


def answers(rng: np.random.Generator, accuracy: np.ndarray, problems: int, alike: float) -> np.ndarray:
    """Return right answers (problems, caps) with the mean `accuracy`."""
    shared, own = rng.normal(size=(problems, 1)), rng.normal(size=(problems, len(accuracy)))
    return (np.sqrt(alike) * shared + np.sqrt(1 - alike) * own < stats.norm.ppf(accuracy)).astype(float)


def curve(right: np.ndarray, counts: np.ndarray, model: str = "m") -> Curve:
    """Return the curve of right answers with the draws of `counts` (draws, problems)."""
    return Curve(
        model=model,
        strategy="cot",
        benchmark="b",
        caps=CAPS,
        flops=10**X,
        accuracy=right.mean(axis=0),
        trials=np.full(len(X), float(len(right))),
        draws=counts @ right / len(right),
        flops_draws=np.tile(10**X, (len(counts), 1)),
        problems=len(right),
        right=(right,),
        samples=(1,),
    )


def drawn(rng: np.random.Generator, problems: int) -> np.ndarray:
    """Return how often each problem is in each draw."""
    return rng.multinomial(problems, np.full(problems, 1 / problems), size=DRAWS).astype(float)


def rising(shape: str) -> tuple[np.ndarray, float]:
    """Return the accuracies (caps,) of a shape and its slope after the break."""
    values = SHAPES[shape]
    return np.interp(X, [X[0], BREAK, X[-1]], values), (values[2] - values[1]) / (X[-1] - BREAK)


def one_break(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count break and plateau with the form known."""
    for shape in SHAPES:
        truth, slope = rising(shape)
        for kind, alike in LIKENESS.items():
            mine = curve(answers(rng, truth, problems, alike), drawn(rng, problems))
            row = saturation.plateau(fit_form(FORMS["one_break"], mine.accuracy, mine.trials), mine)[0]
            for key, *found in limits(row, f"{shape}, {kind}", problems, "form known", slope):
                tally.add(key, *found)


def chosen_break(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count break and plateau of the curves of a study for which one break is chosen."""
    nothing = dict.fromkeys(("low", "high", "plateau_low", "plateau_high"), np.nan)
    for shape in SHAPES:
        truth, slope = rising(shape)
        for kind, alike in LIKENESS.items():
            counts = drawn(rng, problems)
            study = [curve(answers(rng, truth, problems, alike), counts, f"m{i}") for i in range(CURVES)]
            for one in saturation.fit_curves(study):
                row = one.row if one.row["form"] == "one_break" else nothing
                for key, *found in limits(row, f"{shape}, {kind}", problems, "form chosen", slope):
                    tally.add(key, *found)


def limits(row: dict, setting: str, problems: int, method: str, slope: float):
    """Yield key, limits and truth of the break (an open end as the end of the range) and of the slope after it."""
    low, high = (np.log10(row[name]) for name in ("low", "high"))
    high = X[-1] if np.isnan(high) and np.isfinite(low) else high
    yield ("break, log10 FLOPs", setting, problems, method), low, high, BREAK
    key = ("slope after it, per decade", setting, problems, method)
    yield key, row["plateau_low"], row["plateau_high"], slope


def straight(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count how often Davies' test finds no break where there is none."""
    form = FORMS["none"]
    for kind, alike in LIKENESS.items():
        mine = curve(answers(rng, np.linspace(0.2, 0.8, len(X)), problems, alike), drawn(rng, problems))
        p_value = saturation.davies(mine, fit_form(form, mine.accuracy, mine.trials))
        tally.add(("straight line", kind, problems, "Davies' test"), 0, 0, float(p_value <= 0.05))


def pooled(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count the pooled break of models on the same problems."""
    counts, form, middle = drawn(rng, problems), FORMS["one_break"], 7.8
    hard, estimates = rng.normal(size=(problems, 1)), []
    for i in range(MODELS):
        at = middle + BETWEEN * rng.normal()
        chance = stats.norm.ppf(np.interp(X, [X[0], at, X[-1]], (0.1, 0.8, 0.8)))
        luck = np.sqrt(0.5) * hard + np.sqrt(0.5) * rng.normal(size=(problems, 1))
        mine = curve((luck < chance).astype(float), counts, f"m{i}")
        _, found = saturation.plateau(fit_form(form, mine.accuracy, mine.trials), mine)
        if "breakpoint_flops" in found:
            estimates.append(found["breakpoint_flops"])
    key = ("pooled break, log10 FLOPs", "six models, same problems", problems, "random effects")
    row = pool(estimates) if len(estimates) >= 3 else {"low": np.nan, "high": np.nan}
    tally.add(key, row["low"], row["high"], middle)


def saturated_from(accuracy: np.ndarray) -> float:
    """Return the smallest cap that no larger one beats by enough for its compute."""
    worth = np.triu(accuracy - accuracy[:, None] >= enough((X - X[:, None]) / np.log10(2)), 1)
    return float(CAPS[np.flatnonzero(~worth.any(axis=1))[0]])


def caps(tally: Tally, problems: int, rng: np.random.Generator) -> None:
    """Count statements on the saturation cap of which none is false."""
    truth = saturated_from(-LOSSES)
    for kind, alike in LIKENESS.items():
        mine = curve(answers(rng, 0.8 - LOSSES, problems, alike), np.ones((1, problems)))
        found = saturation_caps(mine)
        wrong = {
            "shown to be saturated": found["saturation_cap"] < truth,
            "shown to lie above": found["saturation_above"] >= truth,
        }
        for name, false in wrong.items():
            tally.add(("saturation cap", kind, problems, name), 0, 0, float(false))


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES, whole: bool = True) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for run in range(runs):
        for problems in sizes:
            one_break(tally, problems, rng)
            if whole and run % EVERY == 0:
                chosen_break(tally, problems, rng)
            straight(tally, problems, rng)
            pooled(tally, problems, rng)
            caps(tally, problems, rng)
    return tally
