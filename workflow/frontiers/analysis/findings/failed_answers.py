"""Whether failed generations cost more."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.findings.finding import Cell, Finding, cannot


def failures(outcomes: pd.DataFrame, names: Mapping[str, str]) -> Finding:
    """Return whether failed generations cost more: raw, and with difficulty held fixed."""
    question = "Do failures cost more?"
    tokens = outcomes[outcomes["measure"] == "reasoning_tokens"]
    pairs = tokens[(tokens["benchmark"] == "all") & tokens["estimable"].astype(bool)].set_index("comparison")
    if "share_raw" not in pairs.index:
        return Finding(question, cannot(outcomes["reason"]))
    cells, parts = [], []
    share = pairs.loc["share_raw"]
    cells += [_outcome(share, "share_raw", c) for c in ("estimate", "n")]
    parts.append(
        f"Failed generations are longer in {share['estimate'] * share['n']:.0f} of {int(share['n'])} pairs of a model "
        "and a benchmark, but hard problems both fail more and take longer"
    )
    fixed = tokens[
        (tokens["model"] == "all")
        & tokens["comparison"].isin(["within_problem", "adjusted"])
        & tokens["estimable"].astype(bool)
    ]
    # The ratio that rests on most: problems within which a model both fails and succeeds, or generations.
    fixed = fixed.sort_values(["comparison", "n"], ascending=False, kind="stable").drop_duplicates(
        "comparison"
    )
    for row in fixed.head(1).to_dict("records"):
        cells += [_outcome(row, row["comparison"], c) for c in ("estimate", "low", "high")]
        how = "within a problem" if row["comparison"] == "within_problem" else "adjusted for difficulty"
        claim = (
            "they take longer"
            if row["low"] > 1
            else "they take less"
            if row["high"] < 1
            else "no difference is shown"
        )
        parts.append(
            f"{how}, {claim}: {row['estimate']:.2f} times the tokens ({row['low']:.2f} to {row['high']:.2f}, "
            f"{names.get(row['benchmark'], row['benchmark'])})"
        )
    if fixed.empty:
        parts.append("with difficulty held fixed these data cannot tell")
    return Finding(question, "; ".join(parts) + ".", cells)


def _outcome(row: Mapping, comparison: str, column: str) -> Cell:
    key = {"comparison": comparison} | {c: row[c] for c in ("model", "strategy", "benchmark", "measure")}
    return Cell("outcomes", key, column, float(row[column]))
