"""Requests to an engine or a reward model, what comes back, and courses: computations that ask for completions as they go.

A completion is named by what it starts from (prompt, seed, what it stops at) and not by how long it may
be. So what is stored for a small budget serves a larger one: it is gone on with from its last token, and
only what lies beyond is decoded. A long one is decoded in pieces in the same way.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, TypeVar

T = TypeVar("T")


def fingerprint(parts: Mapping) -> str:
    """Return 16 hex digits that change with any value in `parts` and with nothing else."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def derive_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on the parts alone, not on order or batch."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Request:
    """One request to the engine: at most `max_tokens` tokens after `prompt`.

    `stop` are token ids that end it, `stop_text` a text, for markers that a tokenizer spells with several
    tokens; the completion leaves both out, unless it is to `keep` them. Of the prompt, the last `written`
    tokens are the model's own or were put in its mouth: frequency penalties count them. A piece that goes on
    with another completion names that in `after`, and in `start` the tokens that it has already.
    """

    prompt: tuple[int, ...]
    seed: int
    max_tokens: int
    stop: tuple[int, ...] = ()
    stop_text: str = ""
    written: int = 0
    after: str = ""
    start: int = 0
    keep: bool = False

    @cached_property
    def id(self) -> str:
        """The name of its completion, whatever the budget."""
        kept = {"keep": True} if self.keep else {}
        return fingerprint(
            {"prompt": self.prompt, "seed": self.seed, "stop": self.stop, "stop_text": self.stop_text} | kept
        )


@dataclass(frozen=True)
class Completion:
    """What the engine wrote: token ids without what it stopped at, of `decoded` tokens in all.

    `finish_reason` is "stop" or "length"; `stopped_at` the token id it stopped at, None for a text or a
    length. Seconds run to the first and to the last token, None where not measured.
    """

    id: str
    tokens: tuple[int, ...]
    decoded: int
    finish_reason: str
    stopped_at: int | None
    first_seconds: float | None
    seconds: float | None

    @classmethod
    def from_entry(cls, entry: Mapping) -> "Completion":
        """Return the completion that a line of the journal holds."""
        known = {name: entry[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "tokens": tuple(entry["tokens"])})

    def then(self, piece: "Completion") -> "Completion":
        """Return this completion gone on with by `piece`."""
        seconds = None if None in (self.seconds, piece.seconds) else self.seconds + piece.seconds
        return replace(
            piece,
            id=self.id,
            tokens=self.tokens + piece.tokens,
            decoded=self.decoded + piece.decoded,
            first_seconds=self.first_seconds,
            seconds=seconds,
        )

    def within(self, budget: int) -> "Completion":
        """Return what would have been written under a budget of tokens, the end marker counted in."""
        if self.decoded <= budget:
            return self
        seconds, tokens = self.seconds_until(budget), self.tokens[:budget]
        return replace(
            self, tokens=tokens, decoded=budget, finish_reason="length", stopped_at=None, seconds=seconds
        )

    def seconds_until(self, tokens: int) -> float | None:
        """Return the seconds to the token number `tokens`, taking tokens as evenly spaced after the first."""
        if self.seconds is None or self.first_seconds is None or tokens <= 0:
            return None if self.seconds is None else 0.0
        share = (tokens - 1) / max(len(self.tokens) - 1, 1)
        return self.first_seconds + min(share, 1.0) * (self.seconds - self.first_seconds)


@dataclass(frozen=True)
class Scoring:
    """One request to a reward model: its scores at the last `steps` step tags of `prompt`.

    `problem` is whose solution it is; `reward` marks the model and how it is read, so that no other one's
    scores are taken for these.
    """

    prompt: tuple[int, ...]
    steps: int
    problem: str
    reward: str
    after: ClassVar[str] = ""
    start: ClassVar[int] = 0

    @cached_property
    def id(self) -> str:
        """The name of its scores."""
        return fingerprint(
            {"scored": self.prompt, "steps": self.steps, "problem": self.problem, "reward": self.reward}
        )


@dataclass(frozen=True)
class Scores:
    """What a reward model says of each step, from 0 to 1; None where it said no number. `tokens` it has read."""

    id: str
    scores: tuple[float | None, ...]
    tokens: int
    seconds: float | None
    decoded: ClassVar[int] = 0

    @classmethod
    def from_entry(cls, entry: Mapping) -> "Scores":
        """Return the scores that a line of the journal holds."""
        known = {name: entry[name] for name in cls.__dataclass_fields__ if name != "decoded"}
        return cls(**{**known, "scores": tuple(entry["scores"])})


def reply_of(entry: Mapping) -> Completion | Scores:
    """Return what a line of the journal holds."""
    return (Scores if "scores" in entry else Completion).from_entry(entry)


Course = Generator[list[Request | Scoring], list[Completion | Scores], T]
"""A computation that yields requests, is sent their completions in the same order, and returns its result.

A completion it is sent may be shorter than asked for (a stored one) or longer (stored for a larger budget).
"""


def complete(requests: Sequence[Request], piece: int | None) -> Course[list[Completion]]:
    """Course of the completions of `requests`, each decoded in pieces of at most `piece` tokens.

    What goes on after a piece is drawn with a seed derived from the request's and the number of tokens
    before it. It is thus a fair draw, but not the one that a single longer request would have made.
    """
    whole: dict[str, Completion] = {}
    pending = {request.id: request for request in requests}
    while pending:
        parts = yield [following(request, whole.get(name), piece) for name, request in pending.items()]
        for (name, request), part in zip(list(pending.items()), parts, strict=True):
            whole[name] = whole[name].then(part) if name in whole else part
            if whole[name].finish_reason == "stop" or whole[name].decoded >= request.max_tokens:
                whole[name] = whole[name].within(request.max_tokens)
                del pending[name]
    return [whole[request.id] for request in requests]


def following(request: Request, done: Completion | None, piece: int | None) -> Request:
    """Return the request for the next piece of `request`, of which `done` is there already."""
    if done is None:
        return replace(request, max_tokens=piece) if piece and piece < request.max_tokens else request
    left = request.max_tokens - done.decoded
    return replace(
        request,
        prompt=request.prompt + done.tokens,
        seed=derive_seed(request.seed, "continued", done.decoded),
        max_tokens=min(left, piece or left),
        written=request.written + done.decoded,
        after=request.id,
        start=done.decoded,
    )


def before_text(tokens: tuple[int, ...], text: str, tokenizer) -> tuple[int, ...]:
    """Return the tokens that stand wholly before the first place where `text` is written."""
    place = tokenizer.decode(tokens).find(text)
    if place < 0:
        return tokens
    kept = bisect_right(range(len(tokens)), place, key=lambda n: len(tokenizer.decode(tokens[: n + 1])))
    return tokens[:kept]
