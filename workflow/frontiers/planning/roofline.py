"""Estimates of the time, energy and cost of generations on a device, from its rated peaks; not measurements.

Roofline model (Williams, Waterman and Patterson 2009, doi 10.1145/1498765.1498785):
a phase takes as long as its FLOPs at the peak rate or its bytes at the peak
bandwidth, whichever is longer. Both are divided by an efficiency, the share of
the peak that serving reaches in practice, given as a range.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import Breakdown, Count, forward_flops
from frontiers.compute.memory import bytes_moved, plain, sequence_bytes, weight_bytes
from frontiers.compute.precision import Precision
from frontiers.core.cli import UserError
from frontiers.data.hardware import Hardware

__all__ = ["BANDWIDTH_EFFICIENCY", "COMPUTE_EFFICIENCY", "Estimate", "Range", "estimate", "largest_batch"]

MEMORY_SHARE = 0.9
"""Share of the memory for weights, cache and state; vLLM's default `gpu_memory_utilization`."""


class Range(NamedTuple):
    """A low, likely and high value; numbers or arrays of one shape."""

    low: Count
    likely: Count
    high: Count


COMPUTE_EFFICIENCY = Range(0.2, 0.45, 0.75)
"""Share of the peak FLOP/s: 0.76 of it was reached in large-batch prefill (Pope et al., arXiv 2211.05102);
45 % is reported of the MI300X under real loads, 93 % of H100 in the best products
(aiweekly.co/alerts/amd-mi300x-hits-only-45-of-peak-flops-in-practice). The low end is a judgement."""

BANDWIDTH_EFFICIENCY = Range(0.3, 0.65, 0.85)
"""Share of the peak bandwidth: 60 to 85 % while decoding with vLLM or TensorRT-LLM, a rule of thumb
(open-source-ai.tech/glossary/model-bandwidth-utilization). The low end is a judgement: batches that are not
full at the end of a job, and scheduling on the host between short steps."""


class Estimate(NamedTuple):
    """The cost of one generation on all devices together, each a range of numbers or arrays of one shape.

    `seconds` is its share of the time of a batch of `batch` generations, prefill and
    decode together: times `devices` / 3600 it is device hours, times `batch` the time
    from its start to its end. `joules` and `dollars` are None if the device has no
    rated power or no price.
    """

    batch: Count
    prefill: Range
    decode: Range
    seconds: Range
    joules: Range | None
    dollars: Range | None


def estimate(
    architecture: Architecture,
    precision: Precision,
    hardware: Hardware,
    prompt_tokens: ArrayLike,
    decoded_tokens: ArrayLike,
    batch: ArrayLike,
    devices: int = 1,
    compute_efficiency: Range | tuple[float, float, float] = COMPUTE_EFFICIENCY,
    bandwidth_efficiency: Range | tuple[float, float, float] = BANDWIDTH_EFFICIENCY,
) -> Estimate:
    """Estimate the time, energy and cost of one generation; token counts and `batch` broadcast.

    Each phase takes the larger of FLOPs by rate and bytes by bandwidth, both of the
    whole phase: a lower bound of the sum over its steps, some of which may be bound
    by compute and some by memory. `devices` act as one with that multiple of rate,
    bandwidth and memory; their communication is not counted. `batch` generations of
    this length run at once, or as many as fit in memory (`largest_batch`). Latent
    attention decodes on its latents.

    Quantised matrices are multiplied in the precision's `compute` type if the device
    has a rate for it, everything else in its dtype, or in float32 if the device has no
    rate for that. Energy is the rated power of the devices times the time: rather too
    much, as a memory-bound device draws less, but without host and cooling. Raises
    `UserError` if not even one generation fits, or the device lacks a figure;
    `ValueError` for counts and efficiencies out of range.
    """
    compute_efficiency, bandwidth_efficiency = Range(*compute_efficiency), Range(*bandwidth_efficiency)
    for name, (low, likely, high) in (("compute", compute_efficiency), ("bandwidth", bandwidth_efficiency)):
        if not 0 < low <= likely <= high <= 1:
            raise ValueError(f"{name}_efficiency must ascend between 0 and 1, not {(low, likely, high)}")
    context = np.asarray(prompt_tokens) + np.asarray(decoded_tokens)
    together = np.minimum(batch, largest_batch(architecture, precision, hardware, context, devices))
    traffic = bytes_moved(architecture, precision, prompt_tokens, decoded_tokens, together)
    flops = {
        "prefill": forward_flops(architecture, prompt_tokens),
        "decode": forward_flops(architecture.absorbed(), decoded_tokens, prompt_tokens, decoded_tokens),
    }
    phases = {}
    for phase, moved in traffic.items():
        computing = _computing(flops[phase], precision, hardware) / devices
        moving = np.asarray(moved.total) / (hardware.bandwidth * devices)
        pairs = zip(compute_efficiency[::-1], bandwidth_efficiency[::-1], strict=True)
        phases[phase] = Range(*(plain(np.maximum(computing / c, moving / b)) for c, b in pairs))
    seconds = Range(*map(sum, zip(*phases.values(), strict=True)))
    return Estimate(
        batch=plain(together + 0 * context),
        **phases,
        seconds=seconds,
        joules=_times(seconds, hardware.power, devices),
        dollars=_times(seconds, hardware.price, devices / 3600),
    )


def largest_batch(
    architecture: Architecture,
    precision: Precision,
    hardware: Hardware,
    context: ArrayLike,
    devices: int = 1,
) -> Count:
    """Return how many sequences of `context` tokens fit in memory with the weights; broadcasts over `context`.

    All count at their full length, though they grow to it. Raises `UserError` with the
    number of devices needed if not even one fits.
    """
    if hardware.memory is None:
        raise UserError(
            f"device `{hardware.name}` ({hardware.label}) has no `memory`, so nothing can be planned on it; "
            "choose another device of data/hardware/"
        )
    room, weights = MEMORY_SHARE * hardware.memory, weight_bytes(architecture, precision)
    each = np.asarray(sequence_bytes(architecture, precision, context))
    least = weights + each.max()
    if least > room * devices:
        raise UserError(
            f"{architecture.name} takes {weights / 1e9:.1f} GB, and with one sequence of "
            f"{int(np.max(context))} tokens {least / 1e9:.1f} GB; {devices} × {hardware.label} offer "
            f"{room * devices / 1e9:.1f} GB. Give it at least {int(np.ceil(least / room))} devices"
        )
    with np.errstate(divide="ignore"):
        return plain(np.floor((room * devices - weights) / each))


def _computing(flops: Breakdown, precision: Precision, hardware: Hardware) -> np.ndarray:
    """Return the seconds at peak rates: scores and logits in the dtype, matrices in their quantised type."""
    whole = np.asarray(flops.attention_scores + flops.logits, dtype=float)
    matrices = np.asarray(flops.total, dtype=float) - whole
    quantised = _rate(hardware, precision.compute, precision.dtype)
    return whole / _rate(hardware, precision.dtype) + matrices / quantised


def _rate(hardware: Hardware, *dtypes: str) -> float:
    """Return the device's rate for the first of the types that it has one for, float32 last."""
    known = [dtype for dtype in (*dtypes, "float32") if dtype in hardware.peaks]
    return hardware.peak(known[0] if known else dtypes[0])


def _times(seconds: Range, rate: float | None, factor: float) -> Range | None:
    return None if rate is None else Range(*(value * rate * factor for value in seconds))
