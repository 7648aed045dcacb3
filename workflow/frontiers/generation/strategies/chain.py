"""Generation with nested reasoning caps: one decode of the trace serves every cap.

Under a cap of c tokens a model writes the first c tokens of what it writes
uncapped from the same seed. So each trace is sampled once, to the largest cap;
for every smaller cap it is cut, the end-of-thinking text is appended, and only
the answer is decoded.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from frontiers.core.cli import UserError
from frontiers.data.problems import Problem
from frontiers.generation.looping import loops
from frontiers.generation.prompts import Thinking, render_prompts
from frontiers.generation.requests import Completion, Episode, Request, complete, derive_seed

Cap = int | None  # reasoning tokens; None is uncapped


@dataclass(frozen=True)
class Settings:
    """What is decoded: caps ascending (uncapped last), samples per problem, token budgets and the seed.

    `stop` are the ids that end a sequence; a trace is journalled every `piece` tokens, or with None when it is
    complete. The first `extensions` ends of thinking are replaced by `extension`.
    """

    caps: tuple[Cap, ...]
    samples: int
    answer_tokens: int
    context: int
    seed: int
    model: str
    benchmark: str
    stop: tuple[int, ...]
    piece: int | None = None
    extensions: int = 0
    extension: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """A stretch of an extended trace: `put` tokens of the extension, `written` ones, and whether the model then ended it."""

    put: int
    written: int
    ended: bool


@dataclass(frozen=True)
class Row:
    """A row of the table: a trace, how many of its tokens the cap keeps, and the request for the answer.

    There is no request if nothing is left to write, or no room. `answer` is set once decoded.
    """

    problem_id: str
    sample: int
    cap: Cap
    seed: int
    prompt_tokens: int
    trace: Completion
    kept: int
    ended: bool
    end_tokens: int
    request: Request | None
    answer: Completion | None = None
    stretches: tuple[Stretch, ...] = ()


def episodes(
    problems: Sequence[Problem], tokenizer, thinking: Thinking, template: dict, settings: Settings
) -> list[Episode[list[Row]]]:
    """Return an episode for every problem × sample; each returns its rows, one per cap.

    The samples of a problem are adjacent, so that they share the prompt in the engine's cache. Raises
    `UserError` for a problem whose prompt fills the context.
    """
    prompts = prompts_with_room(problems, tokenizer, thinking, template, settings)
    return [
        episode(problem.id, number, prompt, thinking, settings)
        for problem, prompt in zip(problems, prompts, strict=True)
        for number in range(settings.samples)
    ]


def prompts_with_room(
    problems: Sequence[Problem], tokenizer, thinking: Thinking, template: dict, settings: Settings
) -> list[tuple[int, ...]]:
    """Return the prompts of the problems; raise `UserError` for one that leaves no room for an answer."""
    questions = [(f"{settings.benchmark}/{problem.id}", problem.question) for problem in problems]
    prompts = render_prompts(tokenizer, questions, thinking, template, settings.model)
    for problem, prompt in zip(problems, prompts, strict=True):
        if settings.context - len(prompt) < len(thinking.forced_end) + settings.answer_tokens:
            raise UserError(
                f"problem `{problem.id}` of {settings.benchmark}: its prompt of {len(prompt)} tokens leaves no room for "
                f"an answer in a context of {settings.context}; raise engine.max_model_len of the study"
            )
    return prompts


def episode(
    problem_id: str, sample: int, prompt: tuple[int, ...], thinking: Thinking, settings: Settings
) -> Episode[list[Row]]:
    """Decode one trace and its answers; return the rows of every cap.

    The trace is requested a little beyond the largest cap, to see whether it ends there: so the rows of a cap
    do not depend on the study's larger caps.
    """
    room = settings.context - len(prompt)
    largest = room if None in settings.caps else max(settings.caps)
    seed = derive_seed(settings.seed, settings.model, settings.benchmark, problem_id, sample)
    stop, stop_text = thinking.stops(settings.stop)
    whole = Request(prompt, seed, min(largest + thinking.lookahead, room), stop, stop_text)
    trace, stretches = yield from extended_trace(whole, thinking, settings)
    rows = [row(problem_id, sample, cap, whole, trace, thinking, settings) for cap in settings.caps]
    rows = [replace(r, stretches=stretches) for r in rows]
    wanted = {r.request.id: r.request for r in rows if r.request}
    decoded = yield from complete(list(wanted.values()), settings.piece)
    answers = dict(zip(wanted, decoded, strict=True))
    return [replace(r, answer=answers[r.request.id]) if r.request else r for r in rows]


def extended_trace(
    request: Request, thinking: Thinking, settings: Settings
) -> Episode[tuple[Completion, tuple[Stretch, ...]]]:
    """Decode a trace whose first ends of thinking are suppressed; return it with its stretches.

    The extension replaces an end of thinking (budget forcing, Muennighoff et al. 2025, arXiv 2501.19393); in the
    prompt style it replaces the end of the text. No end is replaced if there is no room left.
    """
    (trace,) = yield from complete([request], settings.piece)
    stretches = [Stretch(0, len(trace.tokens), trace.finish_reason == "stop")]
    for number in range(settings.extensions):
        closed = thinking.style == "prompt" or thinking.closed_by(trace.stopped_at)
        before = trace.tokens + settings.extension
        left = request.max_tokens - len(before)
        if trace.finish_reason != "stop" or not closed or left < 1:
            break
        seed = derive_seed(request.seed, "extended", number)
        more = replace(
            request, prompt=request.prompt + before, seed=seed, max_tokens=left, written=len(before)
        )
        (piece,) = yield from complete([more], settings.piece)
        stretches.append(Stretch(len(settings.extension), len(piece.tokens), piece.finish_reason == "stop"))
        trace = replace(trace.then(piece), tokens=before + piece.tokens, decoded=len(before) + piece.decoded)
    return trace, tuple(stretches)


def row(
    problem_id: str,
    sample: int,
    cap: Cap,
    traced: Request,
    trace: Completion,
    thinking: Thinking,
    settings: Settings,
) -> Row:
    """Return a trace cut at `cap`, with the request for its answer.

    A trace that stopped by itself within the cap is whole: with markers its own end marker follows. In the prompt
    style, and if the model ended the sequence inside its thinking, nothing follows: the answer can only be in the
    trace. A trace that ran into the context has no answer.
    """
    whole = trace.finish_reason == "stop" and (cap is None or len(trace.tokens) <= cap)
    kept = len(trace.tokens) if cap is None else min(cap, len(trace.tokens))
    if whole:
        end = thinking.end if thinking.closed_by(trace.stopped_at) else None
    else:
        end = None if cap is None else thinking.forced_end
    request = None
    if end is not None:
        prompt = traced.prompt + trace.tokens[:kept] + end
        room = settings.context - len(prompt)
        if room >= 1:
            seed = derive_seed(traced.seed, "answer", kept)
            budget = min(settings.answer_tokens, room)
            request = Request(prompt, seed, budget, settings.stop, written=kept + len(end))
    return Row(
        problem_id=problem_id,
        sample=sample,
        cap=cap,
        seed=traced.seed,
        prompt_tokens=len(traced.prompt),
        trace=trace,
        kept=kept,
        ended=whole,
        end_tokens=len(end) if request else 0,
        request=request,
    )


def tabulate(rows: Sequence[Row], tokenizer) -> pd.DataFrame:
    """Return the table `generations`. The end-of-sequence token of an answer counts as one of its tokens."""
    table = pd.DataFrame([_values(r) for r in rows])
    for column in ("reasoning", "answer"):
        table[column] = tokenizer.batch_decode([list(ids) for ids in table[column]], skip_special_tokens=True)
    return table.astype({"cap": "Int64", "seconds": "Float64"})


def _values(row: Row) -> dict:
    """Return the columns of one row, `reasoning` and `answer` still as token ids."""
    if row.kept > (sys.maxsize if row.cap is None else row.cap):
        raise AssertionError(f"{row.problem_id}: {row.kept} reasoning tokens under a cap of {row.cap}")
    trace, answer, reasoning = row.trace, row.answer, row.trace.tokens[: row.kept]
    stopped = answer.finish_reason == "stop" if answer else row.ended
    seconds = [trace.seconds_until(row.kept), *([answer.seconds] if answer else [])]
    return {
        "problem_id": row.problem_id,
        "sample": row.sample,
        "cap": row.cap,
        "seed": row.seed,
        "prompt_tokens": row.prompt_tokens,
        "reasoning_tokens": row.kept,
        "end_tokens": row.end_tokens,
        "answer_tokens": answer.decoded if answer else 0,
        "ended": row.ended,
        "finish_reason": answer.finish_reason if answer else trace.finish_reason,
        "truncated": not stopped,
        "looping": loops(reasoning) or bool(answer and loops(answer.tokens)),
        "reasoning": reasoning,
        "answer": answer.tokens if answer else (),
        "seconds": None if None in seconds else sum(seconds),
    }


def passes(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the table `passes`, as if each cap had been run alone."""
    units = [unit for row in rows for unit in _units(row)]
    return pd.DataFrame(units).astype({"cap": "Int64", "reward": "Float64"})


def _units(row: Row) -> Iterator[dict]:
    """Yield the rows of the prompt, of each stretch of the trace that the cap keeps, and of the answer."""
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
        if drawn:  # an extension that the cap cuts is prefilled with what follows
            yield unit("reasoning", str(number), parent, fed, length - fed, drawn, "kept")
            fed, parent = length + drawn - 1, str(number)
        length += own
        if not left:
            break
    if row.answer is not None:
        length += row.end_tokens
        yield unit("answer", "answer", parent, fed, length - fed, row.answer.decoded, "kept")
