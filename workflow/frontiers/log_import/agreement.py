"""How often the verdicts of a log and the grades made here agree, and when they cannot be of the same answers."""

from typing import NamedTuple

import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import GENERATION
from frontiers.core.tables import table_schema
from frontiers.statistics.intervals import accuracy_interval

LOST = 0.5
"""Share of the answers right by a log that graders may find wrong; a wrong order of options makes it about 0.75."""
_SHOWN = 3


class _Lost(NamedTuple):
    """Answers that a scorer calls right and that are graded wrong here, and the share of them at least lost."""

    scorer: str
    right: int
    lost: pd.DataFrame
    least: float


def agreement(
    verdicts: pd.DataFrame, grades: pd.DataFrame, model: str, benchmark: str, strategy: str
) -> pd.DataFrame:
    """Return the rows of the table `agreement` for one model and benchmark, one per scorer of its logs.

    Limits are those of an accuracy (`intervals.accuracy_interval`), with as many samples per problem as the
    scorer judged. Raises `UserError` for a verdict on a completion that was not graded, and if by every scorer
    more right answers are lost than a difference between graders explains.
    """
    joined = verdicts.merge(
        grades[[*GENERATION, "correct", "status", "extracted"]],
        on=GENERATION,
        how="left",
        suffixes=("_log", ""),
    )
    if joined["correct"].isna().any():
        key = joined.loc[joined["correct"].isna(), GENERATION].iloc[0].to_dict()
        raise UserError(
            f"{model}, {benchmark}: a verdict on {key}, which was not graded; delete the verdicts and rerun snakemake"
        )
    _check_lost(joined, f"{model}, {benchmark}")
    rows = []
    for scorer, part in joined.groupby("scorer"):
        here, log = part["correct"].astype(bool), part["correct_log"].astype(bool)
        same = (here == log).astype(float).groupby(part["problem_id"])
        (low, high), _ = accuracy_interval(same.mean().to_numpy(), int(same.size().max()))
        rows.append(
            {
                "model": model,
                "benchmark": benchmark,
                "strategy": strategy,
                "scorer": scorer,
                "answers": len(part),
                "both_right": int((here & log).sum()),
                "only_here": int((here & ~log).sum()),
                "only_log": int((~here & log).sum()),
                "both_wrong": int((~here & ~log).sum()),
                "agreement": float((here == log).mean()),
                "low": float(low),
                "high": float(high),
            }
        )
    return pd.DataFrame(rows, columns=list(table_schema("agreement")["properties"]))


def _check_lost(joined: pd.DataFrame, subject: str) -> None:
    """Raise `UserError` if by every scorer most right answers of the log, not truncated here, are graded wrong.

    A strict scorer calls right answers wrong, never the reverse; so only answers right by the log are looked at.
    "Most" is more than `LOST` with 97.5 % confidence.
    """
    found = []
    for scorer, part in joined[joined["status"] != "truncated"].groupby("scorer"):
        right = part[part["correct_log"].astype(bool)]
        if right.empty:
            continue
        lost = right[~right["correct"].astype(bool)]
        shares = (~right["correct"].astype(bool)).astype(float).groupby(right["problem_id"])
        (least, _), _ = accuracy_interval(shares.mean().to_numpy(), int(shares.size().max()))
        found.append(_Lost(str(scorer), len(right), lost, float(least)))
    if not found or min(one.least for one in found) <= LOST:
        return
    best = min(found, key=lambda one: one.least)
    examples = "; ".join(
        f"{row.problem_id}: {row.extracted!r}" for row in best.lost.head(_SHOWN).itertuples(index=False)
    )
    raise UserError(
        f"{subject}: of {best.right:,} answers that {best.scorer!r} of the log calls right, {len(best.lost):,} are graded "
        f"wrong here ({examples}), more than a difference between graders explains: the log is of other problems, or "
        "shows other options. Correct `columns: {id: …}` of the log or the benchmark it is listed under; if the scorer "
        "does not say whether the answer is right, remove its column"
    )
