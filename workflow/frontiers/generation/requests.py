"""Requests to an engine or a reward model, their replies, and episodes, which ask for completions one after the other.

A completion is named by what it starts from (prompt, seed, stop tokens), not by its token budget. So a stored
completion also serves a larger budget: it is continued from its last token, and only the rest is decoded. Long
completions are decoded in pieces in the same way.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, TypeVar

T = TypeVar("T")


def fingerprint(values: Mapping) -> str:
    """Return 16 hex digits that change with any of the values and with nothing else."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def derive_seed(*values: object) -> int:
    """Return a 63-bit seed that depends on these values alone, not on order or batch."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, values)).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Request:
    """One request to the engine: at most `max_tokens` tokens after `prompt`.

    `stop` are token ids that end it, `stop_text` is a text, for markers of several tokens; the completion
    leaves both out unless `keep` is set. The last `written` tokens of the prompt were written by the model or
    inserted for it: frequency penalties count them. A piece that continues another completion names it in
    `after`, and in `start` the number of tokens before the piece.
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
        """The name of its completion, the same for every budget."""
        kept = {"keep": True} if self.keep else {}
        return fingerprint(
            {"prompt": self.prompt, "seed": self.seed, "stop": self.stop, "stop_text": self.stop_text} | kept
        )


@dataclass(frozen=True)
class Completion:
    """What the engine wrote: token ids without the stop token or text, and the number of tokens `decoded` in all.

    `finish_reason` is "stop" or "length"; `stopped_at` is the stop token, None after a stop text or at the
    budget. `first_seconds` and `seconds` run to the first and to the last token; None if not measured.
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
        """Return the completion in a line of the journal."""
        known = {name: entry[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "tokens": tuple(entry["tokens"])})

    def then(self, piece: "Completion") -> "Completion":
        """Return this completion continued by `piece`."""
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
        """Return what a smaller `budget` of tokens, stop token included, would have given."""
        if self.decoded <= budget:
            return self
        seconds, tokens = self.seconds_until(budget), self.tokens[:budget]
        return replace(
            self, tokens=tokens, decoded=budget, finish_reason="length", stopped_at=None, seconds=seconds
        )

    def seconds_until(self, tokens: int) -> float | None:
        """Return the seconds to token number `tokens`; tokens after the first are taken as evenly spaced."""
        if self.seconds is None or self.first_seconds is None or tokens <= 0:
            return None if self.seconds is None else 0.0
        share = (tokens - 1) / max(len(self.tokens) - 1, 1)
        return self.first_seconds + min(share, 1.0) * (self.seconds - self.first_seconds)


@dataclass(frozen=True)
class Scoring:
    """One request to a reward model: its scores at the last `steps` step tags of `prompt`.

    `problem` is the id of the problem solved; `reward` identifies the reward model and how its scores are
    read, so that scores of another model are never reused.
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
    """The score of each step, from 0 to 1, None for NaN; `tokens` is the length of the text that was read."""

    id: str
    scores: tuple[float | None, ...]
    tokens: int
    seconds: float | None
    decoded: ClassVar[int] = 0

    @classmethod
    def from_entry(cls, entry: Mapping) -> "Scores":
        """Return the scores in a line of the journal."""
        known = {name: entry[name] for name in cls.__dataclass_fields__ if name != "decoded"}
        return cls(**{**known, "scores": tuple(entry["scores"])})


PADDING = 4096
"""Rows that an embedding may have beyond the tokenizer's tokens."""


def fault_of(entry: Mapping, request: Request | Scoring, vocabulary: int | None = None) -> str | None:
    """Return what is wrong with a reply to `request`, as the journal holds it, None if nothing.

    An engine's reply is checked before it is journalled, and a journalled one before it is used: what passes can be
    decoded to text and brings its episode further. `vocabulary` is the number of tokens of the tokenizer. How long
    a completion may be is for the engine to say: one that is stored may be of a larger budget.
    """
    if isinstance(request, Scoring):
        return None if "scores" in entry else "it holds no scores"
    try:
        completion = Completion.from_entry(entry)
    except (KeyError, TypeError) as error:
        return f"it holds no completion ({error})"
    tokens, reason = completion.tokens, completion.finish_reason
    highest = 2**31 if vocabulary is None else vocabulary + PADDING
    if not set(map(type, tokens)) <= {int}:
        return "its token ids are not all integers"
    if tokens and (min(tokens) < 0 or max(tokens) >= highest):
        odd = min(tokens) if min(tokens) < 0 else max(tokens)
        return (
            f"it holds the token id {odd}, which is none of the tokenizer's {vocabulary or highest:,} tokens"
        )
    if reason not in ("stop", "length"):
        return f"its finish reason is {reason!r}, not stop or length"
    if type(completion.decoded) is not int or completion.decoded < len(tokens):
        return f"it says that {completion.decoded} tokens were decoded, but holds {len(tokens)}"
    if reason == "length" and not tokens:
        return "it ran out of its budget of tokens without writing one"
    if not request.keep and not set(request.stop).isdisjoint(tokens):
        return "it goes on after a token that ends a text"
    return None


def reply_of(entry: Mapping) -> Completion | Scores:
    """Return the reply in a line of the journal."""
    return (Scores if "scores" in entry else Completion).from_entry(entry)


Episode = Generator[list[Request | Scoring], list[Completion | Scores], T]
"""A generator that yields requests, is sent their completions in the same order, and returns its result.

A stored completion may be shorter than requested, or longer (stored for a larger budget).
"""


def complete(requests: Sequence[Request], piece: int | None) -> Episode[list[Completion]]:
    """Complete `requests`, each in pieces of at most `piece` tokens.

    The next piece is drawn with a seed derived from the request's own and the number of tokens before the
    piece: a fair draw, but not the one that a single longer request would have made.
    """
    whole: dict[str, Completion] = {}
    pending = {request.id: request for request in requests}
    while pending:
        pieces = yield [continuation(request, whole.get(name), piece) for name, request in pending.items()]
        for (name, request), reply in zip(list(pending.items()), pieces, strict=True):
            whole[name] = whole[name].then(reply) if name in whole else reply
            if whole[name].finish_reason == "stop" or whole[name].decoded >= request.max_tokens:
                whole[name] = whole[name].within(request.max_tokens)
                del pending[name]
    return [whole[request.id] for request in requests]


def continuation(request: Request, done: Completion | None, piece: int | None) -> Request:
    """Return the request for the next piece of `request` after what is `done`."""
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


def kept_of(
    request: Request, tokens: tuple[int, ...], reason: str, tokenizer
) -> tuple[tuple[int, ...], int | None]:
    """Return the tokens of a completion without what it stopped at, unless the request keeps it, and that token.

    `reason` is why the engine ended it; the token is None where it did not stop at one of `request.stop`.
    """
    if reason != "stop":
        return tokens, None
    if tokens and tokens[-1] in request.stop:
        return (tokens if request.keep else tokens[:-1]), tokens[-1]
    if request.stop_text and not request.keep:
        return before_text(tokens, request.stop_text, tokenizer), None
    return tokens, None


def before_text(tokens: tuple[int, ...], text: str, tokenizer) -> tuple[int, ...]:
    """Return the tokens that lie wholly before the first occurrence of `text`."""
    place = tokenizer.decode(tokens).find(text)
    if place < 0:
        return tokens
    kept = bisect_right(range(len(tokens)), place, key=lambda n: len(tokenizer.decode(tokens[: n + 1])))
    return tokens[:kept]
