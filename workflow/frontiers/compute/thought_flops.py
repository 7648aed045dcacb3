"""FLOPs of thoughts: what a thought model computes before each token in addition to its base pass.

A thought is n + 2 passes on top of the text so far: the start embedding, n sampled tokens and the end embedding. n of
them need logits, as the end is not sampled. Then the mixing head runs once. The output projection is applied to the
mixed state instead of the base's, so `forward_flops` already counts it. There is a thought wherever a token is sampled:
after the last token of the prompt, and after each fed token that another follows. Its keys and values are then dropped.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from frontiers.compute.architecture import Architecture
from frontiers.compute.flop_columns import PHASES, ROLES, by_component
from frontiers.compute.flops import Breakdown, Count, forward_flops, kv_bytes_read, share_joules

ENDS = 2
"""Passes of a thought in addition to its tokens: its start and its end."""


def thought_flops(architecture: Architecture, thoughts: int, past: ArrayLike, tokens: ArrayLike) -> Breakdown:
    """Return the FLOPs of one thought after each of `tokens` tokens that follow `past` others.

    `thoughts` is the number n of tokens in a thought. The k-th pass of all thoughts together costs what `tokens`
    tokens cost one by one at contexts k longer, in closed form within any window or chunk. The mixing head is
    `auxiliary`. `past` and `tokens` broadcast; exact for whole numbers. Raises `ValueError` for a model
    without a mixing head, and for `thoughts` below 1.
    """
    if architecture.mixing is None or thoughts < 1:
        raise ValueError(f"{architecture.name}: no mixing head, or thoughts of {thoughts} tokens")
    past, tokens = np.asarray(past), np.asarray(tokens)
    passes = [
        forward_flops(architecture, tokens, past + k, tokens if k <= thoughts else 0)
        for k in range(1, thoughts + ENDS + 1)
    ]
    whole = sum(passes[1:], passes[0])
    head = 2 * architecture.mixing.matrices * tokens
    return replace(whole, auxiliary=whole.auxiliary + (int(head) if head.ndim == 0 else head))


def thought_kv_bytes(
    architecture: Architecture, thoughts: int, past: ArrayLike, tokens: ArrayLike, element_bytes: float
) -> Count:
    """Return the bytes of keys and values that the passes of these thoughts read, each like a decoded token."""
    past, tokens = np.asarray(past), np.asarray(tokens)
    steps = range(1, thoughts + ENDS + 1)
    return sum(kv_bytes_read(architecture, tokens, past + k, element_bytes) for k in steps)


def generation_thoughts(
    architecture: Architecture,
    thoughts: int,
    prompt: ArrayLike,
    reasoning: ArrayLike,
    end: ArrayLike,
    answer: ArrayLike,
) -> dict[str, Breakdown]:
    """Return the FLOPs of the thoughts of whole generations, by phase as `generation_flops` does.

    There is one thought wherever `generation_flops` counts logits: after the prompt; after each reasoning token (for
    a trace that ends by itself, the last is the thought before its end marker); after the end-of-thinking text; and
    after each token of the answer except the last.
    """
    places = thought_places(prompt, reasoning, end, answer)
    return {phase: thought_flops(architecture, thoughts, *place) for phase, place in places.items()}


def thought_places(
    prompt: ArrayLike, reasoning: ArrayLike, end: ArrayLike, answer: ArrayLike
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by phase the tokens before the first token with a thought, and the number of tokens with thoughts."""
    prompt, reasoning, end, answer = (np.asarray(x) for x in (prompt, reasoning, end, answer))
    opened, fed = np.minimum(end, 1), np.maximum(answer - 1, 0)
    return {
        "prefill": (prompt - 1, np.ones_like(prompt)),
        "reasoning": (prompt, reasoning),
        "answer": (prompt + reasoning + end - opened, opened + fed),
    }


def with_thoughts(
    table: pd.DataFrame,
    generations: pd.DataFrame,
    architecture: Architecture,
    thoughts: int,
    element_bytes: float,
    intensity: float,
    joules: float | None = None,
) -> pd.DataFrame:
    """Return the table `compute` of chains with the cost of their thoughts of `thoughts` tokens added.

    Other arguments as of `flops.compute_table`, which made `table` from `generations`. Thoughts are added to the
    phase in which they occur and to `flops_thought`.
    """
    names = ("prompt", "reasoning", "end", "answer")
    tokens = [generations[f"{name}_tokens"].to_numpy(dtype=np.int64) for name in names]
    phases = generation_thoughts(architecture, thoughts, *tokens)
    whole = phases["prefill"] + phases["reasoning"] + phases["answer"]
    places = thought_places(*tokens)
    read = sum(thought_kv_bytes(architecture, thoughts, *place, element_bytes) for place in places.values())
    thought = sum(count for _, count in places.values())
    added = {PHASES[phase]: flops.total for phase, flops in phases.items()} | {
        "flops": whole.total,
        ROLES["thought"]: whole.total,
        **by_component(vars(whole)),
        "flops_2n": 2 * architecture.parameters(active=True) * (thoughts + ENDS) * thought,
        "kv_bytes": np.rint(read).astype(np.int64),
        "eflops": np.asarray(whole.total, dtype=float) + intensity * np.asarray(read, dtype=float),
    }
    table = table.assign(**{name: table[name] + values for name, values in added.items()})
    return table.assign(joules=share_joules(table, tokens[1], joules))
