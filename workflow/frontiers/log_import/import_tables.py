"""From the entries of logs to the tables `generations` and `verdicts`."""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from frontiers.core.keys import GENERATION, cap_order
from frontiers.core.tables import table_schema
from frontiers.log_import.entry import Entry, Faults, valid
from frontiers.log_import.matching import Benchmark, Key, check_complete, keys_of, named, problems_of
from frontiers.log_import.padding import without_padding
from frontiers.log_import.parts import Parts, split
from frontiers.log_import.same_problem import gold_differs, letters_of
from frontiers.log_import.token_counts import Counter, Counts, count

BY_ID = ("openai-batch",)
"""Formats without prompts, whose ids are those of the problems."""
DEVIATION = 0.02
"""Relative difference between the counts of a log and the tokenizer's above which a note says so."""


@dataclass(frozen=True)
class Wanted:
    """What a study expects of the logs of one model and benchmark: its caps, samples, and the model's `thinking`."""

    caps: Sequence[int | None]
    samples: int
    thinking: Mapping


@dataclass(frozen=True)
class Imported:
    """The tables `generations` and `verdicts`, with facts and notes on how they were made."""

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
    """Return the tables of the entries of `logs`, which are blocks of config.yaml.

    `subject` names model and benchmark. Raises `UserError` with every fault of the records or, if there is
    none, with every missing problem, cap and sample.
    """
    by_id = {log["file"]: log["format"] in BY_ID or "id" in (log.get("columns") or {}) for log in logs}
    problems = problems_of(entries, benchmark, by_id, faults)
    stripped = [without_padding(entry, wanted.thinking) for entry in entries]
    entries = [entry for entry, _ in stripped]
    entries = [_asked(entry, name, benchmark) for entry, name in zip(entries, problems, strict=True)]
    known = [None if entry.failed else name for entry, name in zip(entries, problems, strict=True)]
    letters = letters_of(entries, known, benchmark, by_id, faults)
    keys = keys_of(entries, problems, faults)
    parts = [split(entry, wanted.thinking) for entry in entries]
    counts = count(entries, parts, wanted.thinking, counter, faults)
    faults.raise_if_any(subject)
    check_complete(keys, benchmark, wanted.caps, wanted.samples, "the logs together", faults)
    _check_answered(keys, entries, faults)
    faults.raise_if_any(subject)
    generations = pd.DataFrame(
        [_row(*item) for item in zip(keys, entries, parts, counts, letters, strict=True)],
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
    for optional in ("letters", "left_out"):
        if generations[optional].isna().all():
            generations = generations.drop(columns=optional)
    types = {"cap": "Int64", "seed": "Int64", "seconds": "Float64"}
    order = generations.assign(cap=cap_order(generations["cap"])).sort_values(GENERATION).index
    return Imported(
        generations.loc[order].astype(types).reset_index(drop=True),
        verdicts.astype({"sample": "int64", "cap": "Int64", "correct": bool}),
        _facts(counts),
        [
            *_notes_on_failures(keys, entries),
            *_notes(keys, entries, parts, counts, wanted),
            *_notes_on_tokens(parts, counts, [removed for _, removed in stripped]),
            *_notes_on_problems(keys, entries, letters, benchmark),
        ],
    )


def _check_answered(keys: Sequence[Key], entries: Sequence[Entry], faults: Faults) -> None:
    """Record as a fault a cap under which every call failed."""
    answered = {key[2] for key, entry in zip(keys, entries, strict=True) if not entry.failed}
    for cap in {key[2] for key in keys} - answered:
        fix = "Send the calls again: without an answer there is nothing to import"
        faults.add("the logs together", f"{named(cap)}: every call failed", "", fix)


def _asked(entry: Entry, problem: str | None, benchmark: Benchmark) -> Entry:
    """Return an entry without a prompt with the messages that its log's `prompt` makes of the problem."""
    if entry.template is None or problem is None or entry.prompt is not None:
        return entry
    text = entry.template.replace("{question}", benchmark.questions[problem])
    asked = text if entry.asked is None else entry.asked
    return replace(entry, asked=asked, messages=[{"role": "user", "content": text}])


def _row(key: Key, entry: Entry, part: Parts, counts: Counts, letters: str | None) -> dict:
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
        "letters": letters,
        "left_out": True if entry.failed else None,
    }


def _notes_on_failures(keys: Sequence[Key], entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a note on the calls that failed."""
    if failed := [(key, entry) for key, entry in zip(keys, entries, strict=True) if entry.failed]:
        (problem, sample, _), first = failed[0]
        yield (
            f"{len(failed):,} of {len(entries):,} calls failed and are left out (first: {problem}, sample {sample}, "
            f"{first.failed[0]}): each counts as the mean of the other samples of its problem, or of all problems"
        )


def _notes_on_tokens(
    parts: Sequence[Parts], counts: Sequence[Counts], removed: Sequence[int]
) -> Iterator[str]:
    """Yield notes on padding, hidden traces and totals that could not be divided."""
    if padded := [number for number in removed if number > 1]:
        yield (
            f"{len(padded):,} completions end in padding ({sum(padded):,} special tokens), which is neither counted nor "
            "kept; totals of the log that hold it are not used"
        )
    if hidden := [one.reasoning for part, one in zip(parts, counts, strict=True) if part.hidden]:
        yield (
            f"{len(hidden):,} completions hide their trace: its {sum(hidden):,} tokens are the log's, its text is empty"
        )
    if undivided := sum(one.undivided for one in counts):
        yield (
            f"{undivided:,} completions have only a total of tokens, and there is no tokenizer to divide it: all count as "
            "the trace"
        )


def _notes_on_problems(
    keys: Sequence[Key], entries: Sequence[Entry], letters: Sequence[str | None], benchmark: Benchmark
) -> Iterator[str]:
    """Yield notes on options in another order, and on gold answers of the log that are not the benchmark's."""
    if reordered := sum(one is not None for one in letters):
        yield (
            f"{reordered:,} completions saw the options in another order than the benchmark's; the letters of their "
            "answers are translated by the options in the log"
        )
    pairs = {key[0]: entry for key, entry in zip(keys, entries, strict=True)}
    if other := [name for name, entry in pairs.items() if gold_differs(entry, benchmark.problems[name])]:
        name = other[0]
        yield (
            f"the log has other gold answers for {len(other):,} problems (first: {name}, {pairs[name].gold[-60:]!r} for "
            f"{benchmark.problems[name].answer!r}); the benchmark's count"
        )


def _facts(counts: Sequence[Counts]) -> dict:
    """Return the sources of the counts, and the sums by the log and by the tokenizer."""
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
    """Yield notes for a reader of the study on its logs."""
    sums = _facts(counts)["output_tokens"]
    if sums and abs(sums["log"] - sums["counted"]) > DEVIATION * sums["counted"]:
        yield (
            f"the log counts {sums['log']:,} output tokens, the tokenizer {sums['counted']:,} in the texts; the log's "
            "counts are used. Check that the model is right and the log has everything it wrote"
        )
    if wanted.thinking["style"] == "markers" and not any(part.closed for part in parts):
        yield (
            f"no completion has the end marker {wanted.thinking['end']!r} or separate reasoning: whole "
            "completions count as traces. Tools drop special tokens by default; log with skip_special_tokens=False"
        )
    if inferred := sum(one.source["finish"] == "budget" for one in counts):
        yield f"{inferred:,} completions have no finish reason; those that fill their budget count as truncated"
    if longer := [one.excess for one in counts if one.excess]:
        yield (
            f"tokenised again, {len(longer):,} traces have up to {max(longer)} tokens more than their cap; they count as "
            "the cap"
        )
    texts: dict[tuple, set[str]] = {}
    for (problem, _, cap), entry in zip(keys, entries, strict=True):
        texts.setdefault((problem, cap), set()).add(f"{entry.reasoning}\0{entry.completion}")
    if wanted.samples > 1 and all(len(distinct) == 1 for distinct in texts.values()):
        yield (
            f"the {wanted.samples} samples of every problem are the same text, sampled greedily or with the same seed "
            "(lm_eval's local APIs send 1234). They carry no more information than one sample"
        )
