"""Process reward models: how a solution is laid out for one, and what its scores of the steps come to.

Steps are texts, so the reward model may have another tokenizer than the policy. Each step is followed by
the model's step tag, and read at it: by a classifier of two labels, or by the odds of two tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from frontiers.core.cli import UserError
from frontiers.generation.requests import Scores, Scoring

AGGREGATES = ("last", "mean", "product", "min")
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"


@dataclass(frozen=True)
class Rewarder:
    """Lays solutions out for one reward model.

    `name` is the model's, `mark` that of its weights and of how it is read. `block` is its block `reward`:
    `prompt` with {question} and {steps}, or `system` for a chat template; `step` with {step}; `tag`.
    """

    name: str
    mark: str
    block: dict
    tokenizer: object
    context: int

    def __post_init__(self):
        ids = self.tokenizer.encode(self.block["tag"], add_special_tokens=False)
        # A tokenizer may spell a word with a space before it, as in the middle of a text.
        if len(ids) > 1:
            ids = ids[-1:] if self.tokenizer.decode(ids[:-1]).strip() == "" else ids
        if len(ids) != 1 or ids[0] == unknown_id(self.tokenizer):
            raise UserError(
                f"models.{self.name}.reward.tag: {self.block['tag']!r} is not one token of its tokenizer; "
                "write the step tag of its model card"
            )
        object.__setattr__(self, "tag_id", ids[0])

    def tokens(self, question: str, steps: Sequence[str]) -> tuple[int, ...]:
        """Return the token ids of a solution; raise `UserError` where the model's vocabulary lacks a word of it."""
        told = "".join(self.block["step"].replace("{step}", step) for step in steps)
        if "prompt" in self.block:
            text = self.block["prompt"].replace("{question}", question).replace("{steps}", told.rstrip())
            ids = self.tokenizer.encode(text)
        else:
            turns = [(SYSTEM, self.block.get("system")), (USER, question), (ASSISTANT, told.rstrip())]
            messages = [{"role": role, "content": content} for role, content in turns if content]
            # Tokenised as text: some tokenizers return ids, others a mapping.
            text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
            ids = self.tokenizer.encode(text, add_special_tokens=False)
        if unknown_id(self.tokenizer) in ids:
            raise UserError(
                f"models.{self.name}: its vocabulary lacks a word of {text[:200]!r}, so it cannot score what this "
                "policy writes; name a reward model that was made for these problems"
            )
        return tuple(ids)

    def scoring(self, problem: str, question: str, steps: Sequence[str]) -> Scoring | None:
        """Return the request for the scores of `steps`; None where there is no step, or no room for it.

        Tags in the question, or in a step, are not mistaken for those of the steps: a step that holds the tag
        itself gives up the places of the earlier ones, and there is no request.
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
    """Return the id that stands for words outside the vocabulary; None where every text has tokens."""
    word = tokenizer.unk_token or getattr(tokenizer.backend_tokenizer.model, "unk_token", None)
    return None if word is None else tokenizer.convert_tokens_to_ids(word)


def aggregate(scores: Sequence[float], how: str) -> float:
    """Return what the scores of a solution's steps come to: the last, their mean, product or least."""
    match how:
        case "last":
            return scores[-1]
        case "mean":
            return sum(scores) / len(scores)
        case "product":
            return math.prod(scores)
        case "min":
            return min(scores)
    raise ValueError(f"no aggregate is called {how!r}; there are {', '.join(AGGREGATES)}")


def row(scores: Scores | None) -> dict:
    """Return the columns of the table `rewards` that say what a solution scored, and at what price."""
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
    """Return the steps of a text without the separator between them; empty ones are left out."""
    return [step.strip() for step in text.split(separator) if step.strip()]
