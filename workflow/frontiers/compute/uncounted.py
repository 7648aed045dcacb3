"""FLOPs that the accounting does not count: everything except matrix products, attention scores and scans.

`COSTS` gives the FLOPs per number touched: one per elementary operation, as
written in the reference implementations of `transformers`. An exponential, a
root and a comparison count as one; casts, copies and masks as none. The numbers
touched are exact, so the sum is as exact as this convention. Fused kernels do the
same arithmetic in fewer passes over memory; the time of these operations is
memory traffic, which FLOPs do not show.

With growing context the uncounted share approaches that of softmax in the
scores, 6 of 4·d FLOP: 1.2 % at heads of 128 numbers, 2.3 % at 64.

Not included: sines and cosines of positions (once per token, not per layer), time
steps and skips of state spaces, scalings of a whole stream, the choice of the
best experts, sampling; and capped scores and logits, with which Gemma 2 needs a
fifth more than this. A plain activation is charged a gate that it does not have.
"""

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import attended, forward_flops
from frontiers.compute.layer_parts import Part

__all__ = ["COSTS", "left_out_flops", "left_out_share"]


class Cost(NamedTuple):
    """FLOPs per number touched, what those numbers are, and the operations behind the FLOPs."""

    flops: int
    per: str
    operations: str


COSTS = {
    "norms": Cost(
        4, "number normalised", "square, sum, product with the inverse root, product with the weight"
    ),
    "rotary": Cost(3, "number rotated", "product with the cosine, product with the sine, sum"),
    "softmax": Cost(6, "score of attention", "scaling, maximum, difference, exponential, sum, quotient"),
    "activations": Cost(
        5, "inner number", "SiLU as negation, exponential, sum, quotient; product with what it gates"
    ),
    "additions": Cost(1, "number of the stream, and bias", "residual sum of each part; bias"),
    "routing": Cost(2, "output of an active expert", "product with its weight, sum over experts"),
}
"""By kind. A layer norm with biases has two weights per number and is charged 8, which equals its
mean, difference, square, sum, root, weight and bias; a router's softmax is charged as one of attention."""


def left_out_flops(
    architecture: Architecture,
    new_tokens: ArrayLike,
    past_tokens: ArrayLike = 0,
    attention: str = "causal",
) -> dict[str, np.ndarray]:
    """Return the uncounted FLOPs by kind of feeding `new_tokens` after `past_tokens`.

    Arguments are as in `frontiers.compute.forward_flops` and broadcast; the results
    are floats of the common shape. Raises `ValueError` for
    counts that are negative or not finite, and for an unknown `attention`.
    """
    if attention not in ("causal", "square"):
        raise ValueError(f'attention must be "causal" or "square", not {attention!r}')
    new, past = np.broadcast_arrays(np.asarray(new_tokens, float), np.asarray(past_tokens, float))
    if not (np.isfinite(new) & np.isfinite(past) & (new >= 0) & (past >= 0)).all():
        raise ValueError("new_tokens and past_tokens must be finite and not negative")
    flops = {kind: new * (COSTS[kind].flops * numbers) for kind, numbers in touched(architecture).items()}
    for reach, heads in architecture.by_reach(lambda part: part.score_heads).items():
        scores = heads * attended(new, past, reach, attention)
        flops["softmax"] = flops["softmax"] + COSTS["softmax"].flops * scores
    return flops


def left_out_share(
    architecture: Architecture, new_tokens: ArrayLike, past_tokens: ArrayLike = 0, logits: ArrayLike = 1
) -> np.ndarray:
    """Return the uncounted FLOPs divided by those that `forward_flops` counts."""
    counted = forward_flops(architecture, new_tokens, past_tokens, logits).total
    return sum(left_out_flops(architecture, new_tokens, past_tokens).values()) / np.asarray(counted, float)


def touched(architecture: Architecture) -> dict[str, int]:
    """Return how many numbers each kind touches per token, without attention scores."""
    parts = architecture.parts
    layers = [(len(layer.parts), count) for layer, count in architecture.groups]
    return {
        "norms": architecture.norms + sum(count * part.normalised for part, count in parts),
        "rotary": sum(count * part.rotated for part, count in parts),
        "softmax": sum(count * part.experts for part, count in parts),
        "activations": sum(count * part.activated for part, count in parts),
        "additions": architecture.width * sum(parts * count for parts, count in layers)
        + sum(count * biases(part) for part, count in parts),
        "routing": sum(count * part.active_experts * _output(part) for part, count in parts),
    }


def biases(part: Part) -> int:
    """Return the number of biases that a token meets in a part."""
    part = replace(part, tied=False)
    off = {f.name: type(getattr(part, f.name))(0) for f in fields(part) if f.name.endswith("bias")}
    return part.parameters(active=True) - replace(part, **off).parameters(active=True)


def _output(part: Part) -> int:
    """Return the width of an expert's output: the layer's, or that of the latent the experts share."""
    return getattr(part, "latent", None) or part.width
