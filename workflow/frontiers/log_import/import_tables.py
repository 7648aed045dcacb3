"""Other people's logs as a study: from the entries of logs to the tables `generations` and `verdicts`."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from frontiers.core.keys import cap_order
from frontiers.core.tables import table_schema
from frontiers.log_import.entry import Entry, Faults, valid
from frontiers.log_import.matching import Benchmark, Key, check_complete, keys_of, problems_of
from frontiers.log_import.token_counts import Counter, Counts, Parts, count, told_apart

DEVIATION = 0.02
"""From this share on, counts of a log that differ from the tokenizer's are told of."""


@dataclass(frozen=True)
class Wanted:
    """What a study wants of the logs of one model and benchmark: its caps, samples, and the model's `thinking`."""

    caps: Sequence[int | None]
    samples: int
    thinking: Mapping


@dataclass(frozen=True)
class Imported:
    """The tables `generations` and `verdicts`, and what is to be known of how they came about."""

    generations: pd.DataFrame
    verdicts: pd.DataFrame
    facts: dict
    notes: list[str]


def import_entries(
    entries: Sequence[Entry],
    logs: Sequence[Mapping],
    benchmark: Benchmark,
    wanted: Wanted,
    counter: Counter,
    faults: Faults,
    subject: str,
) -> Imported:
    """Return the tables of the entries of `logs`, which are their blocks of config.yaml.

    `subject` names model and benchmark. Raises `UserError` with every fault of the records; where there is
    none, with every problem, cap and sample that is lacking.
    """
    by_id = {log["file"]: "id" in (log.get("columns") or {}) for log in logs}
    budgets = {log["file"]: log.get("max_tokens") for log in logs}
    problems = problems_of(entries, benchmark, by_id, faults)
    keys = keys_of(entries, problems, faults)
    parts = [told_apart(entry, wanted.thinking) for entry in entries]
    counts = count(entries, parts, wanted.thinking, counter, budgets, faults)
    faults.raise_if_any(subject)
    check_complete(keys, benchmark, wanted.caps, wanted.samples, "the logs together", faults)
    faults.raise_if_any(subject)
    generations = pd.DataFrame(
        [_row(*item) for item in zip(keys, entries, parts, counts, strict=True)],
        columns=list(table_schema("generations")["properties"]),
    )
    verdicts = pd.DataFrame(
        [
            (*key, scorer, right)
            for key, entry in zip(keys, entries, strict=True)
            for scorer, right in sorted(entry.verdicts.items())
        ],
        columns=list(table_schema("verdicts")["properties"]),
    )
    types = {"cap": "Int64", "seed": "Int64", "seconds": "Float64"}
    order = (
        generations.assign(cap=cap_order(generations["cap"]))
        .sort_values(["problem_id", "sample", "cap"])
        .index
    )
    return Imported(
        generations.loc[order].astype(types).reset_index(drop=True),
        verdicts.astype({"sample": "int64", "cap": "Int64", "correct": bool}),
        _facts(counts),
        list(_notes(keys, entries, parts, counts, wanted)),
    )


def _row(key: Key, entry: Entry, part: Parts, counts: Counts) -> dict:
    """Return a row of the table `generations`."""
    problem, sample, cap = key
    stopped = counts.finish_reason == "stop"
    within = cap is None or counts.reasoning < cap
    return {
        "problem_id": problem,
        "sample": sample,
        "cap": cap,
        "seed": entry.seed,
        "prompt_tokens": counts.prompt,
        "reasoning_tokens": counts.reasoning,
        "end_tokens": counts.end,
        "answer_tokens": counts.answer,
        "ended": within and (part.closed or stopped),
        "finish_reason": counts.finish_reason,
        "truncated": not stopped,
        "looping": counts.looping,
        "reasoning": valid(part.reasoning),
        "answer": valid(part.answer),
        "seconds": entry.seconds,
    }


def _facts(counts: Sequence[Counts]) -> dict:
    """Return where the counts come from, and how the log's agree with the tokenizer's."""
    both = [one.both for one in counts if one.both]
    sources = {
        name: dict(Tally(one.source[name] for one in counts)) for name in ("prompt", "output", "finish")
    }
    sums = {"log": sum(b[0] for b in both), "counted": sum(b[1] for b in both)} if both else None
    return {"sources": sources, "output_tokens": sums}


def _notes(
    keys: Sequence[Key],
    entries: Sequence[Entry],
    parts: Sequence[Parts],
    counts: Sequence[Counts],
    wanted: Wanted,
):
    """Yield what a reader of the study should know of its logs, in sentences."""
    sums = _facts(counts)["output_tokens"]
    if sums and abs(sums["log"] - sums["counted"]) > DEVIATION * sums["counted"]:
        yield (
            f"the log counts {sums['log']:,} output tokens, the tokenizer {sums['counted']:,} in the texts; the log's hold. "
            "Is it the right model, and does the log keep all the model wrote?"
        )
    if wanted.thinking["style"] == "markers" and not any(part.closed for part in parts):
        yield (
            f"no completion holds the end marker {wanted.thinking['end']!r} or has its reasoning apart: whole "
            "completions are taken as traces. Tools drop special tokens unless told not to (skip_special_tokens=False)"
        )
    if inferred := sum(one.source["finish"] == "budget" for one in counts):
        yield f"{inferred:,} completions do not say how they ended; those that fill their budget are taken as cut off"
    texts: dict[tuple, set[str]] = {}
    for (problem, _, cap), entry in zip(keys, entries, strict=True):
        texts.setdefault((problem, cap), set()).add(f"{entry.reasoning}\0{entry.completion}")
    if wanted.samples > 1 and all(len(distinct) == 1 for distinct in texts.values()):
        yield (
            f"the {wanted.samples} samples of every problem are one and the same text: drawn greedily, or each time with "
            "the same seed (lm_eval's local APIs send 1234)? They tell no more than one sample does"
        )
