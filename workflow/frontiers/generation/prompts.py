"""Prompts from the model's own chat template, and the markers that separate its reasoning from its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from frontiers.core.cli import UserError
from frontiers.generation.chat_template import CLOCK, Renderer, TemplateFault


@dataclass(frozen=True)
class Thinking:
    """What separates a model's reasoning from its answer, as token ids; both markers also as text.

    `style` "markers": the trace is the text between `start` and `end`.
    `style` "prompt": the whole completion is the trace, up to the end of sequence.
    `forced_end` is appended to a trace that the cap cuts.
    """

    style: str
    start: tuple[int, ...]
    end: tuple[int, ...]
    forced_end: tuple[int, ...]
    end_text: str = ""
    start_text: str = ""

    @classmethod
    def from_block(cls, block: dict, tokenizer) -> "Thinking":
        """Tokenise the `thinking` block of a model."""

        def ids(key: str) -> tuple[int, ...]:
            return tuple(tokenizer.encode(block.get(key) or "", add_special_tokens=False))

        texts = block.get("end") or "", block.get("start") or ""
        return cls(block["style"], ids("start"), ids("end"), ids("forced_end"), *texts)

    @property
    def lookahead(self) -> int:
        """Tokens beyond a cap that show whether a trace of exactly that length has ended: its end marker."""
        return len(self.end) if self.style == "markers" else 1

    def stops(self, end_of_sequence: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Return the token ids and the text at which a trace stops."""
        if self.style == "prompt":
            return end_of_sequence, ""
        if len(self.end) == 1:
            return tuple(sorted({*self.end, *end_of_sequence})), ""
        return end_of_sequence, self.end_text

    def closed_by(self, stopped_at: int | None) -> bool:
        """Return whether a trace that stopped at this token, or at a text (None), stopped at its end marker.

        Otherwise the model ended the whole completion inside the trace.
        """
        return self.style == "markers" and (
            stopped_at in self.end if len(self.end) == 1 else stopped_at is None
        )


def on_day(template: dict, date: str | None) -> dict:
    """Return the arguments of a chat template with its clock stopped on a day, YYYY-MM-DD, None to leave it without."""
    return {**template, CLOCK: datetime.fromisoformat(date).strftime} if date else template


def render_prompts(
    tokenizer, questions: Sequence[tuple[str, str]], thinking: Thinking, template: dict, model: str
) -> list[tuple[int, ...]]:
    """Return the token ids of the prompts, rendered by the chat template of `model`; `questions` are (problem, text).

    With style "markers" a prompt ends inside the thinking: the start marker is appended if the template leaves it to
    the model. Raises `UserError` if neither the tokenizer nor the model's block `template` has a chat template, or if
    that fails, or takes too much time or memory.
    """
    if not (tokenizer.chat_template or template.get("chat_template")):
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer has no chat template. Add one to the model's block: "
            "template: {chat_template: \"{% for message in messages %}{{ message['content'] }}{% endfor %}\"}"
        )
    prompts = []
    with Renderer(tokenizer, {"add_generation_prompt": True, "tokenize": True, **template}) as render:
        for problem, question in questions:
            try:
                ids = tuple(render([{"role": "user", "content": question}]))
            except TemplateFault as fault:
                where = f"models.{model}.template" if "chat_template" in template else tokenizer.name_or_path
                if fault.clock:
                    raise UserError(
                        f"{where}: the chat template of model `{model}` writes today's date into the prompt, so that "
                        'every day would decode anew. Pin the day in the study\'s block: date: "2026-01-31"'
                    ) from fault
                raise UserError(
                    f"{where}: the chat template of model `{model}` {fault}, on problem `{problem}`. Correct it, or give "
                    f"another in models.{model}: template: {{chat_template: ...}}"
                ) from fault
            if thinking.style == "markers" and not _open(tokenizer, ids, thinking):
                ids += thinking.start
            prompts.append(ids)
    return prompts


def _open(tokenizer, ids: tuple[int, ...], thinking: Thinking) -> bool:
    """Return whether the last start marker comes after the last end marker.

    The text is compared, not its ids: a tokenizer may join the end of a marker with what follows it.
    """
    text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    return bool(thinking.start_text) and text.rfind(thinking.start_text) > text.rfind(thinking.end_text)


def end_of_sequence(tokenizer, generation_config: dict) -> tuple[int, ...]:
    """Return the ids that end a sequence: the tokenizer's own and those in generation_config.json."""
    listed = generation_config.get("eos_token_id")
    ids = listed if isinstance(listed, list) else [listed]
    return tuple(sorted({i for i in [tokenizer.eos_token_id, *ids] if i is not None}))
