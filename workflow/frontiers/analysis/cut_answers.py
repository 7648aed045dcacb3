"""What uncapped answers would have scored had they been cut at a number of tokens, beside answers that were forced.

No decoding is needed: an answer that was right within c tokens would have been right, any other wrong, as none is forced.
This is the estimand of recorded runs (`recorded_points`). A forced answer is another one: its trace is cut at
the cap, and an answer is decoded after it. So at one cap the forced answer has spent a few tokens more.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from frontiers.core.keys import LEFT_OUT
from frontiers.core.tables import frame_of
from frontiers.statistics import intervals, paired

CURVE = ["model", "strategy", "benchmark"]
NOT_ONE_CHAIN = ("combined", LEFT_OUT)
"""Status of answers that are no single text."""


def fit(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the table `cut`: a row per model, strategy, benchmark and positive cap of which uncapped answers are known."""
    whole = answers[~answers["status"].isin(NOT_ONE_CHAIN)]
    whole = whole.assign(tokens=whole[["reasoning_tokens", "answer_tokens"]].astype(float).sum(axis=1))
    rows = []
    for key, curve in whole.groupby(CURVE, sort=False):
        uncapped = curve[curve["cap"].isna()]
        if len(uncapped) and uncapped["tokens"].notna().all():
            names = dict(zip(CURVE, key, strict=True))
            rows += [names | row for row in _of_curve(uncapped, curve[curve["cap"] > 0])]
    return frame_of(rows, "cut")


def _of_curve(uncapped: pd.DataFrame, capped: pd.DataFrame) -> Iterator[dict]:
    """Yield the caps of one model, strategy and benchmark in ascending order."""
    tokens, right = _grid(uncapped, "tokens"), _grid(uncapped, "correct")
    for cap, part in capped.groupby("cap", sort=True):
        found = np.where(tokens <= cap, right, 0.0)
        forced = _grid(part, "correct")
        (low, high), method = intervals.accuracy_interval(found.mean(axis=1), found.shape[1])
        apart = paired.compare(forced, found)
        yield {
            "cap": int(cap),
            "problems": len(found),
            "samples": found.shape[1],
            "accuracy": float(found.mean()),
            "accuracy_low": float(low),
            "accuracy_high": float(high),
            "interval": method,
            "finished": float((tokens <= cap).mean()),
            "tokens": float(np.minimum(tokens, cap).mean()),
            "forced_accuracy": float(forced.mean()),
            "forced_tokens": float(_grid(part, "tokens").mean()),
            "difference": apart.estimate,
            "difference_low": apart.low,
            "difference_high": apart.high,
            "difference_interval": apart.interval,
        }


def _grid(answers: pd.DataFrame, column: str) -> np.ndarray:
    """Return the values of a column, (problems, samples), both in order."""
    table = answers.pivot(index="problem_id", columns="sample", values=column)
    return table.to_numpy(float)
