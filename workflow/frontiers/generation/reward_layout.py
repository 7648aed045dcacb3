"""Process reward models: the layout of a solution for one, and the aggregation of its step scores.

Steps are texts, so the reward model may have another tokenizer than the policy. Each step is followed by the
model's step tag, where its score is read: from a classifier of two labels, or from the odds of two tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from frontiers.core.cli import UserError
from frontiers.generation.chat_template import Renderer, TemplateFault
from frontiers.generation.requests import Scores, Scoring

AGGREGATES = ("last", "mean", "product", "min")
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"


@dataclass(frozen=True)
class RewardLayout:
    """Lays solutions out for one reward model.

    `name` is the model's; `mark` is the fingerprint of its weights and its block. `block` is its block `reward`:
    `prompt` with {question} and {steps}, or `system` for a chat template; `step` with {step}; `tag`.
    """

    name: str
    mark: str
    block: dict
    tokenizer: object
    context: int

    def __post_init__(self):
        ids = self.tokenizer.encode(self.block["tag"], add_special_tokens=False)
        # A tokenizer may put a space before a word, as in the middle of a text.
        if len(ids) > 1:
            ids = ids[-1:] if self.tokenizer.decode(ids[:-1]).strip() == "" else ids
        if len(ids) != 1 or ids[0] == unknown_id(self.tokenizer):
            raise UserError(
                f"models.{self.name}.reward.tag: {self.block['tag']!r} is not a single token of its tokenizer; "
                "use the step tag from its model card"
            )
        object.__setattr__(self, "tag_id", ids[0])
        # Rendered as text: some tokenizers return ids, others a mapping.
        options = {"tokenize": False, "add_generation_prompt": False}
        object.__setattr__(self, "render", Renderer(self.tokenizer, options))

    def tokens(self, question: str, steps: Sequence[str]) -> tuple[int, ...]:
        """Return the token ids of a solution; raise `UserError` if the model's vocabulary lacks a word of it."""
        joined = "".join(self.block["step"].replace("{step}", step) for step in steps)
        if "prompt" in self.block:
            text = self.block["prompt"].replace("{question}", question).replace("{steps}", joined.rstrip())
            ids = self.tokenizer.encode(text)
        else:
            turns = [(SYSTEM, self.block.get("system")), (USER, question), (ASSISTANT, joined.rstrip())]
            messages = [{"role": role, "content": content} for role, content in turns if content]
            try:
                text = self.render(messages)
            except TemplateFault as fault:
                raise UserError(
                    f"models.{self.name}: its chat template {fault}. Choose another revision, or describe its input with "
                    f"models.{self.name}.reward.prompt"
                ) from fault
            ids = self.tokenizer.encode(text, add_special_tokens=False)
        if unknown_id(self.tokenizer) in ids:
            raise UserError(
                f"models.{self.name}: its vocabulary lacks a word of {text[:200]!r}, so it cannot score this policy's "
                "solutions; choose a reward model made for these problems"
            )
        return tuple(ids)

    def scoring(self, problem: str, question: str, steps: Sequence[str]) -> Scoring | None:
        """Return the request for the scores of `steps`; None if there is no step, or no room for them.

        Tags in the question do not count. If a step itself contains the tag, scores could not be assigned to
        steps, and there is no request.
        """
        if not steps:
            return None
        ids = self.tokens(question, steps)
        found = ids.count(self.tag_id)
        before = self.tokens(question, ()).count(self.tag_id)
        if len(ids) > self.context or found - before != len(steps):
            return None
        return Scoring(ids, len(steps), problem, self.mark)


def unknown_id(tokenizer) -> int | None:
    """Return the id of words outside the vocabulary; None if the tokenizer can encode every text."""
    word = tokenizer.unk_token or getattr(tokenizer.backend_tokenizer.model, "unk_token", None)
    return None if word is None else tokenizer.convert_tokens_to_ids(word)


def aggregate(scores: Sequence[float], how: str) -> float:
    """Return the aggregate of a solution's step scores: the last one, their mean, product or minimum."""
    match how:
        case "last":
            return scores[-1]
        case "mean":
            return sum(scores) / len(scores)
        case "product":
            return math.prod(scores)
        case "min":
            return min(scores)
    raise ValueError(f"unknown aggregate {how!r}; choose from {', '.join(AGGREGATES)}")


def row(scores: Scores | None) -> dict:
    """Return the columns of the table `rewards` for one solution: aggregates, steps, tokens read, status."""
    if scores is None:
        return {**dict.fromkeys(AGGREGATES), "steps": 0, "reward_tokens": 0, "status": "no_step"}
    known = None not in scores.scores
    return {
        **{how: aggregate(scores.scores, how) if known else None for how in AGGREGATES},
        "steps": len(scores.scores),
        "reward_tokens": scores.tokens,
        "status": "scored" if known else "nan",
    }


def split_steps(text: str, separator: str) -> list[str]:
    """Return the non-empty steps of a text, without the separator."""
    return [step.strip() for step in text.split(separator) if step.strip()]
