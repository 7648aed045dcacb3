"""Matching completions to the problems of a benchmark, and numbering their samples."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from frontiers.data.options import options_of
from frontiers.data.problems import Problem
from frontiers.log_import.entry import Entry, Faults

SHOWN = 3
"""Ids listed in a message."""

Key = tuple[str, int, int | None]
"""Problem, sample, cap: the key of the table `generations`."""


@dataclass(frozen=True)
class Benchmark:
    """The problems of a benchmark by id, and the text of each, without the benchmark's own prompt.

    `choices` has, of each choice with lettered options, the text before them and the options; `questions` the
    texts as they are.
    """

    problems: Mapping[str, Problem]
    texts: Mapping[str, str]
    choices: Mapping[str, tuple[str, list[str]]]
    questions: Mapping[str, str]

    @classmethod
    def of(cls, problems: Sequence[Problem], prompt: str = "{question}") -> "Benchmark":
        """Remove the text of `prompt` around `{question}` from every question."""
        before, _, after = prompt.partition("{question}")
        texts = {p.id: p.question.removeprefix(before).removesuffix(after) for p in problems}
        parts = {p.id: options_of(texts[p.id]) for p in problems if p.answer_type == "choice"}
        return cls(
            {p.id: p for p in problems},
            {name: squeezed(text) for name, text in texts.items()},
            {name: (squeezed(stem), options) for name, (stem, options) in parts.items() if options},
            texts,
        )


def squeezed(text: str) -> str:
    """Return `text` with every run of white space as one space."""
    return " ".join(text.split())


def problems_of(
    entries: Sequence[Entry], benchmark: Benchmark, by_id: Mapping[str, bool], faults: Faults
) -> list[str | None]:
    """Return the id of the problem that each entry answers; None, and a fault, if it is unknown.

    If `by_id` is true for an entry's file, its id is the problem's. Else the problem is the one whose text is
    in the prompt, the last one of several (the others are examples); of problems with the same text it is the
    one with the entry's id. The options of a choice may be in any order.
    """
    logged: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.id is not None and len(logged[entry.file]) < SHOWN:
            logged[entry.file].append(entry.id)
    alike, stems = defaultdict(list), defaultdict(list)
    for name, text in benchmark.texts.items():
        alike[text].append(name)
    for name, (stem, _) in benchmark.choices.items():
        stems[stem].append(name)
    known: dict[str, list[str]] = {}
    found: list[str | None] = []
    for entry in entries:
        if by_id.get(entry.file):
            found.append(entry.id if entry.id in benchmark.problems else None)
            if found[-1] is None:
                what = "an id that is not in the benchmark" if entry.id else "a record without an id"
                fix = (
                    "Correct `columns: {id: …}` of the log or the benchmark it is listed under, or take the id out of a "
                    f"longer one with `id_pattern`. Ids of the log: {', '.join(logged[entry.file])}; of the benchmark: "
                    f"{', '.join(list(benchmark.problems)[:SHOWN])}"
                )
                faults.add(entry.file, what, f"{entry.place}: {entry.id!r}", fix)
            continue
        asked = squeezed(entry.asked or "")
        if asked not in known:
            known[asked] = alike.get(asked) or _last_in(asked, alike) or _last_in(asked, stems)
        names = known[asked]
        if len(names) > 1 and entry.id in names:
            names = [entry.id]
        found.append(names[0] if len(names) == 1 else None)
        if not names:
            what = "no problem of the benchmark in the prompt" if asked else "no prompt in the log"
            fix = "Name the field of the problem's id with `columns: {id: …}` of the log"
            faults.add(entry.file, what, entry.place, fix)
        elif len(names) > 1:
            fix = "Name the field of the problem's id with `columns: {id: …}` of the log"
            faults.add(
                entry.file, f"the problems {', '.join(names[:SHOWN])} have the same text", entry.place, fix
            )
    return found


def _last_in(asked: str, alike: Mapping[str, list[str]]) -> list[str]:
    """Return the problems whose text ends last in `asked`, the longest of those that end there."""
    places = (
        (asked.rfind(text) + len(text), len(text), names) for text, names in alike.items() if text in asked
    )
    return max(places, default=(0, 0, []), key=lambda place: place[:2])[2]


def keys_of(entries: Sequence[Entry], problems: Sequence[str | None], faults: Faults) -> list[Key | None]:
    """Return the key of each entry; samples without a number are numbered in the order of the logs."""
    seen: dict[Key, str] = {}
    counts: dict[tuple[str, int | None], int] = defaultdict(int)
    keys: list[Key | None] = []
    for entry, problem in zip(entries, problems, strict=True):
        if problem is None:
            keys.append(None)
            continue
        sample = counts[problem, entry.cap] if entry.sample is None else entry.sample
        counts[problem, entry.cap] += 1
        key = (problem, sample, entry.cap)
        if key in seen:
            fix = "Name the column that distinguishes them (`sample` or `cap`), or leave out `sample` to number them"
            faults.add(entry.file, "duplicate completion of a problem, sample and cap", entry.place, fix)
        seen[key] = entry.place
        keys.append(key)
    return keys


def check_complete(
    keys: Sequence[Key | None],
    benchmark: Benchmark,
    caps: Sequence[int | None],
    samples: int,
    subject: str,
    faults: Faults,
) -> None:
    """Record as faults of `subject` problems without their `samples` under some cap, and unlisted caps."""
    counts: dict[int | None, Tally[str]] = defaultdict(Tally)
    for key in keys:
        if key is not None:
            counts[key[2]][key[0]] += 1
    for cap in [cap for cap in counts if cap not in caps]:
        fix = "Add it to `caps` of the study, or remove those records"
        faults.add(subject, f"completions under {named(cap)}", "", fix)
    for cap in caps:
        missing = [name for name in benchmark.problems if not counts[cap][name]]
        if missing:
            fix = "Run the missing problems, or use a benchmark of the problems that were run"
            what = f"{named(cap)}: {len(missing)} of {len(benchmark.problems)} problems have no completion"
            faults.add(subject, what, ", ".join(missing[:SHOWN]), fix)
        wrong = {name: n for name, n in counts[cap].items() if n != samples}
        if wrong:
            numbers = sorted(set(wrong.values()))
            alike = len(wrong) == len(benchmark.problems) and len(numbers) == 1
            fix = (
                f"Write samples: {numbers[0]} in the study"
                if alike
                else "Give every problem the same number of samples"
            )
            what = f"{named(cap)}: {len(wrong)} problems have {_listed(numbers)} completions, `samples` is {samples}"
            faults.add(subject, what, ", ".join(list(wrong)[:SHOWN]), fix)


def named(cap: int | None) -> str:
    """Return a cap as text."""
    return "uncapped" if cap is None else f"cap {cap}"


def _listed(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
