"""How the frontier of real models moved: what it was at the end of each half-year, from the models released by then."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from frontiers.analysis.frontier.pareto import frontier
from frontiers.core.keys import KEY, cap_order
from frontiers.core.tables import frame_of

COSTS = ("flops", "dollars")
KEPT = [*KEY, "label", "release_date", "accuracy", "accuracy_low", "accuracy_high"]


def fit(points: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """Return the table `half_years`: the frontier at each half-year's end, per benchmark and cost.

    Points of models without a release date, with one after `today` (default: the day of the run) or without the cost
    are left out. The last half-year is the one of the last release. Points are the frontier of the estimates; of equal
    ones the smallest cap is kept.
    """
    dated = points[points["release_date"].notna()]
    dated = dated[dated["release_date"] <= (today or date.today()).isoformat()]
    rows = []
    for cost in COSTS:
        known = dated[dated[cost].astype(float) > 0].assign(cost=cost)
        known = known.assign(cost_value=known[cost].astype(float), order=cap_order(known["cap"]))
        for benchmark, part in known.groupby("benchmark", sort=False):
            before: set[str] = set()
            for end in half_years(part["release_date"].min(), part["release_date"].max()):
                there = part[part["release_date"] <= end]
                on = there[frontier(there["cost_value"].to_numpy(), there["accuracy"].to_numpy(float))]
                on = on.sort_values(["cost_value", "order"]).drop_duplicates(["cost_value", "accuracy"])
                names = set(on["model"])
                new = [model not in before for model in on["model"]]
                shared = {"benchmark": benchmark, "half_year": end, "models": there["model"].nunique()}
                rows += on[[*KEPT, "cost", "cost_value"]].assign(**shared, new=new).to_dict("records")
                before = names
    return frame_of(rows, "half_years")


def half_years(first: str, last: str) -> Iterator[str]:
    """Yield the last days of the half-years from that of one date to that of another, all YYYY-MM-DD."""
    year, half = int(first[:4]), first[5:] > "06-30"
    while True:
        end = f"{year}-{'12-31' if half else '06-30'}"
        yield end
        if end >= last:
            return
        year, half = year + half, not half


def best_at(moved: pd.DataFrame, budget: float) -> pd.DataFrame:
    """Return the most accurate point within a budget at each half-year's end; `moved`: rows of one benchmark and cost."""
    within = moved[moved["cost_value"] <= budget]
    return within.loc[within.groupby("half_year")["accuracy"].idxmax()].sort_values("half_year")


def budgets(moved: pd.DataFrame) -> list[float]:
    """Return the powers of ten at which every half-year has a point and some have a dearer one."""
    cheapest, dearest = moved.groupby("half_year")["cost_value"].min().max(), moved["cost_value"].max()
    return [10.0**n for n in range(int(np.ceil(np.log10(cheapest))), int(np.ceil(np.log10(dearest))) + 1)]
