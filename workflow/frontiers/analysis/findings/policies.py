"""Whether a policy does better than the best fixed caps of equal compute."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.findings.finding import CANNOT, SHOWN, Cell, Finding, points_of
from frontiers.analysis.policies import POLICIES

QUESTION = "Does any policy beat the best fixed cap at equal compute?"
KEY = ("benchmark", "model", "escalates_to", "strategy", "policy")


def beats_fixed_caps(policies: pd.DataFrame, names: Mapping[str, str], labels: Mapping[str, str]) -> Finding:
    """Return how many policies are shown to be better and worse, and the one with the largest difference of each kind."""
    if policies.empty:
        return Finding(QUESTION, f"{CANNOT}: no model was measured at two reasoning caps of known compute.")
    shown = policies["p_holm"] < SHOWN
    better, worse = policies[shown & (policies["low"] > 0)], policies[shown & (policies["high"] < 0)]
    tried = f"of {len(policies)} policies, models and benchmarks"
    end = "held-out halves, 95 % intervals, Holm within a benchmark at 5 %"
    if len(better):
        best = better.loc[better["difference"].idxmax()]
        told = f"{len(better)} {tried} do, the most by {_told(best, names, labels)}"
    else:
        best = policies.loc[policies["difference"].idxmax()]
        told = f"None {tried} is shown to; the largest difference is {_told(best, names, labels)}"
    answer = f"{told}. {len(worse)} {'is' if len(worse) == 1 else 'are'} shown to be worse ({end})."
    key = {c: None if pd.isna(best[c]) else best[c] for c in KEY}
    cells = [Cell("policies", key, c, float(best[c])) for c in ("difference", "low", "high")]
    return Finding(QUESTION, answer, cells)


def _told(row: pd.Series, names: Mapping[str, str], labels: Mapping[str, str]) -> str:
    model, other = (labels.get(row[c], row[c]) for c in ("model", "escalates_to"))
    who = model if pd.isna(other) else f"{model} and then {other}"
    where = names.get(row["benchmark"], row["benchmark"])
    return f"{points_of(row, 'difference', 'low', 'high')} ({POLICIES[row['policy']].label}, {who}, {where})"
