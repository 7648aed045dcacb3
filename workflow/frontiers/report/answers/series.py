"""What the page of answers shows of one model on one benchmark: texts, cuts and verdicts."""

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd

from frontiers.core.keys import GENERATION, cap_order

LONGEST = 20_000
"""Most characters of a trace that are kept, half of them from its end."""
MOST = 1_000_000_000
"""Most characters of traces of one study that are kept."""
ANSWER = 4_000
"""Most characters of an answer that are kept, half of them from its end."""
TOLERANCE = 8
"""Characters by which the text at a cap may differ from the start of the whole trace: a cut can fall inside a character."""


def longest(traces: int) -> int:
    """Return the most characters kept of a trace in a study of so many: `LONGEST`, fewer if all would exceed `MOST`."""
    return min(LONGEST, MOST // max(1, traces))


def clipped(text: str, most: int) -> dict:
    """Return start and end of a text, and how many characters between them are left out."""
    if len(text) <= most:
        return {"start": text}
    head = most - most // 2
    return {"start": text[:head], "left_out": len(text) - most, "end": text[len(text) - most // 2 :]}


def series(
    generations: pd.DataFrame, grades: pd.DataFrame, answers: pd.DataFrame, most: int, hidden: bool = False
) -> list[dict]:
    """Return one record per problem and sample, in the order of the tables: the longest trace and what each cap made of it.

    `generations` and `grades` are the tables of these names of one model, benchmark and strategy, `answers` its rows of
    the table `answers`. A cap has the character of the trace at which it cuts (`at`), or a trace of its own where it does
    not begin like the longest one (a strategy whose traces are not nested). Of a `hidden` benchmark no text is kept but
    the answer that was read.
    """
    rows = generations.merge(grades[[*GENERATION, "extracted", "refused"]], on=GENERATION, how="left")
    rows = rows.merge(answers[[*GENERATION, "correct", "status", "flops"]], on=GENERATION, how="left")
    places = {problem: n for n, problem in enumerate(dict.fromkeys(generations["problem_id"]))}
    rows = rows.assign(order=cap_order(rows["cap"]), place=rows["problem_id"].map(places))
    rows = rows.sort_values(["place", "sample", "order"], kind="stable").to_dict("records")
    records = []
    for (problem, sample), caps in groupby(rows, key=itemgetter("problem_id", "sample")):
        unit = list(caps)
        trace = max((row["reasoning"] for row in unit), key=len)
        records.append(
            {
                "problem": problem,
                "sample": int(sample),
                "trace": None if hidden else clipped(trace, most),
                "caps": [at_cap(row, trace, most, hidden) for row in unit],
            }
        )
    return records


def shared_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    if one.startswith(other):
        return len(other)
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def at_cap(row: Mapping, trace: str, most: int, hidden: bool) -> dict:
    """Return what one cap made of a trace."""
    shared = shared_start(trace, row["reasoning"])
    nested = shared >= len(row["reasoning"]) - TOLERANCE
    tokens = int(row["reasoning_tokens"]), int(row["end_tokens"] + row["answer_tokens"])
    marks = [name for name in ("truncated", "looping", "refused") if row[name] is True or row[name] == 1]
    return {
        "cap": None if np.isinf(row["order"]) else int(row["order"]),
        "at": shared,
        **({} if nested or hidden else {"own": clipped(row["reasoning"], most)}),
        **({} if hidden else {"answer": clipped(row["answer"], ANSWER)}),
        "read": None if pd.isna(row["extracted"]) else str(row["extracted"])[:ANSWER],
        "correct": None if pd.isna(row["correct"]) else bool(row["correct"]),
        "status": None if pd.isna(row["status"]) else row["status"],
        "marks": marks,
        "ended": bool(row["ended"]),
        "tokens": tokens,
        "flops": None if pd.isna(row["flops"]) else float(f"{row['flops']:.6g}"),
    }


def questions(problems: Mapping[str, tuple[str, str]], hidden: bool = False) -> dict[str, dict]:
    """Return what the page says of each problem, from its question and reference answer; nothing of a `hidden` one."""
    return {
        name: {} if hidden else {"question": question, "gold": gold}
        for name, (question, gold) in problems.items()
    }
