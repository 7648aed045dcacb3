"""FLOPs of an answer of which only the mean numbers of tokens are known, and how far other ways of counting lie."""

from typing import NamedTuple

import numpy as np

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import forward_flops, generation_flops

SIGMA = 0.8
"""Standard deviation of the log length that `spread` assumes. The tokens per question of the 16 runs of open models in
data/recorded/ have the second moment of a log-normal with sigma 0.59 to 0.96, median 0.82."""
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


class AnswerFlops(NamedTuple):
    """FLOPs of one answer.

    counted: of an answer of mean length, as an engine does it. expanded: the same with latent attention expanded while
    decoding too; equal without latent attention. spread: the mean if lengths are log-normal with `SIGMA` about that
    mean; more than `counted`, because attention grows with the square of the length.
    """

    counted: float
    expanded: float
    spread: float


def answer_flops(architecture: Architecture, prompt: float, output: float) -> AnswerFlops:
    """Return the FLOPs of an answer of `output` tokens to `prompt` tokens, means; the last token is never fed back."""

    def counted(tokens: np.ndarray) -> np.ndarray:
        phases = generation_flops(architecture, np.full_like(tokens, prompt), 0.0, 0.0, tokens)
        return sum(phase.total for phase in phases.values())

    mean = expanded = float(counted(np.array([float(output)]))[0])
    if architecture.absorbed() is not architecture:
        fed = max(output - 1.0, 0.0)
        both = forward_flops(architecture, prompt) + forward_flops(architecture, fed, prompt, fed)
        expanded = float(both.total)
    lengths = output * np.exp(SIGMA * NODES - SIGMA**2 / 2)
    return AnswerFlops(mean, expanded, float(WEIGHTS @ counted(lengths) / WEIGHTS.sum()))
