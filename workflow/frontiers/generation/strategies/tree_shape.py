"""The shape of a tree, from its strategy's block: width, steps, and how the budget is shared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from frontiers.core.cli import UserError
from frontiers.generation.prompts import Thinking


@dataclass(frozen=True)
class Shape:
    """A tree's fields of its strategy's block. `separator` is the token id that ends a step, None to match the text."""

    method: str
    width: int
    step: str
    depth: int
    step_tokens: int
    separator: int | None
    temperature: float = 0.0
    expansion: int = 1

    @classmethod
    def from_block(cls, block: Mapping, tokenizer, thinking: Thinking) -> "Shape":
        """Read the block of a strategy; raise `UserError` if steps cannot be told from the end of thinking."""
        known = {key: block[key] for key in cls.__dataclass_fields__ if key in block}
        return cls(**known, separator=separator_id(tokenizer, block["step"], thinking))

    def widths(self, scores: Sequence[float], budget: int) -> list[int]:
        """Return the number of children of each live node."""
        if self.method == "rebase":
            return rebase_widths(scores, budget, self.temperature)
        return beam_widths(scores, budget, self.expansion)


def separator_id(tokenizer, text: str, thinking: Thinking) -> int | None:
    """Return the id of the only token that contains the separator; None if it must be matched in the text."""
    words = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    holding = [i for i, word in enumerate(words) if text in word]
    if len(holding) == 1 and words[holding[0]].strip(" ") == text.strip(" "):
        return holding[0]
    if thinking.style == "markers" and len(thinking.end) > 1:
        raise UserError(
            f"the tokenizer splits both the `step` of the tree, {text!r}, and the end of thinking, {thinking.end_text!r}, "
            "into several tokens; give the strategy a `step` that is one token"
        )
    return None


def rebase_widths(rewards: Sequence[float], budget: int, temperature: float) -> list[int]:
    """Return W_j = Round(B_i · softmax(R_j / T_b)) with sum B_i, the `budget` (Wu et al. 2024, arXiv 2408.00724, eq. 2).

    Where separate rounding does not add up to B_i, the largest remainders are rounded up (ties to the first).
    Raises `ValueError` for a reward that is not finite.
    """
    if not rewards or not all(map(math.isfinite, rewards)):
        raise ValueError(f"rewards must be finite numbers, not {list(rewards)}")
    top = max(rewards)
    weights = [math.exp((reward - top) / temperature) for reward in rewards]
    total = sum(weights)
    shares = [budget * weight / total for weight in weights]
    widths = [math.floor(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda j: (widths[j] - shares[j], j))
    for j in order[: budget - sum(widths)]:
        widths[j] += 1
    return widths


def beam_widths(rewards: Sequence[float], budget: int, expansion: int) -> list[int]:
    """Return the number of children of each node when the best ceil(budget / expansion) share the budget evenly.

    Each then has `expansion` children, or more if there are fewer nodes. Ties go to the first.
    """
    if not rewards or not all(map(math.isfinite, rewards)):
        raise ValueError(f"rewards must be finite numbers, not {list(rewards)}")
    kept = min(-(-budget // expansion), len(rewards))
    order = sorted(range(len(rewards)), key=lambda j: (-rewards[j], j))[:kept]
    widths = [0] * len(rewards)
    for place, j in enumerate(order):
        widths[j] = budget // kept + (place < budget % kept)
    return widths
