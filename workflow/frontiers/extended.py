"""What passes through the model for an extended trace: texts put in are fed at once, the rest is drawn."""

from collections.abc import Iterator, Sequence

import pandas as pd

from frontiers.generation import Row


def passes(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows of the table `passes`, as if each cap had been run alone."""
    units = [unit for row in rows for unit in _units(row)]
    return pd.DataFrame(units).astype({"cap": "Int64", "reward": "Float64"})


def _units(row: Row) -> Iterator[dict]:
    """Yield the prompt, each stretch of the trace as far as the cap keeps it, and the answer."""
    shared = {
        "problem_id": row.problem_id,
        "sample": row.sample,
        "cap": row.cap,
        "role": "policy",
        "reward": None,
    }

    def unit(phase: str, node: str, parent: str | None, past: int, feed: int, draw: int, fate: str) -> dict:
        counts = {"past_tokens": past, "prefill_tokens": feed, "decoded_tokens": draw}
        return {**shared, "phase": phase, "node": node, "parent": parent, **counts, "fate": fate}

    fed, parent = row.prompt_tokens - 1, "root"
    yield unit("prefill", "root", None, 0, fed, 0, "prompt")
    left, length = row.kept, row.prompt_tokens
    for number, stretch in enumerate(row.stretches):
        put = min(stretch.put, left)
        own = min(stretch.written, left - put)
        whole = put + own == stretch.put + stretch.written
        drawn = own + (whole and stretch.ended)
        length, left = length + put, left - put - own
        if drawn:  # a text that the cap cuts is fed with what follows it
            yield unit("reasoning", str(number), parent, fed, length - fed, drawn, "kept")
            fed, parent = length + drawn - 1, str(number)
        length += own
        if not left:
            break
    if row.answer is not None:
        length += row.end_tokens
        yield unit("answer", "answer", parent, fed, length - fed, row.answer.decoded, "kept")
