"""How often the verdicts of a log and the grades made here agree."""

import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.keys import GENERATION
from frontiers.core.tables import table_schema
from frontiers.statistics.intervals import accuracy_interval


def agreement(
    verdicts: pd.DataFrame, grades: pd.DataFrame, model: str, benchmark: str, strategy: str
) -> pd.DataFrame:
    """Return the rows of the table `agreement` for one model and benchmark, one per scorer of its logs.

    Limits are those of an accuracy (`intervals.accuracy_interval`), with as many samples per problem as the
    scorer judged. Raises `UserError` for a verdict on a completion that was not graded.
    """
    joined = verdicts.merge(
        grades[[*GENERATION, "correct"]], on=GENERATION, how="left", suffixes=("_log", "")
    )
    if joined["correct"].isna().any():
        key = joined.loc[joined["correct"].isna(), GENERATION].iloc[0].to_dict()
        raise UserError(
            f"{model}, {benchmark}: a verdict on {key}, which was not graded; delete the verdicts and rerun snakemake"
        )
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
