"""What published figures were: how their compute was counted, and in which mode the models ran."""

import pandas as pd

from frontiers.core.keys import MEAN

STRATEGY = "reported"


DIRECT = ("off", "instruct")
"""Modes in which a model answers without reasoning first, like those without a mode."""


def reasoning(points: pd.DataFrame) -> pd.Series:
    """Return which points come from a run in a mode of reasoning."""
    return points["mode"].notna() & ~points["mode"].isin(DIRECT)


def counted_text(points: pd.DataFrame) -> str:
    """Return in words how the compute of published points was counted, for how many, and who ran in a reasoning mode."""
    points = points[points["benchmark"] != MEAN]
    method, number = points["flops_method"], len(points)
    closed, short = method.str.startswith("closed form"), method.str.endswith("output tokens")
    parts = []
    if closed.any():
        parts.append(f"counted from the architecture for {closed.sum()} of {number} points")
    if (~closed).any():
        parts.append(f"2 × active parameters × tokens for {(~closed).sum()} of {number}")
    if short.any():
        parts.append(f"without the prompt for {short.sum()}, whose source does not give it")
    models = points["model"].nunique()
    ran = points.loc[reasoning(points), "model"].nunique()
    return f"Compute: {'; '.join(parts)}. {ran} of {models} models ran in a reasoning mode, the others are instruct runs."
