"""The page docs/evidence/seed_figures.md: the figures of arXiv 2412.16260 with their accounting corrected."""

from pathlib import Path

import numpy as np

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.families.quiet_star import FORM
from frontiers.compute.flops import forward_flops
from frontiers.compute.thought_flops import ENDS, thought_flops
from frontiers.statistics.intervals import wilson
from frontiers.statistics.paired import mcnemar

HERE = Path(__file__).parent
PER_TOKEN = 7.65e9
QUESTIONS, SAMPLES = 128, 6
ROWS = {
    "baseline": (13, 11.22, 52.47),
    "Quiet-STaR": (41, 12.73, 554.66),
    "REBASE, width 3": (14, 2.35, 8.47),
    "REBASE, width 6": (13, 4.96, 17.82),
    "REBASE, width 16": (16, 13.57, 46.90),
    "REBASE + Quiet-STaR": (12, 4.25, 143.66),
}
"""Run -> right answers of 128, TFLOP per question, seconds per question, as published there."""
PROMPTS = (50, 200)
"""Tokens of a prompt, a wide range for a question of GSM8K and the words around it."""
THOUGHTS = (5, 6)
"""Tokens of a thought of the checkpoint, between start and end. The forward pass of its authors' code, which their
evaluation calls, makes 8 passes per token including the base's; its `infer` makes one more."""

MISTRAL = {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "sliding_window": 4096,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
BASE = read_architecture(MISTRAL)
QUIET = read_architecture({**MISTRAL, **FORM, "vocab_size": 32002})


def tokens_of(run: str) -> float:
    """Return the tokens per question that a run's published FLOPs imply, at 7.65 GFLOP each."""
    return ROWS[run][1] * 1e12 / PER_TOKEN


def samples(tokens: float, prompt: int, thoughts: int = 0) -> float:
    """Return the FLOPs of six samples with `tokens` in total, each reading the prompt, with a cache."""
    each = tokens / SAMPLES
    model = QUIET if thoughts else BASE
    base = forward_flops(model, prompt).total + forward_flops(model, each - 1, prompt, each - 1).total
    inner = thought_flops(model, thoughts, prompt - 1, each).total if thoughts else 0.0
    return SAMPLES * (base + inner)


def tree(tokens: float, prompt: int, thoughts: int = 0) -> float:
    """Return the FLOPs of a policy that samples `tokens` in a tree, the prompt read once.

    A path may have 396 tokens; every token is priced at half of that context.
    """
    model = QUIET if thoughts else BASE
    base = forward_flops(model, prompt).total + tokens * forward_flops(model, 1, prompt + 198).total
    return base + (tokens * thought_flops(model, thoughts, prompt + 198, 1).total if thoughts else 0.0)


def corrected(run: str) -> tuple[float, float]:
    """Return the range of TFLOP per question over `PROMPTS` and `THOUGHTS`, without the reward model."""
    quiet = THOUGHTS if "Quiet" in run else (0,)
    price = tree if "REBASE" in run else samples
    found = [price(tokens_of(run), prompt, thought) for prompt in PROMPTS for thought in quiet]
    return min(found) / 1e12, max(found) / 1e12


def halved_at() -> int:
    """Return the context at which a token costs 7.65 G multiply-adds."""
    contexts = np.arange(4096)
    once = forward_flops(BASE, 1, contexts).total / 2
    return int(contexts[np.abs(once - PER_TOKEN).argmin()]) + 1


def detectable(rate: float = 0.1, questions: int = QUESTIONS, level: float = 0.05) -> int:
    """Return the smallest loss of right answers that McNemar's exact test can detect in the best case.

    Best case: the better run is right wherever the worse one is.
    """
    fewer = np.arange(round(rate * questions) + 1)
    return int(fewer[mcnemar(fewer, 0 * fewer) < level][0])


def page() -> str:
    """Return docs/evidence/seed_figures.md."""
    lines = []
    for run, (right, flops, seconds) in ROWS.items():
        low, high = wilson(right / QUESTIONS, QUESTIONS)
        least, most = corrected(run)
        lines.append(
            f"| {run} | {right} of {QUESTIONS} | {100 * low:.1f}–{100 * high:.1f} | {flops} | {tokens_of(run):,.0f} "
            f"| {least:.0f}–{most:.0f} | {least / flops:.1f}–{most / flops:.1f} | {seconds} |"
        )
    context = [forward_flops(BASE, 1, c - 1).total / 1e9 for c in (1, 512, 2048)]
    extra = [thought_flops(QUIET, n, 299, 1).total / forward_flops(QUIET, 1, 299).total for n in THOUGHTS]
    quiet, baseline = corrected("Quiet-STaR"), corrected("baseline")
    ratios = [
        samples(tokens_of("Quiet-STaR"), p, n) / samples(tokens_of("baseline"), p)
        for p in PROMPTS
        for n in THOUGHTS
    ]
    head = thought_flops(QUIET, 5, 299, 1).auxiliary / thought_flops(QUIET, 5, 299, 1).total
    return (
        (HERE / "seed_figures.md.in")
        .read_text(encoding="utf-8")
        .format(
            rows="\n".join(lines),
            one=f"{context[0]:.2f}",
            middle=f"{context[1]:.2f}",
            long=f"{context[2]:.2f}",
            halved=f"{halved_at():,}",
            passes=f"{THOUGHTS[0] + ENDS} or {THOUGHTS[1] + ENDS}",
            extra=f"{extra[0]:.2f} or {extra[1]:.2f}",
            head=f"{100 * head:.2f}",
            quiet=f"{quiet[0]:.0f} to {quiet[1]:.0f}",
            baseline=f"{baseline[0]:.0f} to {baseline[1]:.0f}",
            ratio=f"{min(ratios):.1f} to {max(ratios):.1f}",
            per_sample=f"{tokens_of('Quiet-STaR') / SAMPLES:.0f}",
            per_sample_base=f"{tokens_of('baseline') / SAMPLES:.0f}",
            fewer=detectable(),
            low=PROMPTS[0],
            high=PROMPTS[1],
        )
    )
