"""FLOPs of forward passes and of whole generations, and the memory-aware cost.

One multiply-add is 2 FLOPs. Counted are matrix products, attention scores and
weighted values, the convolution and scan of state-space layers, and the output
projection at the positions whose logits are used. Norms, rotary embedding,
activations, softmax, biases and the lookup of the input embedding are not counted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from frontiers.compute.architecture import Architecture
from frontiers.compute.flop_columns import COMPONENTS, PHASES, ROLES, by_component
from frontiers.compute.layer_parts import WHOLE, Reach
from frontiers.core.keys import GENERATION

Count = int | float | np.ndarray
INT64_LIMIT = 2**63


@dataclass(frozen=True)
class Breakdown:
    """FLOPs by component; every field is a number or an array of one common shape."""

    attention_projections: Count
    attention_scores: Count
    feed_forward: Count
    router: Count
    state_space: Count
    auxiliary: Count
    logits: Count

    @property
    def total(self) -> Count:
        """Sum of the components."""
        return sum(vars(self).values())

    def __add__(self, other: "Breakdown") -> "Breakdown":
        return Breakdown(**{name: value + vars(other)[name] for name, value in vars(self).items()})


def forward_flops(
    architecture: Architecture,
    new_tokens: ArrayLike,
    past_tokens: ArrayLike = 0,
    logits: ArrayLike = 1,
    attention: str = "causal",
) -> Breakdown:
    """Return the FLOPs of feeding `new_tokens` to a model that already holds `past_tokens`.

    One pass and token-by-token decoding cost the same. `logits` is the number of
    positions whose logits are computed; more than one per new token are not
    charged. The three counts broadcast against each other.

    `attention="causal"` charges each token the positions it attends to, itself
    included, within the layer's window or chunk. `"square"` charges every new
    token all `past_tokens + new_tokens` positions, clamped to the window or
    chunk, as most published figures do, and kernels that mask without skipping.

    Whole numbers give exact results: Python integers for scalars, int64 arrays
    for arrays, or arrays of Python integers where 64 bits are too few. Floats,
    such as mean token counts, give floats. Raises `ValueError` for negative or
    unreadable counts.
    """
    if attention not in ("causal", "square"):
        raise ValueError(f'attention must be "causal" or "square", not {attention!r}')
    scalar = all(np.ndim(x) == 0 for x in (new_tokens, past_tokens, logits))
    scores = architecture.by_reach(lambda part: part.score_flops)
    output = 2 * architecture.width * architecture.vocabulary
    most = sum(architecture.token_flops.values()) + output, sum(scores.values())
    new, past, outputs = _counts(*most, new_tokens=new_tokens, past_tokens=past_tokens, logits=logits)
    components = {component: new * each for component, each in architecture.token_flops.items() if each}
    if scores:
        components["attention_scores"] = _weighted(new, past, scores, attention)
    components["logits"] = np.minimum(outputs, new) * output
    nothing = new * 0
    return Breakdown(*(_plain(components.get(f.name, nothing), scalar) for f in fields(Breakdown)))


def kv_bytes_read(
    architecture: Architecture, new_tokens: ArrayLike, past_tokens: ArrayLike, element_bytes: float
) -> Count:
    """Return the bytes of keys and values read to decode `new_tokens` one by one after `past_tokens`.

    In every attention layer, each decoded token reads the cache of every position
    it attends to, itself included, within window or chunk: `2·kv_heads·d·element_bytes`
    per position, or the latent in latent attention. Recurrent state is not
    included. Broadcasts; exact, like `forward_flops`, when `element_bytes` is an
    integer.
    """
    read = {r: n * element_bytes for r, n in architecture.by_reach(lambda part: part.kv_read).items()}
    most = math.ceil(sum(read.values()))
    new, past = _counts(0, most, new_tokens=new_tokens, past_tokens=past_tokens)
    total = _weighted(new, past, read, "causal") if read else new * 0
    return _plain(total, all(np.ndim(x) == 0 for x in (new_tokens, past_tokens)))


def _weighted(
    new: np.ndarray, past: np.ndarray, weights: Mapping[Reach, float], attention: str
) -> np.ndarray:
    """Return the sum over reaches of attended positions times weight."""
    return sum(attended(new, past, reach, attention) * weight for reach, weight in weights.items())


def attended(
    new: np.ndarray, past: np.ndarray, reach: Reach = WHOLE, attention: str = "causal"
) -> np.ndarray:
    """Return the positions that all `new` tokens after `past` attend to, in closed form.

    Causal within a window, or at `top` selected positions: the sum over i = 1 … new
    of min(past + i, window). The first `growing` tokens each see one position more than the token before, the
    rest a full window. Causal within chunks: the sum of (past + i - 1) mod chunk + 1,
    computed as a difference of two sums from the start, each of whole chunks and a rest. The sums over compressed
    entries and over selected blocks are such differences too.
    """
    if reach.rate is not None or reach.block is not None:
        return _selected(new, past, reach, attention)
    window, chunk = reach.window or reach.top, reach.chunk
    if chunk is not None:
        if attention == "square":
            return new * np.minimum(past + new, chunk)
        return _chunked(past + new, chunk) - _chunked(past, chunk)
    if attention == "square":
        return new * (past + new if window is None else np.minimum(past + new, window))
    growing = new if window is None else np.minimum(np.maximum(window - past, 0), new)
    rising = _half(growing * (2 * past + growing + 1))
    return rising if window is None else rising + (new - growing) * window


def _selected(new: np.ndarray, past: np.ndarray, reach: Reach, attention: str) -> np.ndarray:
    """Return the compressed entries, or positions in selected blocks, that all `new` tokens attend to."""
    if attention == "square":
        context = past + new
        seen = context // reach.rate if reach.rate else context
        return new * (seen if reach.top is None else np.minimum(seen, reach.top))
    count = _compressed if reach.rate else _in_blocks
    return count(past + new, reach) - count(past, reach)


def _compressed(tokens: np.ndarray, reach: Reach) -> np.ndarray:
    """Return the sum over t = 1 … tokens of min(t // rate, top): whole entries and a rest, then `top` each."""
    growing = tokens if reach.top is None else np.minimum(tokens, reach.rate * reach.top - 1)
    entries, rest = growing // reach.rate, growing % reach.rate
    rising = _half(reach.rate * entries * (entries - 1)) + entries * (rest + 1)
    return rising if reach.top is None else rising + (tokens - growing) * reach.top


def _in_blocks(tokens: np.ndarray, reach: Reach) -> np.ndarray:
    """Return the sum over t = 1 … tokens of t up to `top`, then of all blocks but the last and what the last one has."""
    growing = np.minimum(tokens, reach.top)
    full = (tokens - growing) * (reach.top - reach.block)
    return (
        _half(growing * (growing + 1)) + full + _chunked(tokens, reach.block) - _chunked(growing, reach.block)
    )


def _chunked(tokens: np.ndarray, chunk: int) -> np.ndarray:
    """Return the positions attended to by the first `tokens` tokens in chunks of `chunk`."""
    whole, rest = tokens // chunk, tokens % chunk
    return whole * (chunk * (chunk + 1) // 2) + _half(rest * (rest + 1))


def _half(values: np.ndarray) -> np.ndarray:
    return values / 2 if values.dtype.kind == "f" else values // 2


def _counts(each: int, square: int, **given: ArrayLike) -> list[np.ndarray]:
    """Return the counts broadcast to one shape of at least one dimension.

    Whole numbers become int64 where no intermediate result can overflow, given
    `each` FLOPs per token and `square` per pair of tokens, else Python integers.
    """
    arrays = [_count(name, values) for name, values in given.items()]
    if all(array.dtype.kind != "f" for array in arrays):
        tokens = sum(int(array.max(initial=0)) for array in arrays)
        small = tokens * (each + (square + 4) * 2 * tokens) < INT64_LIMIT
        arrays = [array.astype(np.int64 if small else object) for array in arrays]
    else:
        arrays = [array.astype(float) for array in arrays]
    return list(np.broadcast_arrays(*arrays))


def _count(name: str, values: ArrayLike) -> np.ndarray:
    """Return one argument as an array of integers or floats; raises `ValueError` naming it."""
    array = np.atleast_1d(np.asarray(values))
    if array.dtype.kind == "O":  # pandas' nullable integers, or Python integers beyond 64 bits
        whole = all(isinstance(value, int | np.integer) for value in array.flat)
        array = np.array([int(v) for v in array.flat], dtype=object).reshape(array.shape) if whole else array
    else:
        whole = array.dtype.kind in "iu"
    if not whole and (array.dtype.kind != "f" or not np.isfinite(array).all()):
        raise ValueError(f"{name} must be finite numbers without missing values, not {values!r}")
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative")
    return array


def _plain(values: np.ndarray, scalar: bool) -> Count:
    """Return a scalar as a Python number; an array of integers as int64 where all of them fit."""
    if scalar:
        value = values[0]
        return float(value) if values.dtype.kind == "f" or isinstance(value, float) else int(value)
    if values.dtype.kind != "O":
        return values
    return values.astype(np.int64) if all(value < INT64_LIMIT for value in values.flat) else values


def generation_flops(
    architecture: Architecture, prompt: ArrayLike, reasoning: ArrayLike, end: ArrayLike, answer: ArrayLike
) -> dict[str, Breakdown]:
    """Return the FLOPs of whole generations, by phase: prefill, reasoning, answer.

    Arguments are numbers of tokens: of the prompt, the trace, the end-of-thinking
    text, and the answer with its end-of-sequence token. The prompt needs the
    logits of its last token, each reasoning token its own, the end-of-thinking
    text those of one token. The last token of the answer is never fed back, so
    A - 1 of its A tokens pass through the model. Latent attention reads the prompt
    expanded and is absorbed from then on, as vLLM serves it (`Architecture.absorbed`).
    """
    decoding = architecture.absorbed()
    prompt, reasoning, end, answer = (np.asarray(x) for x in (prompt, reasoning, end, answer))
    fed = np.maximum(answer - 1, 0)
    return {
        "prefill": forward_flops(architecture, prompt),
        "reasoning": forward_flops(decoding, reasoning, prompt, reasoning),
        "answer": forward_flops(decoding, end + fed, prompt + reasoning, np.minimum(end, 1) + fed),
    }


def compute_table(
    generations: pd.DataFrame,
    architecture: Architecture,
    element_bytes: float,
    intensity: float,
    joules: float | None = None,
) -> pd.DataFrame:
    """Return the table `compute`, one row per row of the table `generations`.

    Each cap is charged as if it had been run alone. `eflops` is FLOPs plus
    `intensity` (FLOP per byte, of the device that a study names) times the bytes
    of keys and values read while decoding, that is by every token fed after the
    prompt. This follows Kinetics (Sadhukhan et al., arXiv 2506.05333), eFLOPs =
    C_comp + I·C_mem with 562.5 for their device (data/hardware/kinetics.yaml),
    which ignores reads of weights because a large batch shares them. Their formula,
    for full attention in 16 bits, sums contexts to L_in·L_out + L_out²/2; ours also
    counts the token itself, L_out/2 more. They use 2·parameters for all matrices,
    ignore the prefill, and read the prompt's cache once for all samples, we once
    for each. Recurrent state is not included. `flops_2n` uses all tokens and the
    active parameters with the input embedding. `joules` is the energy measured
    over the whole job; see `share_joules`.
    """
    tokens = {
        name: generations[f"{name}_tokens"].to_numpy(dtype=np.int64)
        for name in ("prompt", "reasoning", "end", "answer")
    }
    phases = generation_flops(architecture, *tokens.values())
    whole = phases["prefill"] + phases["reasoning"] + phases["answer"]
    decoded = tokens["reasoning"] + tokens["end"] + np.maximum(tokens["answer"] - 1, 0)
    read = kv_bytes_read(architecture, decoded, tokens["prompt"], element_bytes)
    table = generations[GENERATION].reset_index(drop=True)
    table["flops"] = whole.total
    for phase, flops in phases.items():
        table[PHASES[phase]] = flops.total
    for role, column in ROLES.items():
        table[column] = whole.total if role == "policy" else 0
    for column, spent in by_component(vars(whole)).items():
        table[column] = spent
    table["flops_2n"] = 2 * architecture.parameters(active=True) * sum(tokens.values())
    table["eflops"] = table["flops"].astype(float) + intensity * np.asarray(read, dtype=float)
    table["kv_bytes"] = read if read.dtype.kind == "i" else np.rint(read).astype(np.int64)
    table["joules"] = share_joules(table, tokens["reasoning"], joules)
    return table


def uncounted(generations: pd.DataFrame) -> pd.DataFrame:
    """Return the table `compute` of a model whose architecture is unknown: the keys, and no number."""
    spent = ["flops", *PHASES.values(), *ROLES.values(), *COMPONENTS, "flops_2n", "eflops"]
    columns = [*spent, "kv_bytes", "joules"]
    return generations[GENERATION].reset_index(drop=True).assign(**dict.fromkeys(columns, np.nan))


def share_joules(table: pd.DataFrame, reasoning_tokens: np.ndarray, joules: float | None) -> np.ndarray:
    """Return each generation's share of the measured energy of its job; NaN when none was measured.

    A job decodes one trace per problem and sample, to its longest cap, and one
    answer for each length of trace. Each generation is charged its own FLOPs at
    the job's energy per FLOP of that work: what it would have used alone at the
    utilisation of the whole job.
    """
    if joules is None:
        return np.full(len(table), np.nan)
    rows = table.assign(tokens=reasoning_tokens, trace=table["flops_prefill"] + table["flops_reasoning"])
    traces = rows.groupby(["problem_id", "sample"])["trace"].max().sum()
    answers = rows.groupby(["problem_id", "sample", "tokens"])["flops_answer"].max().sum()
    return joules * table["flops"].to_numpy(dtype=float) / float(traces + answers)
