"""Whether the text, the options and the gold answer in a log are those of the problem that it was matched to."""

import re
from collections.abc import Mapping, Sequence

from frontiers.data.options import LETTERS, options_of
from frontiers.data.problems import Problem
from frontiers.grading.equivalence import settle
from frontiers.log_import.entry import Entry, Faults
from frontiers.log_import.matching import Benchmark, squeezed

SHARED = 0.8
"""Share of the different words of a problem that the prompt of a record with its id must have."""


def letters_of(
    entries: Sequence[Entry],
    problems: Sequence[str | None],
    benchmark: Benchmark,
    by_id: Mapping[str, bool],
    faults: Faults,
) -> list[str | None]:
    """Return the benchmark's letters of the options that each entry shows as A, B, C …; None if they are the same.

    A fault is an id whose problem has another text than the log, options that are not the problem's, and a gold
    answer of the log that is not the benchmark's: of a choice, and of every record matched by its id.
    """
    found: list[str | None] = []
    for entry, name in zip(entries, problems, strict=True):
        letters = None
        if name is not None:
            if by_id.get(entry.file):
                _check_text(entry, name, benchmark, faults)
            if name in benchmark.choices:
                letters = _letters(entry, name, benchmark, faults)
            elif by_id.get(entry.file) and gold_differs(entry, benchmark.problems[name]):
                _wrong_gold(entry, name, benchmark.problems[name].answer, faults)
        found.append(letters)
    return found


def gold_differs(entry: Entry, problem: Problem) -> bool:
    """Return whether the log has another gold answer than the benchmark, as far as that needs no algebra.

    Not for choices: their letters depend on the order of the options.
    """
    if entry.gold is None or problem.answer_type == "choice":
        return False
    return settle(entry.gold, problem.answer, problem.answer_type) is False


def _check_text(entry: Entry, name: str, benchmark: Benchmark, faults: Faults) -> None:
    """Record as a fault a prompt without the words of the problem that its id names."""
    text = benchmark.choices[name][0] if name in benchmark.choices else benchmark.texts[name]
    words = set(re.findall(r"\w+", text.casefold()))
    if entry.asked is None or len(words & set(re.findall(r"\w+", entry.asked.casefold()))) >= SHARED * len(
        words
    ):
        return
    what = "an id whose problem has another text in the benchmark"
    fix = "Correct `columns: {id: …}` of the log, or the benchmark it is listed under; without `id` the text decides"
    faults.add(entry.file, what, f"{entry.place}: {name}", fix)


def _letters(entry: Entry, name: str, benchmark: Benchmark, faults: Faults) -> str | None:
    """Return what `letters_of` returns, for a choice."""
    _, expected = benchmark.choices[name]
    shown = list(entry.options or options_of(entry.asked or "")[1])
    same = not shown and benchmark.texts[name] in squeezed(entry.asked or "")
    order = list(range(len(expected))) if same else _order(shown, expected)
    if order is None:
        what = "options that are not the problem's" if shown else "a choice without its options in the log"
        fix = (
            "Give the log with its prompts, or list it under the benchmark it is of: without the options of the log "
            "its letters have no meaning"
        )
        faults.add(entry.file, what, f"{entry.place}: {name}", fix)
        return None
    letters = "".join(LETTERS[place] for place in order)
    gold = benchmark.problems[name].answer
    meant = None if entry.gold is None else _meant(entry.gold, shown or expected)
    if meant is not None and letters[meant : meant + 1] != gold:
        _wrong_gold(entry, name, gold, faults)
        return None
    return None if letters == LETTERS[: len(letters)] else letters


def _order(shown: Sequence[str], expected: Sequence[str]) -> list[int] | None:
    """Return the place in `expected` of each option `shown`; None unless they are the same options.

    The last option shown may go on with the rest of the prompt.
    """
    if len(shown) != len(expected):
        return None
    left, order = {place: _plain(text) for place, text in enumerate(expected)}, []
    for number, text in enumerate(map(_plain, shown), start=1):
        last = number == len(shown)
        place = next((p for p, t in left.items() if text == t or (last and text.startswith(t))), None)
        if place is None:
            return None
        order.append(place)
        del left[place]
    return order


def _plain(text: str) -> str:
    """Return an option without what tools change in it: white space, and the "[title]" that lm_eval removes."""
    return "".join(text.replace("[title]", ".").split())


def _meant(gold: str, shown: Sequence[str]) -> int | None:
    """Return the place of the option that the log's gold answer names: a letter, a number from 0, or its text."""
    if letter := re.fullmatch(r"\(?([A-J])\)?\.?", gold.strip()):
        return LETTERS.index(letter[1])
    if (plain := _plain(gold)) in (texts := [_plain(text) for text in shown]):
        return texts.index(plain)
    return int(gold) if re.fullmatch("[0-9]", gold.strip()) else None


def _wrong_gold(entry: Entry, name: str, gold: str, faults: Faults) -> None:
    """Record as a fault a gold answer of the log that is not the benchmark's."""
    what = "a gold answer that is not the benchmark's"
    fix = "Correct `columns: {id: …}` of the log, or list it under the benchmark it is of"
    faults.add(entry.file, what, f"{entry.place}: {entry.gold[-60:]!r}, {name} has {gold!r}", fix)
