"""Generation with nested reasoning caps: one decode of the trace serves every cap.

What a model writes under a cap of c tokens is the first c tokens of what it
writes uncapped from the same seed. So each trace is sampled once, to the
largest cap; for every smaller one it is cut, the end-of-thinking text is
appended, and only the answer is decoded.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from frontiers.cli import UserError
from frontiers.journal import Journal, request_id
from frontiers.problems import Problem

Cap = int | None  # reasoning tokens; None is uncapped


@dataclass(frozen=True)
class Thinking:
    """How a model's reasoning is told from its answer, as token ids; `end_text` is the end marker as text.

    `style` "markers": the trace stands between `start` and `end`.
    `style` "prompt": the whole completion is the trace, up to the end of sequence.
    `forced_end` is what is appended to a trace that the cap cuts.
    """

    style: str
    start: tuple[int, ...]
    end: tuple[int, ...]
    forced_end: tuple[int, ...]
    end_text: str = ""

    @classmethod
    def from_block(cls, block: dict, tokenizer) -> "Thinking":
        """Tokenise the `thinking` block of a model."""

        def ids(key: str) -> tuple[int, ...]:
            return tuple(tokenizer.encode(block.get(key) or "", add_special_tokens=False))

        return cls(block["style"], ids("start"), ids("end"), ids("forced_end"), block.get("end") or "")


@dataclass(frozen=True)
class Request:
    """One request to the engine. `stop` are token ids that end it, `stop_text` a text; the completion leaves them out.

    The text is for markers that a tokenizer spells with several tokens.
    """

    prompt: tuple[int, ...]
    seed: int
    max_tokens: int
    stop: tuple[int, ...] = ()
    stop_text: str = ""

    @property
    def id(self) -> str:
        """The name of the request in the journal."""
        sampling = {"seed": self.seed, "max_tokens": self.max_tokens}
        return request_id(list(self.prompt), **sampling, stop=list(self.stop), stop_text=self.stop_text)


@dataclass(frozen=True)
class Completion:
    """What the engine wrote: token ids without the stop token, "stop" or "length", seconds to first and last."""

    id: str
    tokens: tuple[int, ...]
    finish_reason: str
    first_seconds: float | None
    seconds: float | None

    def seconds_until(self, tokens: int) -> float | None:
        """Return the seconds to the token number `tokens`, taking tokens as evenly spaced after the first."""
        if self.seconds is None or self.first_seconds is None or tokens <= 0:
            return None if self.seconds is None else 0.0
        share = (tokens - 1) / max(len(self.tokens) - 1, 1)
        return self.first_seconds + min(share, 1.0) * (self.seconds - self.first_seconds)


Decode = Callable[[Sequence[Request]], Iterable[Completion]]


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on the parts alone, not on order or batch."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


def render_prompt(tokenizer, question: str, thinking: Thinking, template: dict) -> tuple[int, ...]:
    """Return the prompt's token ids by the model's own chat template.

    A model that thinks between markers gets a prompt that ends inside the
    thinking: the start marker is appended where the template leaves it to the model.
    """
    messages = [{"role": "user", "content": question}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, **template)
    ids = tuple(rendered if isinstance(rendered, list) else rendered["input_ids"])
    if thinking.style == "markers" and not _open(ids, thinking):
        ids += thinking.start
    return ids


def _open(ids: tuple[int, ...], thinking: Thinking) -> bool:
    """Return whether the last start marker comes after the last end marker."""

    def last(marker: tuple[int, ...]) -> int:
        places = range(len(ids) - len(marker), -1, -1)
        return next((i for i in places if ids[i : i + len(marker)] == marker), -1)

    return bool(thinking.start) and last(thinking.start) > last(thinking.end)


@dataclass(frozen=True)
class Settings:
    """What one job decodes: caps ascending (uncapped last), samples per problem, token budgets and the seed."""

    caps: tuple[Cap, ...]
    samples: int
    answer_tokens: int
    context: int
    seed: int
    model: str
    benchmark: str
    stop: tuple[int, ...]


def generate(
    problems: Sequence[Problem],
    tokenizer,
    thinking: Thinking,
    template: dict,
    settings: Settings,
    decode: Decode,
) -> pd.DataFrame:
    """Return the generations of every problem × sample × cap, in that order (table `generations`).

    `decode` answers requests in any order; it is asked once for all traces and
    once for all answers, never twice for the same request.
    """
    keys = [(problem, sample) for problem in problems for sample in range(settings.samples)]
    prompts = {p.id: render_prompt(tokenizer, p.question, thinking, template) for p in problems}
    limit = _largest(settings.caps)
    traces = {}
    for problem, sample in keys:
        prompt = prompts[problem.id]
        room = settings.context - len(prompt)
        if room < len(thinking.forced_end) + settings.answer_tokens:
            raise UserError(
                f"problem `{problem.id}` of {settings.benchmark}: its prompt of {len(prompt)} tokens leaves no room for "
                f"an answer in a context of {settings.context}; raise engine.max_model_len of the study"
            )
        seed = derive_seed(settings.seed, settings.model, settings.benchmark, problem.id, sample)
        traces[problem.id, sample] = trace_request(prompt, seed, min(limit, room) or 1, thinking, settings)
    traced = {c.id: c for c in decode(list(traces.values()))}

    plans = []
    for problem, sample in keys:
        trace = traced[traces[problem.id, sample].id]
        for cap in settings.caps:
            plans.append(
                plan_answer(problem.id, sample, cap, traces[problem.id, sample], trace, thinking, settings)
            )
    wanted = {plan.request.id: plan.request for plan in plans if plan.request}
    answered = {c.id: c for c in decode(list(wanted.values()))}
    return tabulate(plans, answered, tokenizer)


def trace_request(
    prompt: tuple[int, ...], seed: int, tokens: int, thinking: Thinking, settings: Settings
) -> Request:
    """Return the request for a trace of at most `tokens` tokens: it stops where the thinking ends."""
    if thinking.style == "prompt":
        return Request(prompt, seed, tokens, settings.stop)
    if len(thinking.end) == 1:
        return Request(prompt, seed, tokens, thinking.end)
    return Request(prompt, seed, tokens, (), thinking.end_text)


def _largest(caps: Sequence[Cap]) -> int:
    """Return the largest cap in tokens; uncapped is as good as endless."""
    return sys.maxsize if None in caps else max(caps)


@dataclass(frozen=True)
class Plan:
    """One row to be: the trace under a cap, and the request that decodes its answer (None if there is none)."""

    problem_id: str
    sample: int
    cap: Cap
    seed: int
    prompt_tokens: int
    reasoning: tuple[int, ...]
    ended: bool
    end_tokens: int
    request: Request | None
    trace_finish: str
    seconds: float | None


def plan_answer(
    problem_id: str,
    sample: int,
    cap: Cap,
    traced: Request,
    trace: Completion,
    thinking: Thinking,
    settings: Settings,
) -> Plan:
    """Cut a trace at `cap` and say what is still to be decoded.

    A trace that stopped by itself within the cap is whole: with markers its
    own end marker follows, in the prompt style nothing does, the answer being
    in the trace. A trace that ran into the context has no answer.
    """
    whole = trace.finish_reason == "stop" and (cap is None or len(trace.tokens) <= cap)
    reasoning = trace.tokens if cap is None else trace.tokens[:cap]
    if whole and thinking.style == "markers":
        end = thinking.end
    elif whole or cap is None:
        end = None
    else:
        end = thinking.forced_end
    request = None
    if end is not None:
        prompt = traced.prompt + reasoning + end
        room = settings.context - len(prompt)
        if room >= 1:
            seed = derive_seed(traced.seed, "answer", len(reasoning))
            request = Request(prompt, seed, min(settings.answer_tokens, room), settings.stop)
    return Plan(
        problem_id=problem_id,
        sample=sample,
        cap=cap,
        seed=traced.seed,
        prompt_tokens=len(traced.prompt),
        reasoning=reasoning,
        ended=whole,
        end_tokens=len(end) if request else 0,
        request=request,
        trace_finish=trace.finish_reason,
        seconds=trace.seconds_until(len(reasoning)),
    )


def tabulate(plans: Sequence[Plan], answered: dict[str, Completion], tokenizer) -> pd.DataFrame:
    """Return the table `generations`. The end-of-sequence token an answer stopped at counts as one of its tokens."""
    rows = []
    for plan in plans:
        answer = answered[plan.request.id] if plan.request else None
        cap = sys.maxsize if plan.cap is None else plan.cap
        if len(plan.reasoning) > cap:
            raise AssertionError(
                f"{plan.problem_id}: {len(plan.reasoning)} reasoning tokens under a cap of {cap}"
            )
        stopped = answer.finish_reason == "stop" if answer else plan.ended
        seconds = [plan.seconds, answer.seconds] if answer else [plan.seconds]
        rows.append(
            {
                "problem_id": plan.problem_id,
                "sample": plan.sample,
                "cap": plan.cap,
                "seed": plan.seed,
                "prompt_tokens": plan.prompt_tokens,
                "reasoning_tokens": len(plan.reasoning),
                "end_tokens": plan.end_tokens,
                "answer_tokens": len(answer.tokens) + stopped if answer else 0,
                "ended": plan.ended,
                "finish_reason": answer.finish_reason if answer else plan.trace_finish,
                "truncated": not stopped,
                "reasoning": plan.reasoning,
                "answer": answer.tokens if answer else (),
                "seconds": None if None in seconds else sum(seconds),
            }
        )
    table = pd.DataFrame(rows)
    for column in ("reasoning", "answer"):
        table[column] = tokenizer.batch_decode([list(ids) for ids in table[column]], skip_special_tokens=True)
    return table.astype({"cap": "Int64", "seconds": "Float64"})


def journalled(journal: Journal, decode: Decode, report: Callable[[str], None]) -> Decode:
    """Return a `decode` that takes from the journal what is there and journals the rest as it completes.

    `report` gets a line of progress every two seconds: done, tokens per second, time left.
    """

    def decode_rest(requests: Sequence[Request]) -> list[Completion]:
        pending = sorted((r for r in requests if r.id not in journal.entries), key=lambda r: r.prompt)
        begun = shown = time.monotonic()
        tokens = 0
        for done, completion in enumerate(decode(pending) if pending else (), start=1):
            journal.append(asdict(completion))
            tokens += len(completion.tokens)
            now = time.monotonic()
            if now - shown > 2 or done == len(pending):
                left = (now - begun) / done * (len(pending) - done)
                rate = tokens / max(now - begun, 1e-9)
                report(f"{done} of {len(pending)} requests, {rate:,.0f} tokens/s, {left:.0f} s left")
                shown = now
        entries = (journal.entries[r.id] for r in requests)
        return [Completion(**{**entry, "tokens": tuple(entry["tokens"])}) for entry in entries]

    return decode_rest
