"""Where more reasoning stops paying, and whether it reaches the hard problems."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.difficulty import ALL
from frontiers.analysis.findings.finding import CANNOT, SHOWN, Cell, Finding, cannot, number, points_of, whole


def stops_paying(
    saturation: pd.DataFrame, gains: pd.DataFrame, benchmark: str, where: str, labels: Mapping[str, str]
) -> Finding:
    """Return from which cap on more reasoning gains less than a point per doubling, and what the last one gained."""
    question = "Where does more reasoning stop paying?"
    mine = saturation[saturation["benchmark"] == benchmark]
    if mine.empty or mine["computes"].isna().all():
        return Finding(question, cannot(mine["reason"]))
    # A cap that all traces end within is no place where reasoning stops paying: larger ones are the same run.
    shown = mine[mine["saturation_cap"].notna() & mine["saturated"].astype(bool)]
    rising = mine[mine["saturation_above"].notna()]
    cells = [
        Cell(
            "saturation", {c: row[c] for c in ("model", "strategy", "benchmark")}, column, float(row[column])
        )
        for column, rows in (("saturation_cap", shown), ("saturation_above", rising))
        for row in rows.to_dict("records")
    ]
    parts = []
    if len(shown):
        each = ", ".join(
            f"{labels[r.model]} from {whole(r.saturation_cap):,} tokens" for r in shown.itertuples()
        )
        parts.append(
            f"a larger cap is shown to gain less than 1 point per doubling for {len(shown)} of {len(mine)} models "
            f"({each})"
        )
    else:
        parts.append(
            f"for none of {len(mine)} models is a cap shown beyond which more gains less than 1 point per "
            "doubling"
        )
    if len(rising):
        least, most = whole(rising["saturation_above"].min()), whole(rising["saturation_above"].max())
        upto = f"{least:,} tokens" if least == most else f"{least:,} to {most:,} tokens, by model,"
        parts.append(
            f"up to {upto} a larger cap is shown to gain 1 point or more per doubling for {len(rising)}"
        )
    problems = int(mine["problems"].min())
    few = f" With {problems} problems (fewer than 268) the former cannot be shown." if problems < 268 else ""
    last, sources = last_doublings(gains[gains["benchmark"] == benchmark])
    return Finding(
        question, f"On {where}, {'; '.join(parts)} (paired tests, 95 %).{few}{last}", [*cells, *sources]
    )


def last_doublings(gains: pd.DataFrame) -> tuple[str, list[Cell]]:
    """Return what the last doubling of compute gained: the models with the least and the most, with their intervals."""
    if gains.empty:
        return "", []
    last = gains.groupby(["model", "strategy"], sort=False).tail(1).sort_values("gain", kind="stable")
    ends = last.iloc[[0, -1]] if len(last) > 1 else last
    told = " and ".join(
        f"{100 * r.gain:+.1f} points ({100 * r.low:+.1f} to {100 * r.high:+.1f})" for r in ends.itertuples()
    )
    shown = int((last["pays"] == "yes").sum())
    cells = [
        Cell(
            "gains",
            {c: r[c] for c in ("model", "strategy", "benchmark")} | {"from_cap": whole(r["from_cap"])},
            column,
            number(r[column]),
        )
        for r in ends.to_dict("records")
        for column in ("gain", "low", "high")
    ]
    between = f" gained between {told}" if len(last) > 1 else f" gained {told}"
    return (
        f" Per doubling of compute, the last step of caps{between}; it is shown to pay for {shown} of {len(last)}.",
        cells,
    )


def hard_problems(gains: pd.DataFrame | None, benchmark: str, names: Mapping[str, str]) -> Finding:
    """Return what more reasoning gains on problems that the other models miss, and whether that is less than on easy ones.

    On the benchmark `benchmark`, or if it has too few hard problems on the one with most models.
    """
    question = "Does more reasoning reach the hard problems?"
    if gains is None:
        return Finding(question, f"{CANNOT}: published figures do not tell problems apart.")
    mine = gains[(gains["step"] == ALL) & gains["estimable"].astype(bool)]
    if mine.empty:
        reasons = gains["reason"] if len(gains) else pd.Series(["every model has one cap"])
        return Finding(question, cannot(reasons))
    counts = mine["benchmark"].value_counts(sort=False)
    where = benchmark if counts.get(benchmark, 0) == counts.max() else counts.idxmax()
    mine = mine[mine["benchmark"] == where]
    parts, cells = [], []
    for side, problems in (
        ("easy", "problems that the other models mostly solve"),
        ("hard", "those that they mostly miss"),
    ):
        ends = mine.sort_values(f"gain_{side}", kind="stable").iloc[[0, -1] if len(mine) > 1 else [0]]
        told = [
            points_of(row, f"gain_{side}", f"gain_{side}_low", f"gain_{side}_high")
            for row in ends.to_dict("records")
        ]
        between = "between " if len(told) > 1 else ""
        parts.append(f"{between}{' and '.join(told)} on {problems}")
        cells += [
            Cell(
                "difficulty_gains",
                {c: row[c] for c in ("model", "strategy", "benchmark", "step")},
                c,
                number(row[c]),
            )
            for row in ends.to_dict("records")
            for c in (f"gain_{side}", f"gain_{side}_low", f"gain_{side}_high")
        ]
    rises, less = (
        int((mine["gain_hard_low"] > 0).sum()),
        int(((mine["p_holm"] < SHOWN) & (mine["difference"] < 0)).sum()),
    )
    models = f"{len(mine)} models gain" if len(mine) > 1 else "1 model gains"
    answer = (
        f"On {names.get(where, where)}, from the smallest cap to the largest, {models} "
        f"{', and '.join(parts)}. "
        f"A gain on the hard ones is shown for {rises} of them, a smaller gain than on the easy ones for {less} (Holm)."
    )
    return Finding(question, answer, cells)
