"""The error rate of a judge: its verdicts on answers that the rules read, compared with the rules."""

import pandas as pd

from frontiers.core.tables import table_schema
from frontiers.grading.judge import CHECK, DECIDE
from frontiers.statistics.intervals import WILSON, wilson

ALL = "all"
PLACE = ["model", "benchmark", "strategy"]


def errors(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `judge_error` from the tables `judge` of a study, with the columns of `PLACE` added.

    One row per model, benchmark and strategy, and one for all. Every ask counts once; the limits are Wilson's,
    over the asks with a verdict.
    """
    rows = [_row(dict(zip(PLACE, key, strict=True)), part) for key, part in judged.groupby(PLACE)]
    return pd.DataFrame(
        [*rows, _row(dict.fromkeys(PLACE, ALL), judged)],
        columns=list(table_schema("judge_error")["properties"]),
    )


def _row(place: dict, part: pd.DataFrame) -> dict:
    """Return the row of the asks of one place."""
    checks = part[part["purpose"] == CHECK].drop_duplicates("ask")
    answered = checks[checks["verdict"].notna()]
    verdict, rule = answered["verdict"].astype(bool), answered["rule_correct"].astype(bool)
    wrong = int((verdict != rule).sum())
    rate = wrong / len(answered) if len(answered) else None
    low, high = wilson(rate, len(answered)) if len(answered) else (None, None)
    decide = part[part["purpose"] == DECIDE]
    once = part.drop_duplicates("ask")
    return {
        **place,
        "checks": len(checks),
        "no_verdict": len(checks) - len(answered),
        "false_right": int((verdict & ~rule).sum()),
        "false_wrong": int((~verdict & rule).sum()),
        "error_rate": rate,
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
        "interval": WILSON if len(answered) else None,
        "unread": len(decide),
        "decided": int(decide["verdict"].notna().sum()),
        "decided_right": int(decide["verdict"].fillna(False).sum()),
        "asks": len(once),
        "tokens": int(once["prompt_tokens"].sum() + once["reply_tokens"].sum()),
        "flops": float(once["flops"].sum()),
    }
