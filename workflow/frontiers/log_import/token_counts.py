"""Counting the tokens of the trace and the answer of a completion.

Counts of the log are used; missing ones are counted with the model's tokenizer. A
text that is tokenised again may differ by a few tokens from what the model wrote.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from frontiers.generation.looping import loops
from frontiers.log_import.entry import Entry, Faults
from frontiers.log_import.parts import Parts

BATCH = 512
"""Texts tokenised at a time."""
CLOSE = 0.99
"""Share of its budget from which a completion without a finish reason counts as truncated."""

RETOKENISED = 0.02
"""Share of its cap by which a trace may exceed it, and two tokens in any case, when its text is tokenised again."""

MOST_END = 16
"""Most tokens that an end marker has where the log gives trace, answer and total only."""

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Token ids of texts, without special tokens that the tokenizer adds."""


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
    undivided: bool = False
    """Whether trace and answer are counted together, as a trace, because there is no tokenizer to divide them."""


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
    faults: Faults,
) -> list[Counts | None]:
    """Return the counts of each entry; None, with a fault, if they are unknown."""
    texts = [(p.opening + p.reasoning, p.answer) for p in parts]
    ids = counter([text for pair in texts for text in pair])
    marker = counter([thinking["end"]]) if "end" in thinking else [[]]
    found = []
    for i, (entry, part) in enumerate(zip(entries, parts, strict=True)):
        end = entry.end_tokens
        if end is None:
            end = (len(marker[0]) if marker else 1) if part.closed and not part.hidden else 0
        pair = (ids[2 * i], ids[2 * i + 1]) if ids else None
        found.append(_count(entry, part, pair, end, counter, faults))
    return found


def _count(
    entry: Entry,
    part: Parts,
    ids: tuple[list[int], list[int]] | None,
    end: int,
    counter: Counter,
    faults: Faults,
) -> Counts | None:
    """Return the counts of one entry; `ids` are those of its trace and answer, `end` tokens of an end marker.

    Of a call that failed none is known; that of the prompt is the least there is.

    Trace, end and answer add up to the log's total, without the end-of-sequence token that `_divided` leaves out.
    """
    if entry.failed:
        return Counts(1, 0, 0, 0, "stop", False, dict.fromkeys(("prompt", "output", "finish"), "failed"))
    prompt = _prompt(entry, counter, faults)
    counted = sum(map(len, ids)) + end if ids else None
    finish = _finish(entry, counted, counter, faults)
    if prompt is None or finish is None:
        return None
    stop = int(finish == "stop")
    if entry.output_tokens is not None and (entry.reasoning_tokens or 0) > entry.output_tokens:
        what = "more reasoning tokens than output tokens"
        fix = (
            "`output_tokens` are all that was written, reasoning included. Where a server counts the reasoning apart, give "
            "the log as a table with `reasoning_tokens` and `answer_tokens`"
        )
        place = f"{entry.place}: {entry.reasoning_tokens} of {entry.output_tokens}"
        faults.add(entry.file, what, place, fix)
        return None
    if _unclear(entry, part, ids):
        what = "reasoning tokens, but neither the trace nor the tokens of the answer"
        fix = "Map `output_tokens` or `answer_tokens` too, or `reasoning`, the text of the trace"
        faults.add(entry.file, what, entry.place, fix)
        return None
    reasoning, end, answer = _divided(entry, part, ids, end, stop)
    undivided = None in (reasoning, answer) and entry.output_tokens is not None
    if undivided:
        reasoning, end, answer = entry.output_tokens, 0, 0
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
    if min(reasoning, answer, end) < 0 or not _adds_up(entry, reasoning + end + answer, answer, stop):
        what = (
            "parts with more tokens than the whole"
            if min(reasoning, answer, end) < 0
            else "parts that do not add up to the whole"
        )
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
        undivided=undivided,
    )


def _unclear(entry: Entry, part: Parts, ids: tuple[list[int], list[int]] | None) -> bool:
    """Return whether a text may be a trace with the log's reasoning tokens, or the answer after a hidden one."""
    if not entry.reasoning_tokens or entry.reasoning is not None or part.closed or part.hidden:
        return False
    if entry.output_tokens is not None or not part.reasoning.strip():
        return False
    allowed = max(2, RETOKENISED * entry.reasoning_tokens)
    return ids is None or abs(len(ids[0]) - entry.reasoning_tokens) > allowed


def _adds_up(entry: Entry, parts: int, answer: int, stop: int) -> bool:
    """Return whether the `parts` are all tokens of the log, but for the end of a sequence without an answer."""
    return entry.output_tokens is None or entry.output_tokens - parts in (0, stop if answer == 0 else 0)


def _divided(
    entry: Entry, part: Parts, ids: tuple[list[int], list[int]] | None, end: int, stop: int
) -> tuple[int | None, int, int | None]:
    """Return the tokens of trace, end marker and answer, None if unknown.

    If the log has only the total, the answer is counted and the trace is the rest. If nothing follows the
    trace, its end-of-sequence token (`stop`), which is never fed, belongs to neither. No tokens of a trace whose
    text is in the log are not believed: servers that separate the trace report that.
    """
    total, reasoning, answer = entry.output_tokens, entry.reasoning_tokens, entry.answer_tokens
    if part.reasoning.strip() and not reasoning and entry.cap != 0:
        reasoning = None
    silent = not (part.closed or part.answer or part.hidden)
    if silent and total is not None and not answer:
        known = reasoning is not None and 0 <= total - reasoning <= stop
        return (reasoning if known else total - stop), 0, 0
    if (
        None not in (total, reasoning, answer)
        and entry.end_tokens is None
        and total - reasoning - answer <= MOST_END
    ):
        end = total - reasoning - answer
    if reasoning is None and not part.reasoning and not silent:
        reasoning = 0
    if answer is None and silent:
        answer = 0
    if answer is None and ids and (reasoning is None or total is None):
        answer = len(ids[1]) + stop
    if reasoning is None and total is not None and answer is not None:
        reasoning = total - end - answer
    if answer is None and total is not None and reasoning is not None:
        answer = total - end - reasoning
    if reasoning is None and ids:
        reasoning = len(ids[0])
    return reasoning, end, answer


def _words(text: str) -> list[int]:
    """Return a number for each word, to look for loops without a tokenizer."""
    return [zlib.crc32(word.encode(errors="replace")) for word in text.split()]


def _prompt(entry: Entry, counter: Counter, faults: Faults) -> int | None:
    """Return the tokens of an entry's prompt: by the log, else counted in the prompt."""
    if entry.prompt_tokens is not None:
        return max(entry.prompt_tokens, 1)
    if entry.prompt is None and entry.messages is None:
        fix = (
            "Map `prompt_tokens`, `prompt` (as sent) or `question` (rendered by the model's chat template), or write "
            "the user's message as `prompt: \"{question} …\"` in the log's block"
        )
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


def _finish(entry: Entry, counted: int | None, counter: Counter, faults: Faults) -> str | None:
    """Return the finish reason of a completion: the log's, else whether its tokens fill its budget."""
    if entry.finish_reason:
        return entry.finish_reason
    written = entry.output_tokens
    if written is None and None not in (entry.reasoning_tokens, entry.answer_tokens):
        written = entry.reasoning_tokens + (entry.end_tokens or 0) + entry.answer_tokens
    written, budget = counted if written is None else written, entry.budget
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
