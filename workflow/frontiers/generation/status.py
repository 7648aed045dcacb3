"""The progress of a study's generation, according to its journals and tables."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from frontiers.generation import shards
from frontiers.generation.journal import Tally, last_tally
from frontiers.generation.scheduler import duration

HEAD = ("model", "benchmark", "done", "of", "", "tokens/s", "left", "GPU hours", "last request")


@dataclass(frozen=True)
class State:
    """One model on one benchmark: whether its table is up to date, problems × samples, progress according to the journal."""

    model: str
    benchmark: str
    finished: bool
    wanted: int
    tally: Tally | None
    age: float | None  # seconds since the last request was journalled

    @property
    def done(self) -> int:
        """Problems × samples that have all their answers."""
        return self.wanted if self.finished else min(self.tally.done, self.wanted) if self.tally else 0


def state(
    model: str, benchmark: str, strategy: str, wanted: int, table: Path, journals: Path, now: float
) -> State:
    """Return the state of one model on one benchmark, from the newest of its journals.

    `journals` is the folder of all journals, `now` the time in seconds since 1970.
    """
    names = (f"*/{benchmark}.{strategy}.jsonl", f"*/{benchmark}.{strategy}.*of*.jsonl")
    found = sorted(
        (path for name in names for path in (journals / model).glob(name)),
        key=lambda path: path.stat().st_mtime,
    )
    tally = summed([t for path in shards.latest(found) if (t := last_tally(path))])
    written = found[-1].stat().st_mtime if tally else None
    # A journal younger than the table belongs to a job that is making the next one, with another cap for instance.
    finished = table.exists() and (written is None or written <= table.stat().st_mtime)
    return State(model, benchmark, finished, wanted, tally, None if written is None else now - written)


def summed(tallies: Sequence[Tally]) -> Tally | None:
    """Return the sum of the tallies of a benchmark's shards, whose `seconds` run in parallel; None without any."""
    if not tallies:
        return None
    total = Tally(*(sum(getattr(tally, name) for tally in tallies) for name in Tally.__dataclass_fields__))
    return replace(total, seconds=max(tally.seconds for tally in tallies))


def states(study: str, wanted: Mapping[tuple[str, str, str], int], results: Path) -> list[State]:
    """Return the states of a study; `wanted` gives problems × samples by (model, benchmark, strategy)."""
    now = time.time()
    return [
        state(
            model,
            benchmark,
            strategy,
            number,
            results / study / f"generations/{model}/{benchmark}.{strategy}.parquet",
            results / "journal",
            now,
        )
        for (model, benchmark, strategy), number in wanted.items()
    ]


def lines(found: Sequence[State]) -> list[str]:
    """Return the states as an aligned table with a line for all of them."""
    rows = [HEAD, *(row(one) for one in found), total(found)]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(HEAD))]
    aligned = []
    for cells in rows:
        left = [cell.ljust(width) for cell, width in zip(cells[:2], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
        aligned.append("  ".join(left + right).rstrip())
    return aligned


def row(one: State) -> tuple[str, ...]:
    """Return the cells of one state; unknown values are empty."""
    tally = one.tally or Tally()
    at_work = one.tally is not None and one.done < one.wanted
    return (
        one.model,
        one.benchmark,
        f"{one.done:,}",
        f"{one.wanted:,}",
        share(one.done, one.wanted),
        f"{tally.tokens_per_second:,.0f}" if tally.tokens_per_second else "",
        duration(tally.seconds_left) if at_work and tally.seconds_left is not None else "",
        f"{tally.gpu_seconds / 3600:.2f}" if tally.gpu_seconds else "",
        f"{duration(one.age)} ago" if at_work else "",
    )


def total(found: Sequence[State]) -> tuple[str, ...]:
    """Return the cells of the last line, the sums."""
    done, wanted = sum(one.done for one in found), sum(one.wanted for one in found)
    hours = sum(one.tally.gpu_seconds for one in found if one.tally) / 3600
    return (
        "all",
        "",
        f"{done:,}",
        f"{wanted:,}",
        share(done, wanted),
        "",
        "",
        f"{hours:.2f}" if hours else "",
        "",
    )


def share(done: int, wanted: int) -> str:
    """Return a share in per cent, rounded down, so that 100 means all."""
    return f"{100 * done // wanted} %"
