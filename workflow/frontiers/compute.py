"""FLOPs of a model's forward passes, of whole generations, and the memory-aware cost beside them.

One multiply-add is 2 FLOPs. Counted are matrix products, attention scores and
weighted values, the convolution and scan of state-space layers, and the output
projection at the positions whose logits are used. Norms, rotary embedding,
activations, softmax, biases and the lookup of the input embedding are left out.
"""

from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from frontiers.architecture import read_architecture
from frontiers.config_fields import UnknownArchitecture
from frontiers.layers import Architecture

__all__ = [
    "KINETICS_INTENSITY",
    "Architecture",
    "Breakdown",
    "UnknownArchitecture",
    "compute_table",
    "describe",
    "forward_flops",
    "generation_flops",
    "kv_bytes_read",
    "read_architecture",
]

Count = int | float | np.ndarray
INT64_LIMIT = 2**63
KINETICS_INTENSITY = 562.5  # FLOP per byte of the reference device of arXiv 2506.05333


@dataclass(frozen=True)
class Breakdown:
    """FLOPs by component; every field is a number or an array of one common shape."""

    attention_projections: Count
    attention_scores: Count
    feed_forward: Count
    router: Count
    state_space: Count
    logits: Count

    @property
    def total(self) -> Count:
        """Sum of the components."""
        return sum(astuple(self))

    def __add__(self, other: "Breakdown") -> "Breakdown":
        return Breakdown(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def forward_flops(
    architecture: Architecture,
    new_tokens: ArrayLike,
    past_tokens: ArrayLike = 0,
    logits: ArrayLike = 1,
    attention: str = "causal",
) -> Breakdown:
    """Return the FLOPs of feeding `new_tokens` to a model that already holds `past_tokens`.

    In one pass or one by one: the FLOPs are the same. `logits` is the number of
    positions whose logits are computed, at most one per new token (more are not
    charged). The three broadcast against each other.

    `attention="causal"` charges each token the positions it attends to, itself
    included, clamped to the layer's window; `"square"` charges every new token
    all `past_tokens + new_tokens` positions, clamped to the window likewise, as
    do a kernel that masks without skipping and most published figures.

    Whole numbers give exact results, beyond 64 bits too: Python integers for
    scalars, int64 arrays for arrays (of Python integers should one not fit).
    Floats, such as mean token counts, give floats. Raises `ValueError` for
    negative or unreadable counts.
    """
    if attention not in ("causal", "square"):
        raise ValueError(f'attention must be "causal" or "square", not {attention!r}')
    new, past, outputs = _counts(new_tokens=new_tokens, past_tokens=past_tokens, logits=logits)
    projections = scores = feed_forward = router = state_space = new * 0
    for layer, count in architecture.groups:
        mixer = layer.mixer
        projections = projections + new * (count * mixer.projection_flops)
        state_space = state_space + new * (count * mixer.state_space_flops)
        feed_forward = feed_forward + new * (count * layer.feed_forward.flops)
        router = router + new * (count * layer.feed_forward.router_flops)
        if mixer.score_flops:
            scores = scores + attended(new, past, mixer.window, attention) * (count * mixer.score_flops)
    outputs = np.minimum(outputs, new) * (2 * architecture.width * architecture.vocabulary)
    scalar = all(np.ndim(x) == 0 for x in (new_tokens, past_tokens, logits))
    parts = (projections, scores, feed_forward, router, state_space, outputs)
    return Breakdown(*(_plain(part, scalar) for part in parts))


def kv_bytes_read(
    architecture: Architecture, new_tokens: ArrayLike, past_tokens: ArrayLike, element_bytes: float
) -> Count:
    """Return the bytes of keys and values read to decode `new_tokens` one by one after `past_tokens`.

    Each decoded token reads the keys and values of every position it attends
    to, itself included, in every attention layer: `2·kv_heads·d·element_bytes`
    per position, clamped to the window. Recurrent state is not part of it.
    Broadcasts; exact, as `forward_flops` is, when `element_bytes` is an integer.
    """
    new, past = _counts(new_tokens=new_tokens, past_tokens=past_tokens)
    read = new * 0
    for layer, count in architecture.groups:
        read = read + attended(new, past, layer.mixer.window) * (
            count * layer.mixer.kv_elements * element_bytes
        )
    return _plain(read, all(np.ndim(x) == 0 for x in (new_tokens, past_tokens)))


def attended(
    new: np.ndarray, past: np.ndarray, window: int | None = None, attention: str = "causal"
) -> np.ndarray:
    """Return the positions attended to by all `new` tokens after `past` together, in closed form.

    Causal: the sum over i = 1 … new of min(past + i, window). The first
    `growing` tokens see one position more than the token before, the rest a
    full window.
    """
    if attention == "square":
        return new * (past + new if window is None else np.minimum(past + new, window))
    growing = new if window is None else np.minimum(np.maximum(window - past, 0), new)
    twice = growing * (2 * past + growing + 1)
    rising = twice / 2 if twice.dtype.kind == "f" else twice // 2
    return rising if window is None else rising + (new - growing) * window


def _counts(**given: ArrayLike) -> list[np.ndarray]:
    """Return the counts broadcast to one shape of at least one dimension, whole ones as Python integers."""
    arrays = []
    for name, values in given.items():
        array = np.asarray(values)
        if array.dtype.kind == "O":  # pandas' nullable integers, or Python integers beyond 64 bits
            whole = all(isinstance(value, int | np.integer) for value in array.flat)
        else:
            whole = array.dtype.kind in "iu"
        if not whole and (array.dtype.kind != "f" or not np.isfinite(array).all()):
            raise ValueError(f"{name} must be finite numbers without gaps, not {values!r}")
        if (array < 0).any():
            raise ValueError(f"{name} must not be negative")
        arrays.append(np.atleast_1d(array.astype(object) if whole else array.astype(float)))
    return list(np.broadcast_arrays(*arrays))


def _plain(values: np.ndarray, scalar: bool) -> Count:
    """Return a scalar as a Python number; an array of integers as int64 where all of them fit."""
    if scalar:
        value = values[0]
        return value if isinstance(value, int) else float(value)
    if values.dtype.kind == "f":
        return values
    return values.astype(np.int64) if all(value < INT64_LIMIT for value in values.flat) else values


def generation_flops(
    architecture: Architecture, prompt: ArrayLike, reasoning: ArrayLike, end: ArrayLike, answer: ArrayLike
) -> dict[str, Breakdown]:
    """Return the FLOPs of whole generations, by phase: prefill, reasoning, answer.

    Arguments are tokens: of the prompt, of the trace, of the end-of-thinking
    text, of the answer with its end-of-sequence token. The prompt is fed with
    the logits of its last token; then each reasoning token with its logits; then
    the end-of-thinking text with one; then the answer, whose last token is
    never fed back, so that of A tokens A - 1 pass through the model.
    """
    prompt, reasoning, end, answer = (np.asarray(x) for x in (prompt, reasoning, end, answer))
    fed = np.maximum(answer - 1, 0)
    return {
        "prefill": forward_flops(architecture, prompt),
        "reasoning": forward_flops(architecture, reasoning, prompt, reasoning),
        "answer": forward_flops(architecture, end + fed, prompt + reasoning, np.minimum(end, 1) + fed),
    }


def compute_table(
    generations: pd.DataFrame,
    architecture: Architecture,
    element_bytes: float,
    intensity: float,
    joules: float | None = None,
) -> pd.DataFrame:
    """Return the table `compute`, one row per row of the table `generations`.

    Compute is booked as if each cap had been run alone. `eflops` is FLOPs plus
    `intensity` (FLOP per byte) times the bytes of keys and values read while
    decoding (Kinetics, 2506.05333), which counts as such every token after the
    prompt that is fed to the model. `flops_2n` takes all tokens and the active
    parameters with the input embedding. `joules` is the energy measured over
    the whole job; see `share_joules`.
    """
    tokens = {
        name: generations[f"{name}_tokens"].to_numpy(dtype=np.int64)
        for name in ("prompt", "reasoning", "end", "answer")
    }
    phases = generation_flops(architecture, *tokens.values())
    whole = phases["prefill"] + phases["reasoning"] + phases["answer"]
    decoded = tokens["reasoning"] + tokens["end"] + np.maximum(tokens["answer"] - 1, 0)
    read = kv_bytes_read(architecture, decoded, tokens["prompt"], element_bytes)
    table = generations[["problem_id", "sample", "cap"]].reset_index(drop=True)
    table["flops"] = whole.total
    for phase, flops in phases.items():
        table[f"flops_{phase}"] = flops.total
    table["flops_attention"] = whole.attention_projections + whole.attention_scores
    table["flops_feed_forward"] = whole.feed_forward + whole.router
    table["flops_state_space"] = whole.state_space
    table["flops_logits"] = whole.logits
    table["flops_2n"] = 2 * architecture.parameters(active=True) * sum(tokens.values())
    table["eflops"] = table["flops"].astype(float) + intensity * np.asarray(read, dtype=float)
    table["kv_bytes"] = read if read.dtype.kind == "i" else np.rint(read).astype(np.int64)
    table["joules"] = share_joules(table, tokens["reasoning"], joules)
    return table


def share_joules(table: pd.DataFrame, reasoning_tokens: np.ndarray, joules: float | None) -> np.ndarray:
    """Return each generation's share of the measured energy of its job; NaN when none was measured.

    A job decodes one trace per problem and sample, to its longest cap, and one
    answer for each length of trace. Its energy is divided by the FLOPs of that
    work, and each generation is booked its own FLOPs at that rate: what it
    would have taken alone, at the utilisation of the whole job.
    """
    if joules is None:
        return np.full(len(table), np.nan)
    rows = table.assign(tokens=reasoning_tokens, trace=table["flops_prefill"] + table["flops_reasoning"])
    traces = rows.groupby(["problem_id", "sample"])["trace"].max().sum()
    answers = rows.groupby(["problem_id", "sample", "tokens"])["flops_answer"].max().sum()
    return joules * table["flops"].to_numpy(dtype=float) / float(traces + answers)


def describe(architecture: Architecture, element_bytes: float) -> dict:
    """Return what `models/<model>.json` says of an architecture; sizes in bytes take `element_bytes` each."""

    def part(values) -> dict:
        return {f.name: getattr(values, f.name) for f in fields(values) if f.name != "width"}

    layers = [
        {
            "count": count,
            "mixer": {"kind": type(layer.mixer).__name__.lower(), **part(layer.mixer)},
            "feed_forward": part(layer.feed_forward),
        }
        for layer, count in architecture.groups
    ]
    return {
        "architecture": architecture.name,
        "family": architecture.family,
        "kind": architecture.kind,
        "total_params": architecture.parameters(),
        "total_params_no_embedding": architecture.parameters(embedding=False),
        "active_params": architecture.parameters(active=True),
        "active_params_no_embedding": architecture.parameters(active=True, embedding=False),
        "element_bytes": element_bytes,
        "kv_bytes_per_token": architecture.kv_bytes_per_token(element_bytes),
        "state_bytes": architecture.state_bytes(element_bytes),
        "width": architecture.width,
        "vocabulary": architecture.vocabulary,
        "tied_embeddings": architecture.tied,
        "layers": layers,
    }
