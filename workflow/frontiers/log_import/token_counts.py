"""Splitting a completion into trace and answer, and counting the tokens of each.

Counts of the log are used; missing ones are counted with the model's tokenizer. A
text that is tokenised again may differ by a few tokens from what the model wrote.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from frontiers.generation.looping import loops
from frontiers.log_import.entry import Entry, Faults

BATCH = 512
"""Texts tokenised at a time."""
CLOSE = 0.99
"""Share of its budget from which a completion without a finish reason counts as truncated."""

RETOKENISED = 0.02
"""Share of its cap by which a trace may exceed it, and two tokens in any case, when its text is tokenised again."""

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Token ids of texts, without special tokens that the tokenizer adds."""


@dataclass(frozen=True)
class Parts:
    """A completion in parts: `closed` if a marker ended its trace, `opening` the start marker it wrote."""

    reasoning: str
    answer: str
    closed: bool
    opening: str = ""


@dataclass(frozen=True)
class Counts:
    """Tokens of a generation, its finish reason, whether it loops, and the `source` of each: log, counted or budget."""

    prompt: int
    reasoning: int
    end: int
    answer: int
    finish_reason: str
    looping: bool
    source: Mapping[str, str]
    both: tuple[int, int] | None = None
    """Output tokens by the log and by the tokenizer, if both are known."""
    excess: int = 0
    """Tokens beyond the cap that the trace has when its text is tokenised again; they are not counted."""


def split(entry: Entry, thinking: Mapping) -> Parts:
    """Return trace and answer of a completion, by the `thinking` block of its model.

    In the prompt style the whole completion is the trace. With markers the trace ends at the first end marker;
    without one, the whole completion is the trace, as in generation when a model never closes it. Reasoning
    that the log stores separately is the trace, closed if an answer follows.
    """
    if entry.reasoning is not None:
        return Parts(entry.reasoning, entry.completion, bool(entry.completion.strip()))
    if thinking["style"] == "prompt":
        return Parts(entry.completion, "", False)
    text, start = entry.completion, thinking["start"]
    opening = ""
    if text.lstrip().startswith(start):
        opening, text = start, text.lstrip()[len(start) :]
    reasoning, end, answer = text.partition(thinking["end"])
    return Parts(reasoning, answer, bool(end), opening)


class Counter:
    """Counts tokens; `encode` is None if there is no tokenizer, `missing` then says why and how to get it."""

    def __init__(self, encode: Encode | None, missing: str = "", render: Callable | None = None):
        self.encode = encode
        self.missing = missing
        self.render = render
        """Token ids of messages rendered by the model's chat template."""

    def __call__(self, texts: Sequence[str]) -> list[list[int]] | None:
        """Return the token ids of texts, None without a tokenizer; equal texts are encoded once."""
        if self.encode is None:
            return None
        known = dict.fromkeys(texts)
        distinct = list(known)
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            known.update(zip(batch, self.encode(batch), strict=True))
        return [known[text] for text in texts]


def count(
    entries: Sequence[Entry],
    parts: Sequence[Parts],
    thinking: Mapping,
    counter: Counter,
    budgets: Mapping[str, int | None],
    faults: Faults,
) -> list[Counts | None]:
    """Return the counts of each entry; None, with a fault, if they are unknown.

    `budgets` are the `max_tokens` of the logs in config.yaml, by file; a record's own budget takes precedence.
    """
    texts = [(p.opening + p.reasoning, p.answer) for p in parts]
    ids = counter([text for pair in texts for text in pair])
    marker = counter([thinking.get("end") or ""])
    found = []
    for i, (entry, part) in enumerate(zip(entries, parts, strict=True)):
        end = entry.end_tokens
        if end is None:
            end = (len(marker[0]) if marker else 1) if part.closed else 0
        pair = (ids[2 * i], ids[2 * i + 1]) if ids else None
        budget = entry.budget or budgets.get(entry.file)
        found.append(_count(entry, part, pair, end, counter, budget, faults))
    return found


def _count(
    entry: Entry,
    part: Parts,
    ids: tuple[list[int], list[int]] | None,
    end: int,
    counter: Counter,
    budget: int | None,
    faults: Faults,
) -> Counts | None:
    """Return the counts of one entry; `ids` are those of its trace and answer, `end` tokens of an end marker."""
    prompt = _prompt(entry, counter, faults)
    counted = sum(map(len, ids)) + end if ids else None
    finish = _finish(entry, counted, budget, counter, faults)
    if prompt is None or finish is None:
        return None
    stop = int(finish == "stop")
    reasoning, answer = _divided(entry, part, ids, end, stop)
    if reasoning is None or answer is None:
        fix = (
            f"Give `reasoning_tokens` and `answer_tokens`, or make the tokenizer available: {counter.missing}"
        )
        faults.add(
            entry.file,
            "tokens of trace and answer are not in the log, and there is no tokenizer",
            entry.place,
            fix,
        )
        return None
    retokenised = entry.reasoning_tokens is None and entry.output_tokens is None
    excess = 0 if entry.cap is None else reasoning - entry.cap
    allowed = max(2, (entry.cap or 0) * RETOKENISED) if retokenised else 0
    if excess > allowed:
        what = f"a trace longer than its cap of {entry.cap} tokens"
        fix = "Correct `cap` of the log, or leave it out: it is the limit under which the log was made, and cuts nothing"
        faults.add(entry.file, what, f"{entry.place}: a trace of {reasoning} tokens", fix)
        return None
    if reasoning < 0 or answer < 0:
        what = "parts with more tokens than the whole"
        fix = "The counts of the log contradict its texts: map other columns, or none, to have tokens counted"
        place = f"{entry.place}: trace {reasoning}, end {end}, answer {answer}, all {entry.output_tokens}"
        faults.add(entry.file, what, place, fix)
        return None
    if excess > 0:
        reasoning = entry.cap
    given = entry.output_tokens is not None or None not in (entry.reasoning_tokens, entry.answer_tokens)
    return Counts(
        prompt=prompt,
        reasoning=reasoning,
        end=end,
        answer=answer,
        finish_reason=finish,
        looping=any(map(loops, ids or (_words(part.reasoning), _words(part.answer)))),
        source={
            "prompt": "counted" if entry.prompt_tokens is None else "log",
            "output": "log" if given else "counted",
            "finish": "log" if entry.finish_reason else "budget",
        },
        both=(entry.output_tokens, counted + stop) if entry.output_tokens is not None and ids else None,
        excess=max(0, excess),
    )


def _divided(
    entry: Entry, part: Parts, ids: tuple[list[int], list[int]] | None, end: int, stop: int
) -> tuple[int | None, int | None]:
    """Return the tokens of trace and answer, None if unknown.

    If the log has only the total, the answer is counted and the trace is the rest. If nothing follows the
    trace, its end-of-sequence token (`stop`), which is never fed, belongs to neither.
    """
    total, reasoning, answer = entry.output_tokens, entry.reasoning_tokens, entry.answer_tokens
    silent = not part.closed and not part.answer
    if reasoning is None and not part.reasoning and not silent:
        reasoning = 0
    if answer is None and silent:
        answer = 0
    if answer is None and ids and (reasoning is None or total is None):
        answer = len(ids[1]) + stop
    if reasoning is None and total is not None and answer is not None:
        reasoning = total - end - answer - (stop if silent else 0)
    if answer is None and total is not None and reasoning is not None:
        answer = total - end - reasoning
    if reasoning is None and ids:
        reasoning = len(ids[0])
    return reasoning, answer


def _words(text: str) -> list[int]:
    """Return a number for each word, to look for loops without a tokenizer."""
    return [zlib.crc32(word.encode(errors="replace")) for word in text.split()]


def _prompt(entry: Entry, counter: Counter, faults: Faults) -> int | None:
    """Return the tokens of an entry's prompt: by the log, else counted in the prompt."""
    if entry.prompt_tokens is not None:
        return max(entry.prompt_tokens, 1)
    if entry.prompt is None and entry.messages is None:
        fix = "Map `prompt_tokens`, `prompt` (as sent) or `question` (rendered by the model's chat template)"
        faults.add(
            entry.file,
            "tokens of the prompt: neither the count nor the prompt is in the log",
            entry.place,
            fix,
        )
        return None
    if counter.encode is None:
        fix = f"Give `prompt_tokens`, or make the tokenizer available: {counter.missing}"
        faults.add(
            entry.file, "tokens of the prompt are not in the log, and there is no tokenizer", entry.place, fix
        )
        return None
    ids = counter.render(entry.messages) if entry.prompt is None else counter([entry.prompt])[0]
    return max(len(ids), 1)


def _finish(
    entry: Entry, counted: int | None, budget: int | None, counter: Counter, faults: Faults
) -> str | None:
    """Return the finish reason of a completion: the log's, else whether its tokens fill its budget."""
    if entry.finish_reason:
        return entry.finish_reason
    written = entry.output_tokens
    if written is None and None not in (entry.reasoning_tokens, entry.answer_tokens):
        written = entry.reasoning_tokens + (entry.end_tokens or 0) + entry.answer_tokens
    written = counted if written is None else written
    if budget is None and written is not None and written <= (entry.usual_budget or 0):
        budget = entry.usual_budget
    if budget is None:
        what = "no finish reason and no budget of tokens in the log"
        faults.add(
            entry.file,
            what,
            entry.place,
            "Add `max_tokens` to the log in config.yaml, or map `finish_reason`",
        )
    elif written is None:
        what = "no finish reason in the log, and no tokenizer to count tokens"
        fix = f"Give `output_tokens`, or make the tokenizer available: {counter.missing}"
        faults.add(entry.file, what, entry.place, fix)
    else:
        return "length" if written >= CLOSE * budget else "stop"
    return None
