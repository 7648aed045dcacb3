"""Bytes that a model occupies and moves: weights, cache and recurrent state.

Traffic is what must pass between a device's memory and its chip at least once.
Activations, which stay near the chip, and padding of pages are not counted.
Figures are floats, as they include shared-out scales and expected values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import Count, kv_bytes_read
from frontiers.compute.layer_parts import Part
from frontiers.compute.precision import Precision

__all__ = ["Traffic", "bytes_moved", "distinct_experts", "sequence_bytes", "weight_bytes", "weights_read"]


@dataclass(frozen=True)
class Traffic:
    """Bytes moved, by kind; every field is a number or an array of one common shape."""

    weights: Count
    kv_read: Count
    kv_written: Count
    state: Count

    @property
    def total(self) -> Count:
        """Sum of all."""
        return sum(vars(self).values())

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(**{name: value + vars(other)[name] for name, value in vars(self).items()})


def weight_bytes(architecture: Architecture, precision: Precision) -> float:
    """Return the bytes of all weights, in a checkpoint as in a device's memory."""
    inside = sum(part.parameters() * count for part, count in architecture.parts)
    outside = architecture.parameters() - inside
    return outside * precision.rest + _parts(architecture, precision, lambda part: part.experts)


def weights_read(architecture: Architecture, precision: Precision, batch: ArrayLike) -> Count:
    """Return the bytes of weights that one pass over `batch` tokens reads; broadcasts over `batch`.

    A decode step has one token of each sequence. Every matrix, every norm and the
    output head are read once; of the experts, those that any token chooses (see
    `distinct_experts`); of lookup tables, one row per token.
    """
    tokens = _at_least_one("batch", batch)
    head = architecture.vocabulary * architecture.width
    once = architecture.norms + head + architecture.logits_bias * architecture.vocabulary
    rows = architecture.width + architecture.lookups / architecture.vocabulary
    parts = _parts(architecture, precision, lambda part: distinct_experts(part, tokens))
    return plain(parts + precision.rest * (once + rows * tokens))


def distinct_experts(part: Part, tokens: ArrayLike) -> Count:
    """Return the expected number of distinct experts that `tokens` tokens choose.

    `E·(1 - (1 - k/E)^tokens)`, assuming that each token draws k of E experts
    uniformly and independently of the others. Real routers favour some experts,
    and tokens on one subject choose similar ones, so fewer are read.
    """
    if not part.experts:
        return 0.0
    return part.experts * (1 - (1 - part.active_experts / part.experts) ** np.asarray(tokens, dtype=float))


def sequence_bytes(architecture: Architecture, precision: Precision, context: ArrayLike) -> Count:
    """Return the bytes of cache (within window or chunk) and state of one sequence of `context` tokens."""
    tokens = np.asarray(context, dtype=float)
    cached = sum(
        part.kv_elements * count * part.reach.kept(tokens)
        for part, count in architecture.parts
        if part.kv_elements
    )
    return plain(cached * precision.cache + _state(architecture, precision) + 0 * tokens)


def bytes_moved(
    architecture: Architecture,
    precision: Precision,
    prompt_tokens: ArrayLike,
    decoded_tokens: ArrayLike,
    batch: ArrayLike = 1,
) -> dict[str, Traffic]:
    """Return the bytes that one generation moves, by phase: prefill, decode.

    `decoded_tokens` are those fed to the model one by one after the prompt.
    `batch` equal sequences run at once and share every read of the weights; each
    generation is charged its share. Prefill is one pass over all prompts of the
    batch. It writes the cache and reads it once, like a kernel that never returns
    to a block of keys; each decoded token reads all that it attends to
    (`kv_bytes_read`) and adds its own. Every pass reads and writes the recurrent
    state. The three counts broadcast; everything is in closed form. Raises
    `ValueError` for negative or unreadable counts.
    """
    sequences = _at_least_one("batch", batch)
    kv_read = kv_bytes_read(architecture, decoded_tokens, prompt_tokens, precision.cache)
    prompt, decoded = (np.asarray(x, dtype=float) for x in (prompt_tokens, decoded_tokens))
    written, read = (
        sum(value(part) * count for part, count in architecture.parts) * precision.cache
        for value in (lambda part: part.kv_elements, lambda part: part.kv_read)
    )
    state = 2 * _state(architecture, precision)
    passes = np.minimum(prompt, 1)
    prefill = passes * weights_read(architecture, precision, np.maximum(sequences * prompt, 1)) / sequences
    step = weights_read(architecture, precision, sequences) / sequences
    return {
        "prefill": _traffic(prefill, read * prompt, written * prompt, state * passes, decoded),
        "decode": _traffic(step * decoded, kv_read, written * decoded, state * decoded, prompt),
    }


def _parts(
    architecture: Architecture, precision: Precision, experts: Callable[[Part], Count]
) -> float | np.ndarray:
    """Return the bytes of all parts, with `experts(part)` experts of each."""
    return sum(count * _part(part, precision, experts(part)) for part, count in architecture.parts)


def _part(part: Part, precision: Precision, experts: Count) -> Count:
    always = (part.matrices - part.router) * precision.of(part.component)
    always += (part.router + part.vectors) * precision.rest
    return always + experts * (
        part.expert_matrices * precision.experts + part.expert_vectors * precision.rest
    )


def _state(architecture: Architecture, precision: Precision) -> float:
    return sum(part.state_elements * count for part, count in architecture.parts) * precision.state


def _at_least_one(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if not (array >= 1).all() or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite and at least 1, not {values!r}")
    return array


def _traffic(*values: ArrayLike) -> Traffic:
    """Return the traffic of the first four values, broadcast with the others to one shape."""
    return Traffic(*(plain(array) for array in np.broadcast_arrays(*values)[:4]))


def plain(values: ArrayLike) -> Count:
    """Return a scalar as a Python float, else an array of floats."""
    array = np.asarray(values, dtype=float)
    return array if array.ndim else float(array)
