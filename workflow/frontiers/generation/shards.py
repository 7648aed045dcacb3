"""Shards: the problems of every benchmark divided among jobs, and their tables merged again.

A shard is named `2of4`; the empty name is the whole. Seeds depend on problem and sample alone, so rows do not
depend on which job decoded them.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.single_writer import PATIENCE
from frontiers.generation.journal import Journal

T = TypeVar("T")

SUMS = ("wall_seconds", "engine_seconds", "decoded_requests", "journalled_requests", "decoded_tokens")
COUNTS = ("truncated", "looping")
MEASURES = ("measured", "begun", "peak_memory_bytes", "engine_start_seconds")


def problems_of(problems: Sequence[T], shard: str) -> Sequence[T]:
    """Return the problems of a shard: every n-th one, so that all shards have the same mix."""
    if not shard:
        return problems
    number, count = map(int, shard.split("of"))
    return problems[number - 1 :: count]


def division(path: Path) -> str:
    """Return the number of shards in the name of a journal, `` for the journal of an undivided job."""
    found = re.search(r"\.\d+of(\d+)\.jsonl$", path.name)
    return found[1] if found else ""


def latest(journals: Sequence[Path]) -> list[Path]:
    """Return the newest of journals sorted by time, with the other shards of its division."""
    return [
        path
        for path in journals
        if path.parent == journals[-1].parent and division(path) == division(journals[-1])
    ]


def open_journal(folder: Path, name: str, shard: str) -> Journal:
    """Return the journal of a shard of `name`, locked for writing, with the entries of other divisions.

    So a change of the number of shards half way decodes nothing again.
    """
    own = Journal(folder / f"{name}{'.' if shard else ''}{shard}.jsonl", PATIENCE)
    for path in sorted([*folder.glob(f"{name}.jsonl"), *folder.glob(f"{name}.*of*.jsonl")]):
        if division(path) != division(own.path):
            own.entries = Journal(path).entries | own.entries
    return own


def merged(tables: Sequence[pd.DataFrame], order: Sequence[str], where: str) -> pd.DataFrame:
    """Return the tables of all shards as the one that a single job writes: by problem, in `order`.

    Raises `UserError` unless every problem is in exactly one of them.
    """
    places = {problem: place for place, problem in enumerate(order)}
    found = Counter(problem for table in tables for problem in table["problem_id"].unique())
    if set(found) != set(places) or max(found.values()) > 1:
        odd = sorted({*places} ^ {*found}) or [problem for problem, times in found.items() if times > 1]
        raise UserError(
            f"{where}: the shards do not make up the benchmark: {len(odd)} problems are missing or in two shards "
            f"({', '.join(odd[:3])}). Delete the folders of the shards and rerun the command"
        )
    whole = pd.concat(tables, ignore_index=True)
    return whole.iloc[whole["problem_id"].map(places).argsort(kind="stable")].reset_index(drop=True)


def merged_provenance(provenances: Sequence[Mapping]) -> dict:
    """Return the provenance of all shards as one: costs are summed, measurements are listed by shard."""
    if len(provenances) == 1:
        return dict(provenances[0])
    joules = [one["energy_joules"] for one in provenances]
    sums = {key: sum(one[key] for one in provenances) for key in (*SUMS, *COUNTS)}
    return {
        **provenances[0],
        **sums,
        "begun": min(one["begun"] for one in provenances),
        "tokens_per_second": sums["decoded_tokens"] / sums["engine_seconds"]
        if sums["engine_seconds"]
        else None,
        "energy_joules": None if None in joules else sum(joules),
        "finish_reasons": dict(sum((Counter(one["finish_reasons"]) for one in provenances), Counter())),
        "shards": [{key: one[key] for key in MEASURES if key in one} for one in provenances],
    }
