"""Whether mixtures of experts are more accurate than dense models."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.architectures.regression import quoted
from frontiers.analysis.findings.finding import CANNOT, Cell, Finding, cannot, number
from frontiers.core.keys import MEAN

FEW_PAIRS = 3
"""Most pairs of models of one size that are named."""


def experts(
    architectures: pd.DataFrame, size_pairs: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]
) -> Finding:
    """Return the odds of mixtures of experts against dense models with other things held fixed, and pairs of one size."""
    question = "Experts or dense?"
    mine = architectures[
        (architectures["comparison"] == "moe - dense")
        & (architectures["measure"] == "log_odds_at_matched_compute")
    ]
    known = quoted(mine)
    paired, sources = equal_pairs(size_pairs, names, labels)
    if known.empty:
        return Finding(question, f"{cannot(mine['reason'])}{paired}", sources)
    parts, cells = [], []
    for row in known.to_dict("records"):
        key = {c: row[c] for c in ("benchmark", "comparison", "measure", "scope", "held_fixed", "interval")}
        cells += [Cell("architectures", key, c, number(row[c])) for c in ("estimate", "low", "high")]
        parts.append(
            f"{row['estimate']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) at the same {row['held_fixed']}"
        )
    sides = {1 if row.low > 0 else -1 if row.high < 0 else 0 for row in known.itertuples()}
    claim = {
        (1,): "The mixtures of experts are more accurate whatever is held fixed",
        (-1,): "The dense models are more accurate whatever is held fixed",
    }.get(tuple(sides), f"{CANNOT} which is more accurate: it depends on what is held fixed")
    first = known.iloc[0]
    models = f"{int(first['models_a'])} mixtures and {int(first['models_b'])} dense models"
    by = "by developer" if "developer" in first["interval"] else "by model"
    moved = ""
    moving = mine["left_out_model"].dropna()
    if len(moving):
        moved = f" {labels.get(moving.iloc[0], moving.iloc[0])} moves the first most."
    answer = (
        f"{claim}. Log-odds of mixtures less dense, {models}, errors {by}: {'; '.join(parts)}.{moved}{paired}"
    )
    return Finding(question, answer, [*cells, *sources])


def equal_pairs(
    size_pairs: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]
) -> tuple[str, list[Cell]]:
    """Return what mixtures and dense models of one size show: each pair if they are few, else in how many which leads."""
    mine = size_pairs[(size_pairs["kind_a"] == "moe") & (size_pairs["kind_b"] == "dense")]
    if mine.empty:
        return "", []
    counts = mine["benchmark"].value_counts()
    where = MEAN if counts.get(MEAN, 0) == counts.max() else counts.idxmax()
    mine = mine[mine["benchmark"] == where]
    on = "over the benchmarks" if where == MEAN else f"on {names.get(where, where)}"
    if len(mine) <= FEW_PAIRS:
        cells = [
            Cell(
                "size_pairs",
                {c: row[c] for c in ("benchmark", "equal", "model_a", "model_b", "strategy")},
                c,
                number(row[c]),
            )
            for row in mine.to_dict("records")
            for c in ("difference", "low", "high", "flops_ratio")
        ]
        told = "; ".join(
            f"{labels[r.model_a]} less {labels[r.model_b]}, with the same {r.equal}: {100 * r.difference:+.1f} points "
            f"({100 * r.low:+.1f} to {100 * r.high:+.1f}) at {r.flops_ratio:.2f} times the compute"
            for r in mine.itertuples()
        )
        return f" Pairs of one size, {on}: {told}.", cells
    parts = []
    for equal, rows in mine.groupby("equal", sort=False):
        more, less = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
        later, dearer = int((rows["days_apart"] > 0).sum()), int((rows["flops_ratio"] > 1).sum())
        parts.append(
            f"of {len(rows)} with the same {equal} the mixture is more accurate in {more} and less in {less}, but released "
            f"later in {later} and dearer in {dearer}"
        )
    return f" Pairs of one size, {on}, 95 % intervals: {'; '.join(parts)}.", []
