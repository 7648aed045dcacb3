"""The replies of a judge, and their cost."""

import numpy as np
import pandas as pd

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import generation_flops
from frontiers.core.cli import UserError
from frontiers.core.tables import table_schema
from frontiers.grading.judge import verdict_of


def judged(asked: pd.DataFrame, replies: pd.DataFrame, architecture: Architecture) -> pd.DataFrame:
    """Return the table `judge`: asks, replies, verdicts, tokens and FLOP.

    `replies` is the table `generations` of the judge, whose problems are the asks. Rows that share an ask
    repeat its cost.
    """
    tokens = [replies[f"{name}_tokens"].to_numpy() for name in ("prompt", "reasoning", "end", "answer")]
    flops = sum(phase.total for phase in generation_flops(architecture, *tokens).values())
    of_ask = pd.DataFrame(
        {
            "ask": replies["problem_id"].to_numpy(),
            "reply": [
                a if a.strip() else r for a, r in zip(replies["answer"], replies["reasoning"], strict=True)
            ],
            "prompt_tokens": tokens[0],
            "reply_tokens": tokens[1] + tokens[2] + tokens[3],
            "finish_reason": replies["finish_reason"].to_numpy(),
            "flops": np.asarray(flops, dtype=float),
        }
    )
    table = asked.merge(of_ask, on="ask", how="left", validate="many_to_one")
    if table["reply"].isna().any():
        raise UserError(
            f"{int(table['reply'].isna().sum())} asks have no reply of the judge; delete its generations and rerun snakemake"
        )
    verdicts = pd.array([verdict_of(reply) for reply in table["reply"]], dtype="boolean")
    return table.assign(verdict=verdicts)[list(table_schema("judge")["properties"])]
