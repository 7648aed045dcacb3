"""Generations counted per second in closed form, against a loop over tokens; both sides in one run.

    PYTHONPATH=workflow .venv/bin/python tests/benchmarks/count_flops.py

Both sides count the same generations of the same model (dense, sliding window,
experts, state space), and the figures are compared before any time is printed.
Seconds are those of the processor, of one thread: other work on the machine touches them less.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd

from frontiers.compute.architecture import Architecture, Layer
from frontiers.compute.flops import compute_table, generation_flops
from frontiers.compute.layer_parts import Attention, FeedForward, Reach
from frontiers.compute.state_space import Mamba2


def model() -> Architecture:
    """Return a model with every kind of layer, of the size of an 8 B model."""
    width = 4096
    whole = Attention(width, heads=32, kv_heads=8, head_width=128)
    sliding = Attention(width, heads=32, kv_heads=8, head_width=128, reach=Reach(window=1024))
    chunked = Attention(width, heads=32, kv_heads=8, head_width=128, reach=Reach(chunk=8192))
    scan = Mamba2(width, inner=2 * width, state=128, kernel=4, groups=8, heads=128)
    dense = FeedForward(width, intermediate=12288)
    experts = FeedForward(width, experts=64, active_experts=6, expert_intermediate=1408)
    mixers = [whole, sliding, chunked, scan] * 8
    parts = [dense, experts] * 16
    layers = tuple(Layer(pair, 2 * width) for pair in zip(mixers, parts, strict=True))
    return Architecture("Mixed", "mixed", width, 151_936, False, layers)


def naive(architecture: Architecture, prompt: int, reasoning: int, end: int, answer: int) -> int:
    """Return the FLOPs of one generation, layer by layer and token by token."""
    total, position = 0, 0
    fed = prompt + reasoning + end + max(answer - 1, 0)
    with_logits = 1 + reasoning + min(end, 1) + max(answer - 1, 0)
    for position in range(fed):
        for layer, count in architecture.groups:
            for part in layer.parts:
                total += count * sum(part.flops.values())
                window, chunk = part.reach.window, part.reach.chunk
                seen = position % chunk + 1 if chunk else min(position + 1, window or position + 1)
                total += count * part.score_flops * seen
    return total + with_logits * 2 * architecture.width * architecture.vocabulary


def closed(architecture: Architecture, tokens: np.ndarray) -> np.ndarray:
    """Return the FLOPs of many generations; `tokens` has one row per phase."""
    return sum(phase.total for phase in generation_flops(architecture, *tokens).values())


def main() -> None:
    """Draw generations, count them both ways, print rows per second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="generations in closed form")
    parser.add_argument("--naive-rows", type=int, default=20, help="generations token by token")
    parser.add_argument("--repeats", type=int, default=5, help="the best of so many runs counts")
    arguments = parser.parse_args()
    architecture, rng = model(), np.random.default_rng(1)
    tokens = np.stack([rng.integers(1, most, arguments.rows) for most in (400, 16_384, 30, 2_048)])
    closed(architecture, tokens[:, :1000])

    seconds = []
    for _ in range(arguments.repeats):
        start = time.process_time()
        counted = closed(architecture, tokens)
        seconds.append(time.process_time() - start)
    fast = arguments.rows / min(seconds)

    start = time.process_time()
    slow_counts = [naive(architecture, *map(int, row)) for row in tokens.T[: arguments.naive_rows]]
    slow = arguments.naive_rows / (time.process_time() - start)
    if slow_counts != counted[: arguments.naive_rows].tolist():
        raise SystemExit("the two ways differ")

    names = ("prompt", "reasoning", "end", "answer")
    table = pd.DataFrame({f"{name}_tokens": row for name, row in zip(names, tokens, strict=True)})
    table = table.assign(problem_id="p", sample=np.arange(len(table)), cap=pd.NA)
    start = time.process_time()
    compute_table(table, architecture, element_bytes=2, intensity=562.5)
    whole = arguments.rows / (time.process_time() - start)

    print(f"whole table  {whole:>14,.0f} generations/s, with phases, components, eFLOPs and cache traffic")
    print(
        f"closed form  {fast:>14,.0f} generations/s (median of {arguments.repeats}: "
        f"{arguments.rows / float(np.median(seconds)):,.0f})"
    )
    print(f"token loop   {slow:>14,.1f} generations/s")
    print(f"ratio        {fast / slow:>14,.0f}")


if __name__ == "__main__":
    main()
