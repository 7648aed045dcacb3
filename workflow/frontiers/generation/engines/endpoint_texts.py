"""Completions of a server that returns text and no token ids, read with the tokenizer of the model itself.

The text is tokenised again. Of what a model sampled this need not give the same ids: a server's own count of tokens
(`usage`) shows by how much they differ. A cap cuts these ids, so none is exceeded. What ends a text is looked for in it
and not asked of the server, which would not say at what it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from frontiers.core.cli import UserError
from frontiers.generation.requests import Request

CHARACTERS = 64
"""Characters per token beyond which a text is longer than its budget."""
TOLERANCE = 0.02
"""Share by which the number of tokens may differ from the server's count, and `SLACK` tokens more."""
SLACK = 4
CONTEXT = 8
"""Tokens of the prompt that are tokenised again along with a text, where a tokenizer treats a beginning differently."""


@dataclass
class Text:
    """What a server has sent of one completion.

    `marks` are the texts that end it, with their token, None for a text of several; `stopped_at` is the one found.
    """

    request: Request
    marks: dict[str, int | None]
    text: str = ""
    used: int | None = None
    stopped_at: str | None = None

    def add(self, part: str) -> None:
        """Append what a server has sent; what follows a mark is left out."""
        longest = max(map(len, self.marks), default=0)
        since = max(0, len(self.text) - longest)
        self.text += part
        places = {mark: self.text.find(mark, since) for mark in self.marks}
        found = {mark: place for mark, place in places.items() if place >= 0}
        if found:
            self.stopped_at = min(found, key=found.__getitem__)
            self.text = self.text[: found[self.stopped_at]]

    @property
    def endless(self) -> bool:
        """Whether the text is longer than any with its budget of tokens."""
        return len(self.text) > CHARACTERS * (self.request.max_tokens + CONTEXT)


def begin(request: Request, tokenizer) -> Text:
    """Return an empty text of `request` with the marks that end it: all that it stops at but the end of sequence."""
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id}
    marks: dict[str, int | None] = {
        tokenizer.decode([token]): token for token in request.stop if token not in ends
    }
    return Text(request, marks | ({request.stop_text: None} if request.stop_text else {}))


def hidden_mark(text: Text, tokenizer) -> str | None:
    """Return the mark at which a text may have ended without showing it, None if there is none.

    A server may leave special tokens out of its text; then an end of thinking looks like the end of the sequence.
    """
    special = set(tokenizer.all_special_ids)
    return next((mark for mark, token in text.marks.items() if token in special), None)


def ids_of(text: str, prompt: Sequence[int], tokenizer) -> tuple[int, ...]:
    """Return the token ids of a text that follows `prompt`; characters that are not whole at its end are left out."""
    text = text.rstrip("\N{REPLACEMENT CHARACTER}")
    ids = tuple(tokenizer.encode(text, add_special_tokens=False))
    before = tuple(prompt[-CONTEXT:])
    shown = tokenizer.decode(before)
    if tokenizer.decode(before + ids) == shown + text:
        return ids
    # A tokenizer that begins a text with a space of its own.
    both = tuple(tokenizer.encode(shown + text, add_special_tokens=False))
    return both[len(before) :] if both[: len(before)] == before else ids


def tokens_of(text: Text, reason: str, where: str, tokenizer) -> tuple[tuple[int, ...], str]:
    """Return the token ids of a finished text, its stop token included, and the finish reason.

    Raises `UserError` where the server's count of tokens says that it has another tokenizer.
    """
    request = text.request
    ids = ids_of(text.text, request.prompt, tokenizer)
    if text.stopped_at is not None:
        end = text.marks[text.stopped_at]
        # The mark of several tokens is kept for what a request keeps, and cut off again like an engine's.
        last = (
            (end,) if end is not None else tuple(tokenizer.encode(text.stopped_at, add_special_tokens=False))
        )
        return (ids + last)[: request.max_tokens], "stop"
    if text.used is not None and abs(text.used - len(ids)) > SLACK + TOLERANCE * text.used:
        raise UserError(
            f"{where} counts {text.used} tokens in a completion of {len(ids)} by the tokenizer of the study's model. "
            "Serve the study's model, with the tokenizer of its checkpoint"
        )
    if reason == "stop" and (ends := [t for t in request.stop if t in tokenizer.all_special_ids]):
        end = tokenizer.eos_token_id if tokenizer.eos_token_id in ends else ends[0]
        return (*ids[: request.max_tokens - 1], end), "stop"
    return ids[: request.max_tokens], reason
