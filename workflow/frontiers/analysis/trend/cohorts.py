"""The trends of groups of models: those that reason and those that do not, of one developer, of one lineage."""

from collections.abc import Iterator
from datetime import date

import pandas as pd

from frontiers.analysis.published_runs import reasoning
from frontiers.analysis.trend.table import fit as fit_trend
from frontiers.core.tables import frame_of, table_schema

COSTS = {"flops": 1.0, "dollars": 1e9}
"""Costs, each with the factor that makes its least value larger than 1, as the trend's logarithm needs."""
METRICS = ("accuracy_per_flop", "compute_at_accuracy", "compute_at_accuracy_uncorrected")
LEAST = 5
"""Fewest models of a cohort that is listed: no trend is estimated of fewer."""
ALL, REASONING, INSTRUCT = "all models", "reasoning", "instruct"


def fit(points: pd.DataFrame, draws: int, seed: int, today: date | None = None) -> pd.DataFrame:
    """Return the table `cohorts`: the rows of `trend` over all models of each cohort, against FLOPs and dollars.

    A cohort has at least `LEAST` models on a benchmark; one that is too small for an estimate is listed with the reason.
    """
    rows = []
    for cost, factor in COSTS.items():
        known = points[points[cost].astype(float) > 0]
        known = known.assign(flops=known[cost].astype(float) * factor)
        for kind, cohort, part in cohorts(known):
            found = fit_trend(part, draws, seed, today=today)
            found = found[(found["selection"] == "all") & found["metric"].isin(METRICS)]
            found = found[found["models"] >= LEAST]
            rows += found.assign(cost=cost, kind=kind, cohort=cohort).to_dict("records")
    columns = list(table_schema("cohorts")["properties"])
    return frame_of([{name: row[name] for name in columns} for row in rows], "cohorts")


def cohorts(points: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield kind, name and points of every cohort; a kind with a single cohort says nothing and is left out."""
    yield "all", ALL, points
    modes = reasoning(points).map({True: REASONING, False: INSTRUCT})
    for kind, of in (("mode", modes), ("developer", points["developer"]), ("lineage", points["lineage"])):
        if of.nunique() > 1:
            for name, part in points.groupby(of, sort=True):
                if part["model"].nunique() >= LEAST:
                    yield kind, str(name), part
