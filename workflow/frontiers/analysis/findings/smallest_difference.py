"""How small a difference the study can tell."""

import pandas as pd

from frontiers.analysis.findings.finding import CANNOT, SHOWN, Cell, Finding, number, percent


def told_apart(
    differences: pd.DataFrame | None, seeds: pd.DataFrame | None, benchmark: str, where: str
) -> Finding:
    """Return how many models differ, how small a difference such a study shows, and what another seed would do."""
    question = "How small a difference can be told?"
    if differences is None:
        return Finding(
            question, f"{CANNOT}: published figures are of separate runs, not compared problem by problem."
        )
    mine = differences[(differences["benchmark"] == benchmark) & (differences["family"] == "models")]
    known = mine[mine["detectable"].notna()].sort_values("detectable", kind="stable")
    if known.empty:
        return Finding(question, f"{CANNOT}: no two models answered the same problems.")
    shown, ends = int((mine["p_holm"] < SHOWN).sum()), known.iloc[[0, -1]].to_dict("records")
    key = ["benchmark", *(f"{name}_{side}" for side in "ab" for name in ("model", "strategy", "cap"))]
    cells = [
        Cell(
            "differences",
            {c: None if pd.isna(row[c]) else row[c] for c in key},
            "detectable",
            row["detectable"],
        )
        for row in ends
    ]
    least, most = (percent(row["detectable"]) for row in ends)
    span = least if least == most else f"{least} to {most}"
    answer = (
        f"On {where}, {shown} of {len(mine)} pairs of models differ at their largest caps (paired tests, Holm, 5 %). "
        f"With {int(mine['problems'].min())} problems and as much disagreement as here, one test has 80 % power for a "
        f"difference of {span} points, by pair; a smaller one may be there and not be shown."
    )
    reseeded, sources = another_seed(seeds)
    return Finding(question, f"{answer}{reseeded}", [*cells, *sources])


def another_seed(seeds: pd.DataFrame | None) -> tuple[str, list[Cell]]:
    """Return how far another seed moves an accuracy on the same problems: least and most over models and benchmarks."""
    known = seeds[seeds["estimable"].astype(bool)] if seeds is not None else None
    if known is None or known.empty:
        return " With one sample per problem, what another seed would do is not known.", []
    ends = (
        known.sort_values("spread", kind="stable").iloc[[0, -1] if len(known) > 1 else [0]].to_dict("records")
    )
    told = " to ".join(f"{percent(r['spread'])} ({percent(r['low'])} to {percent(r['high'])})" for r in ends)
    cells = [
        Cell("seeds", {k: row[k] for k in ("model", "strategy", "benchmark")}, c, number(row[c]))
        for row in ends
        for c in ("spread", "low", "high")
    ]
    return (
        f" On the same problems another seed moves the accuracy of one run by {told} points (standard deviation, "
        f"{len(known)} of {len(seeds)} models and benchmarks with several samples).",
        cells,
    )
