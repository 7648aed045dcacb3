"""Shards: the problems of every benchmark divided among jobs, and their tables put together again.

A shard is named `2of4`, all of it ``. Seeds depend on problem and sample alone, so that it makes no difference
to any row which job has decoded it.
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


def part_of(problems: Sequence[T], shard: str) -> Sequence[T]:
    """Return the problems of a shard: every n-th one, so that all shards have the same mix."""
    if not shard:
        return problems
    number, count = map(int, shard.split("of"))
    return problems[number - 1 :: count]


def division(path: Path) -> str:
    """Return into how many shards the work was divided that the journal at `path` is part of, `` for none."""
    found = re.search(r"\.\d+of(\d+)\.jsonl$", path.name)
    return found[1] if found else ""


def beside(journals: Sequence[Path]) -> list[Path]:
    """Return, of journals in the order of their times, the newest and the other shards of its division."""
    return [
        path
        for path in journals
        if path.parent == journals[-1].parent and division(path) == division(journals[-1])
    ]


def journal(folder: Path, name: str, shard: str) -> Journal:
    """Return the journal of a shard of `name`, held for writing, with what journals of another division hold.

    So a study whose number of shards is changed half way decodes nothing again.
    """
    own = Journal(folder / f"{name}{'.' if shard else ''}{shard}.jsonl", PATIENCE)
    for path in sorted([*folder.glob(f"{name}.jsonl"), *folder.glob(f"{name}.*of*.jsonl")]):
        if division(path) != division(own.path):
            own.entries = Journal(path).entries | own.entries
    return own


def merged(tables: Sequence[pd.DataFrame], order: Sequence[str], where: str) -> pd.DataFrame:
    """Return the tables `generations` of all shards as the one that a single job writes: by problem, in `order`.

    Raises `UserError` unless every problem stands in one of them.
    """
    places = {problem: place for place, problem in enumerate(order)}
    found = Counter(problem for table in tables for problem in table["problem_id"].unique())
    if set(found) != set(places) or max(found.values()) > 1:
        odd = sorted({*places} ^ {*found}) or [problem for problem, times in found.items() if times > 1]
        raise UserError(
            f"{where}: the shards do not make up the benchmark: {len(odd)} problems lack or stand in two of them "
            f"({', '.join(odd[:3])}). Delete the folders of the shards and run again"
        )
    whole = pd.concat(tables, ignore_index=True)
    return whole.iloc[whole["problem_id"].map(places).argsort(kind="stable")].reset_index(drop=True)


def merged_provenance(parts: Sequence[Mapping]) -> dict:
    """Return the provenance of all shards as one: what they took is summed, what was measured is listed."""
    if len(parts) == 1:
        return dict(parts[0])
    joules = [part["energy_joules"] for part in parts]
    sums = {key: sum(part[key] for part in parts) for key in (*SUMS, *COUNTS)}
    return {
        **parts[0],
        **sums,
        "begun": min(part["begun"] for part in parts),
        "tokens_per_second": sums["decoded_tokens"] / sums["engine_seconds"]
        if sums["engine_seconds"]
        else None,
        "energy_joules": None if None in joules else sum(joules),
        "finish_reasons": dict(sum((Counter(part["finish_reasons"]) for part in parts), Counter())),
        "shards": [{key: part[key] for key in MEASURES if key in part} for part in parts],
    }
