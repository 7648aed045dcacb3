"""The table of strategies: accuracy, FLOPs by role, and the difference from a single chain."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from frontiers.analysis.differences import answered, between
from frontiers.compute.flop_columns import ROLES
from frontiers.core.keys import MEAN, cap_order, cap_text
from frontiers.core.tables import table_schema
from frontiers.statistics import paired
from frontiers.statistics.bootstrap import arrange

CHAIN = "chain"


def tabulate(
    points: pd.DataFrame, answers: pd.DataFrame, strategies: Mapping[str, Mapping], baseline: str
) -> pd.DataFrame:
    """Return the table `strategies` from points and answers; `strategies`: {name: {label, method}} in order.

    All rows of a benchmark are compared with the first strategy of method chain of the model `baseline`, at its
    largest cap; without one there are no differences.
    """
    points = points[points["benchmark"] != MEAN].assign(order=cap_order(points["cap"]))
    points = points.assign(place=points["strategy"].map({name: i for i, name in enumerate(strategies)}))
    spent = answers.assign(order=cap_order(answers["cap"]))
    spent = spent.groupby(["benchmark", "model", "strategy", "order"])[list(ROLES.values())].mean()
    rows = []
    for benchmark, here in points.groupby("benchmark", sort=False):
        grid = answered(arrange(answers, benchmark, ["correct"]))
        base = _baseline(here[here["model"] == baseline], strategies)
        for model, mine in here.groupby("model", sort=False):
            largest = _largest(mine)
            for _, point in largest.iterrows():
                rows.append(_row(point, base, mine, grid, strategies))
                rows[-1] |= spent.loc[(benchmark, model, point["strategy"], point["order"])].to_dict()
    return pd.DataFrame(rows).reindex(columns=list(table_schema("strategies")["properties"]))


def _largest(points: pd.DataFrame) -> pd.DataFrame:
    """Return the points of one model at the largest cap of each strategy, in the order of strategies."""
    return points.sort_values(["place", "order"]).groupby("strategy", sort=False).tail(1)


def _baseline(points: pd.DataFrame, strategies: Mapping[str, Mapping]) -> pd.Series | None:
    """Return the first chain among the points of one model, at its largest cap; None without one."""
    chains = [p for _, p in _largest(points).iterrows() if strategies[p["strategy"]]["method"] == CHAIN]
    return chains[0] if chains else None


def _row(point: pd.Series, base: pd.Series | None, mine: pd.DataFrame, grid: Mapping, known: Mapping) -> dict:
    """Return the fields of one strategy, without the FLOPs by role."""
    affordable = mine[mine["flops"] <= point["flops"]]
    matched = affordable.loc[affordable["accuracy"].idxmax()]
    row = {
        **{name: point[name] for name in ("benchmark", "model", "strategy", "cap", "problems", "accuracy")},
        **{name: point[name] for name in ("interval", "flops", "reasoning_tokens", "seconds", "joules")},
        **{name: known[point["strategy"]][name] for name in ("label", "method")},
        "low": point["accuracy_low"],
        "high": point["accuracy_high"],
        "matched": f"{matched['strategy']}, {cap_text(matched['order'])}",
        "matched_accuracy": matched["accuracy"],
    }
    if base is None or all(base[name] == point[name] for name in ("model", "strategy")):
        return row
    a, b = (grid[(p["model"], p["strategy"], p["order"])] for p in (point, base))
    found = between(a, b)
    return row | {
        "difference": found["difference"],
        "difference_low": found["low"],
        "difference_high": found["high"],
        "p_value": found["p_value"],
        "test": found["test"],
        "mcnemar_p": _mcnemar(a[:, 0], b[:, 0]),
    }


def _mcnemar(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the exact p-value (McNemar 1947) of one answer per problem on either side; None for expected values."""
    if not np.isin([a, b], (0, 1)).all():
        return None
    return float(paired.mcnemar((a > b).sum(), (a < b).sum()))
