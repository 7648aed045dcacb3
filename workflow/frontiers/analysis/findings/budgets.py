"""Which model to take at which budget."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from frontiers.analysis.findings.finding import CANNOT, Cell, Finding, percent, scientific, whole
from frontiers.core.keys import cap_order

STABLE = 0.95
"""Share of draws from which a point of the frontier is named."""
TOLD = 5
"""Most points of a frontier that are named."""


BUDGETS = {
    "flops": (
        "Which model at which budget?",
        lambda value: f"{scientific(value)} FLOP",
        "Compute is of the answer as an engine decodes it; between these budgets take the cheaper one.",
    ),
    "dollars": (
        "Which model for which money?",
        lambda value: f"{value:.2g} US dollars",
        "Models without a price are not among them.",
    ),
}
"""Cost -> the question, how a cost is told, and the remark."""


def best_models(
    frontier: pd.DataFrame,
    points: pd.DataFrame,
    benchmark: str,
    where: str,
    labels: Mapping[str, str],
    cost: str = "flops",
) -> Finding:
    """Return which model to take at which `cost`, FLOPs or dollars: the points on the frontier in most draws."""
    question, unit, remark = BUDGETS[cost]
    mine = frontier[
        (frontier["benchmark"] == benchmark) & (frontier["cost"] == cost) & frontier["on_frontier"]
    ]
    sure = mine[mine["p_on_frontier"] >= STABLE].sort_values("cost_value", kind="stable")
    # Of one model, the point with the most accuracy, and the cheapest cap of those with as much.
    sure = sure.sort_values(["accuracy", "cost_value"], ascending=[False, True], kind="stable")
    sure = sure.drop_duplicates("model").sort_values("cost_value", kind="stable")
    if sure.empty:
        return Finding(
            question, f"{CANNOT}: no point of {where} is on the frontier in {STABLE:.0%} of the draws."
        )
    told = sure.iloc[-TOLD:]
    parts, cells = [], []
    for row in told.itertuples():
        order = cap_order(pd.Series([row.cap], dtype="Int64")).iloc[0]
        single = points[(points["model"] == row.model) & (points["benchmark"] == benchmark)]["cap"].nunique(
            dropna=False
        )
        at = f" with at most {order:,.0f} tokens" if single > 1 and np.isfinite(order) else ""
        parts.append(
            f"{labels[row.model]}{at}: {percent(row.accuracy)} % ({percent(row.accuracy_low)} to "
            f"{percent(row.accuracy_high)}) for {unit(row.cost_value)}"
        )
        key = {"model": row.model, "strategy": row.strategy, "benchmark": benchmark, "cap": whole(row.cap)}
        cells += [
            Cell("frontier", key | {"cost": cost}, name, float(getattr(row, name)))
            for name in ("accuracy", "accuracy_low", "accuracy_high", "cost_value", "p_on_frontier")
        ]
    fewer = f" The {len(told)} dearest of {len(sure)} such models." if len(sure) > len(told) else ""
    if cost == "flops" and (points["flops"].isna() & (points["benchmark"] == benchmark)).any():
        remark += " Models whose architecture is unknown are not among them."
    answer = (
        f"On {where}, per problem, on the frontier in at least {STABLE:.0%} of bootstrap draws: {'; '.join(parts)}."
        f"{fewer} {remark}"
    )
    return Finding(question, answer, cells)
