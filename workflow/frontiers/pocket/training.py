"""Training of the pocket models, from a recipe to a checkpoint in Hugging Face format."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from frontiers.core.paths import DATA
from frontiers.generation.engines.thought_model import EMBEDDING_SCALE
from frontiers.pocket import judge, reward, world
from frontiers.pocket.tokenizer import build_tokenizer, words_of

IGNORED = -100
MICRO_BATCH = 64
SHIPPED = DATA / "pocket" / "models"
Batch = list[tuple[torch.Tensor, torch.Tensor]]
"""Micro-batches of (ids, labels), int64, shape (rows, tokens)."""
Step = Callable[[PreTrainedModel, Batch], dict[str, float]]
"""Adds the gradient of a batch to the parameters; returns values to log, including the loss."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training: `steps` optimiser steps of `batch` problems.

    The numbers of comparisons and of irrelevant clauses of a problem are drawn from
    `problem_steps` and `distractors`. A share `cut_share` of the traces is cut at a
    random token and followed by the answer, so that the model learns to answer early;
    the loss leaves out the cut and the trace before it. Without `traces` the model
    learns to end its thinking at once. With `checks` a trace computes everything that
    often again before it ends, although its answer is known. The reward model also learns from solutions by
    the shipped models named in `writers`, to `written` problems each.
    """

    steps: int
    batch: int
    problem_steps: tuple[int, ...]
    cut_share: float = 0.0
    traces: bool = True
    checks: int = 0
    distractors: tuple[int, ...] = world.DISTRACTORS
    writers: tuple[str, ...] = ()
    written: int = 0


@dataclass(frozen=True)
class Recipe:
    """How one pocket model is made. `architecture` holds the fields of its `config.json`."""

    name: str
    description: str
    model_type: str
    architecture: dict
    phases: tuple[Phase, ...]
    learning_rate: float
    seed: int
    precision: str = "bfloat16"
    """Of the computation in training; without hardware support, bfloat16 is several times slower."""
    initial: str = ""
    """Shipped model whose weights it starts from, except the head; empty for random weights."""
    task: str = "solve"
    """solve: trace and answer of a problem. judge: yes or no to the end of a solution (`judge`).
    reward: right or wrong at the end of each step of a solution (`reward`).
    thoughts: as solve, with a thought before every token (`thought_training`)."""
    thoughts: Mapping | None = None
    """How thoughts are trained: the fields of `thought_training.Plan`."""

    @property
    def words(self) -> list[str]:
        """The vocabulary of the task."""
        return words_of(self.task)

    @classmethod
    def from_mapping(cls, name: str, block: dict) -> "Recipe":
        """Read a block of `data/pocket/recipes.yaml`."""
        phases = tuple(
            Phase(**{key: tuple(value) if isinstance(value, list) else value for key, value in phase.items()})
            for phase in block["phases"]
        )
        return cls(name=name, **{**block, "phases": phases})


def build_model(recipe: Recipe) -> PreTrainedModel:
    """Return the recipe's model; weights that do not come from another model are drawn from its seed."""
    torch.manual_seed(recipe.seed)
    words = recipe.words
    config = AutoConfig.for_model(
        recipe.model_type,
        vocab_size=len(words),
        pad_token_id=words.index(world.PAD),
        eos_token_id=words.index(world.EOS),
        bos_token_id=None,
        **recipe.architecture,
    )
    form = AutoModelForTokenClassification if recipe.task == "reward" else AutoModelForCausalLM
    how = {"attn_implementation": "eager", "dtype": torch.float32}
    if recipe.initial:
        return form.from_pretrained(SHIPPED / recipe.initial, config=config, **how)
    return form.from_config(config, **how)


def encode(
    problem: world.Problem, ids: dict[str, int], cut: int | None = None, traces: bool = True
) -> tuple[list[int], list[int]]:
    """Return (token ids, labels) of one training text; `cut` keeps that many tokens of the trace."""
    prompt = [ids[w] for w in problem.question] + [ids[world.THINK]]
    trace = [ids[w] for w in problem.trace] if traces else []
    answer = [ids[w] for w in problem.answer] + [ids[world.EOS]]
    end = [ids[world.END_THINK]]
    if cut is None:
        return prompt + trace + end + answer, [IGNORED] * len(prompt) + trace + end + answer
    kept = trace[:cut]
    return prompt + kept + end + answer, [IGNORED] * (len(prompt) + cut + 1) + answer


def batches(phase: Phase, seed: str) -> Iterator[Batch]:
    """Yield batches endlessly, each a list of micro-batches of (ids, labels), int64, shape (rows, tokens).

    Texts of similar length share a micro-batch, which keeps padding small.
    """
    ids = {token: i for i, token in enumerate(world.vocabulary())}
    problems = world.draw_problems(seed, phase.problem_steps, False, phase.distractors)
    cuts = random.Random(f"{seed} cuts")
    while True:
        texts = []
        for problem in islice(problems, phase.batch):
            problem, cut = problem.checked(phase.checks), None
            if cuts.random() < phase.cut_share:
                cut = cuts.randrange(len(problem.trace))
            texts.append(encode(problem, ids, cut, phase.traces))
        texts.sort(key=lambda text: len(text[0]))
        yield [pad(texts[i : i + MICRO_BATCH]) for i in range(0, len(texts), MICRO_BATCH)]


def judge_texts(phase: Phase, seed: str) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (token ids, labels) of prompts and replies endlessly; only the reply is learnt."""
    tokenizer = build_tokenizer("judge")
    for prompt, reply in judge.draw(seed, phase.problem_steps, phase.distractors):
        before, after = tokenizer([prompt, reply])["input_ids"]
        after = [*after, tokenizer.eos_token_id]
        yield before + after, [IGNORED] * len(before) + after


def judge_batches(phase: Phase, seed: str) -> Iterator[Batch]:
    """Yield batches of prompts and replies endlessly, like `batches`."""
    texts = judge_texts(phase, seed)
    while True:
        batch = sorted(islice(texts, phase.batch), key=lambda text: len(text[0]))
        yield [pad(batch[i : i + MICRO_BATCH]) for i in range(0, len(batch), MICRO_BATCH)]


def reward_batches(phase: Phase, seed: str) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Yield batches of labelled solutions endlessly, like `batches`."""
    writers = [SHIPPED / name for name in phase.writers]
    drawn = reward.draw(seed, phase.problem_steps, phase.distractors, writers, phase.written)
    while True:
        texts = [reward.encoded(*pair, IGNORED) for pair in islice(drawn, phase.batch)]
        texts.sort(key=lambda text: len(text[0]))
        yield [pad(texts[i : i + MICRO_BATCH]) for i in range(0, len(texts), MICRO_BATCH)]


DRAWN = {"solve": batches, "thoughts": batches, "judge": judge_batches, "reward": reward_batches}
"""Task -> its training batches."""


def pad(texts: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids padded with 0 and labels padded with `IGNORED`, int64, shape (rows, longest)."""
    width = max(len(ids) for ids, _ in texts)
    tokens = np.zeros((len(texts), width), np.int64)
    labels = np.full((len(texts), width), IGNORED, np.int64)
    for row, (ids, wanted) in enumerate(texts):
        tokens[row, : len(ids)] = ids
        labels[row, : len(wanted)] = wanted
    return torch.from_numpy(tokens), torch.from_numpy(labels)


def optimizers(model: PreTrainedModel, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the weight matrices and AdamW for the rest (embeddings, norms, stacked experts).

    The embeddings of thoughts are multiplied by `EMBEDDING_SCALE` when used, so their learning rate is divided by it.
    """
    matrices, others, scaled = [], [], []
    for name, parameter in model.named_parameters():
        matrix = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
        thought = name in ("start_embedding", "end_embedding")
        (matrices if matrix else scaled if thought else others).append(parameter)
    groups = [{"params": others}, *([{"params": scaled, "scale": 1 / EMBEDDING_SCALE}] if scaled else [])]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def train(
    recipe: Recipe, model: PreTrainedModel, step_of: Step, report: Callable[[dict], None]
) -> list[dict]:
    """Train `model` in place with `step_of`; the same recipe, machine and number of threads give the same weights.

    The learning rate rises over the first 100 steps, stays, and falls linearly over the
    last 30 %. `report` receives each log entry: step, loss (nats per token that counts)
    and the other values of the step, tokens seen, seconds. Returns the log.
    """
    model.train()
    optimisers = optimizers(model, recipe.learning_rate)
    total = sum(phase.steps for phase in recipe.phases)
    step, tokens, means, log, begun = 0, 0, None, [], time.monotonic()
    for number, phase in enumerate(recipe.phases):
        for batch in islice(DRAWN[recipe.task](phase, f"{recipe.seed} {number}"), phase.steps):
            rate = recipe.learning_rate * min(
                1.0, (step + 1) / 100, max(0.01, (total - step) / (0.3 * total))
            )
            logged = step_of(model, batch)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate * group.get("scale", 1.0)
                optimiser.step()
                optimiser.zero_grad()
            step += 1
            tokens += sum(ids.numel() for ids, _ in batch)
            means = means or logged
            means = {name: 0.95 * mean + 0.05 * logged[name] for name, mean in means.items()}
            if step % 100 == 0 or step == total:
                log.append({"step": step, **means, "tokens": tokens, "seconds": time.monotonic() - begun})
                report(log[-1])
    model.eval()
    return log


def train_step(model: PreTrainedModel, batch: Batch, precision: str = "bfloat16") -> dict[str, float]:
    """Add the gradient of a batch to the parameters; return its mean `loss` in nats per token that counts.

    Products are computed in `precision`; weights and sums are float32.
    """
    counted = sum(int((labels != IGNORED).sum()) for _, labels in batch)
    experts = getattr(model.config, "num_experts", 0) or 0
    loss = 0.0
    for ids, labels in batch:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            output = model(
                input_ids=ids, use_cache=False, **({"output_router_logits": True} if experts else {})
            )
        logits = output.logits[:, :-1].float().flatten(0, 1)
        share = (
            cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum") / counted
        )
        loss += share.item()
        if experts:
            share = share + model.config.router_aux_loss_coef * output.aux_loss / len(batch)
        share.backward()
    return {"loss": loss}


@torch.no_grad()
def greedy_accuracy(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    steps: int,
    seed: str,
    problems: int = 200,
    traces: bool = True,
    checks: int = 0,
    task: str = "solve",
) -> float:
    """Return the share of fresh training-side problems whose whole trace and answer, or reply, are the likeliest tokens.

    `logits_of` returns a model's logits (rows, tokens, vocabulary) of ids (rows, tokens). If every token is the
    likeliest given the true ones before it, greedy decoding writes exactly that text; this takes one pass.
    """
    ids = {token: i for i, token in enumerate(world.vocabulary())}
    right = 0
    if task == "judge":
        texts = list(islice(judge_texts(Phase(0, 0, (steps,)), seed), problems))
    else:
        drawn = islice(world.draw_problems(seed, (steps,), held_out=False), problems)
        texts = [encode(problem.checked(checks), ids, traces=traces) for problem in drawn]
    for start in range(0, problems, MICRO_BATCH):
        tokens, labels = pad(texts[start : start + MICRO_BATCH])
        likeliest = logits_of(tokens)[:, :-1].argmax(-1)
        wanted = labels[:, 1:]
        right += int(((likeliest == wanted) | (wanted == IGNORED)).all(-1).sum())
    return right / problems
