"""Training of the pocket models: recipe in, a checkpoint in Hugging Face form out."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from frontiers.core.paths import DATA
from frontiers.generation.engines.thought_model import EMBEDDING_SCALE
from frontiers.pocket import judge as pocket_judge
from frontiers.pocket import reward as pocket_reward
from frontiers.pocket import world as pocket

IGNORED = -100
MICRO_BATCH = 64
SHIPPED = DATA / "pocket" / "models"
Batch = list[tuple[torch.Tensor, torch.Tensor]]
"""Micro-batches of (ids, labels), int64, shape (rows, tokens)."""
Step = Callable[[PreTrainedModel, Batch], dict[str, float]]
"""Adds the gradient of a batch to the parameters; returns what to log, the loss among it."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training: `steps` optimiser steps of `batch` problems.

    A problem has one of `problem_steps` comparisons and one of `distractors` clauses it does not need.
    `cut_share` of the traces are cut at a random token and followed by the
    answer at once, so that the model learns to answer when asked early; the
    loss leaves out the arbitrary cut itself and the trace before it. With
    `traces` false there is no trace at all: the model learns to end its
    thinking at once. The reward model also learns from what the shipped models
    of the names in `writers` write to so many of the problems, `written`, each.
    """

    steps: int
    batch: int
    problem_steps: tuple[int, ...]
    cut_share: float = 0.0
    traces: bool = True
    distractors: tuple[int, ...] = pocket.DISTRACTORS
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
    """In which the passes of training compute; a processor without it is several times slower in bfloat16."""
    initial: str = ""
    """Shipped model whose weights it starts from, but for the head; none without."""
    task: str = "solve"
    """solve: trace and answer of a problem. judge: yes or no to the end of a solution (`pocket_judge`).
    reward: right or wrong at the end of each step of a solution (`pocket_reward`).
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


def words_of(task: str) -> list[str]:
    """Return the vocabulary of a task, the id being the position; the tokens of thoughts come last."""
    if task == "judge":
        return pocket_judge.vocabulary()
    return pocket.vocabulary() + ([*pocket.THOUGHT] if task == "thoughts" else [])


def build_tokenizer(task: str = "solve") -> PreTrainedTokenizerFast:
    """Return the tokenizer of a task, one id per token of the vocabulary, with the chat template."""
    words = words_of(task)
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=pocket.PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex("|".join(longest_first) + r"|\S+"), behavior="removed", invert=True
    )
    gaps = (decoders.Replace(gap, closed) for gap, closed in pocket.GAPS)
    tokenizer.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse(), *gaps]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pocket.PAD,
        eos_token=pocket.EOS,
        additional_special_tokens=[
            word for word in (pocket.THINK, pocket.END_THINK, *pocket.THOUGHT) if word in words
        ],
        chat_template=pocket_judge.CHAT_TEMPLATE if task == "judge" else pocket.CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def build_model(recipe: Recipe) -> PreTrainedModel:
    """Return the recipe's model, what weights it does not start from another's drawn from its seed."""
    torch.manual_seed(recipe.seed)
    words = recipe.words
    config = AutoConfig.for_model(
        recipe.model_type,
        vocab_size=len(words),
        pad_token_id=words.index(pocket.PAD),
        eos_token_id=words.index(pocket.EOS),
        bos_token_id=None,
        **recipe.architecture,
    )
    form = AutoModelForTokenClassification if recipe.task == "reward" else AutoModelForCausalLM
    how = {"attn_implementation": "eager", "dtype": torch.float32}
    if recipe.initial:
        return form.from_pretrained(SHIPPED / recipe.initial, config=config, **how)
    return form.from_config(config, **how)


def encode(
    problem: pocket.Problem, ids: dict[str, int], cut: int | None = None, traces: bool = True
) -> tuple[list[int], list[int]]:
    """Return (token ids, labels) of one training text; `cut` keeps that many tokens of the trace."""
    prompt = [ids[w] for w in problem.question] + [ids[pocket.THINK]]
    trace = [ids[w] for w in problem.trace] if traces else []
    answer = [ids[w] for w in problem.answer] + [ids[pocket.EOS]]
    end = [ids[pocket.END_THINK]]
    if cut is None:
        return prompt + trace + end + answer, [IGNORED] * len(prompt) + trace + end + answer
    kept = trace[:cut]
    return prompt + kept + end + answer, [IGNORED] * (len(prompt) + cut + 1) + answer


def batches(phase: Phase, seed: str) -> Iterator[Batch]:
    """Yield batches without end, each a list of micro-batches of (ids, labels), int64, shape (rows, tokens).

    Texts of like length share a micro-batch, which keeps padding small.
    """
    ids = {token: i for i, token in enumerate(pocket.vocabulary())}
    problems = pocket.draw_problems(seed, phase.problem_steps, False, phase.distractors)
    cuts = random.Random(f"{seed} cuts")
    while True:
        texts = []
        for problem in islice(problems, phase.batch):
            cut = None
            if cuts.random() < phase.cut_share:
                cut = cuts.randrange(len(problem.trace))
            texts.append(encode(problem, ids, cut, phase.traces))
        texts.sort(key=lambda text: len(text[0]))
        yield [pad(texts[i : i + MICRO_BATCH]) for i in range(0, len(texts), MICRO_BATCH)]


def judge_texts(phase: Phase, seed: str) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (token ids, labels) of asks and replies without end; the reply alone is learnt."""
    tokenizer = build_tokenizer("judge")
    for prompt, reply in pocket_judge.draw(seed, phase.problem_steps, phase.distractors):
        asked, told = tokenizer([prompt, reply])["input_ids"]
        told = [*told, tokenizer.eos_token_id]
        yield asked + told, [IGNORED] * len(asked) + told


def judge_batches(phase: Phase, seed: str) -> Iterator[Batch]:
    """Yield batches of asks without end, as `batches` does of problems."""
    texts = judge_texts(phase, seed)
    while True:
        batch = sorted(islice(texts, phase.batch), key=lambda text: len(text[0]))
        yield [pad(batch[i : i + MICRO_BATCH]) for i in range(0, len(batch), MICRO_BATCH)]


def reward_batches(phase: Phase, seed: str) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Yield batches of labelled solutions without end, as `batches` does of problems."""
    writers = [SHIPPED / name for name in phase.writers]
    drawn = pocket_reward.draw(seed, phase.problem_steps, phase.distractors, writers, phase.written)
    while True:
        texts = [pocket_reward.encoded(*pair, IGNORED) for pair in islice(drawn, phase.batch)]
        texts.sort(key=lambda text: len(text[0]))
        yield [pad(texts[i : i + MICRO_BATCH]) for i in range(0, len(texts), MICRO_BATCH)]


DRAWN = {"solve": batches, "thoughts": batches, "judge": judge_batches, "reward": reward_batches}
"""Task -> what it is trained on."""


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
    """Return Muon for the weight matrices and AdamW for all else (embeddings, norms, stacked experts).

    The embeddings of thoughts, which are read times `EMBEDDING_SCALE`, take steps as much smaller.
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
    """Train `model` in place, by `step_of`; same recipe, machine and number of threads, same weights.

    The learning rate
    rises over the first 100 steps, stays, and falls linearly over the last 30 %.
    `report` receives each log entry as it comes: step, loss (nats per token
    that counts) and what else the step tells, tokens seen, seconds. Returns the log.
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
            told = step_of(model, batch)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate * group.get("scale", 1.0)
                optimiser.step()
                optimiser.zero_grad()
            step += 1
            tokens += sum(ids.numel() for ids, _ in batch)
            means = means or told
            means = {name: 0.95 * mean + 0.05 * told[name] for name, mean in means.items()}
            if step % 100 == 0 or step == total:
                log.append({"step": step, **means, "tokens": tokens, "seconds": time.monotonic() - begun})
                report(log[-1])
    model.eval()
    return log


def train_step(model: PreTrainedModel, batch: Batch, precision: str = "bfloat16") -> dict[str, float]:
    """Add the gradient of a batch to the parameters; return its mean `loss` in nats per token that counts.

    Products are taken in `precision`, with weights and sums in float32.
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
        part = cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum") / counted
        loss += part.item()
        if experts:
            part = part + model.config.router_aux_loss_coef * output.aux_loss / len(batch)
        part.backward()
    return {"loss": loss}


@torch.no_grad()
def greedy_accuracy(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    steps: int,
    seed: str,
    problems: int = 200,
    traces: bool = True,
    task: str = "solve",
) -> float:
    """Return the share of fresh training-side problems whose whole trace and answer, or reply, are the likeliest tokens.

    `logits_of` gives a model's logits (rows, tokens, vocabulary) of ids (rows, tokens). Every token being the
    likeliest given the true ones before it is the same as greedy decoding writing exactly that text, at the
    price of one pass.
    """
    ids = {token: i for i, token in enumerate(pocket.vocabulary())}
    right = 0
    if task == "judge":
        texts = list(islice(judge_texts(Phase(0, 0, (steps,)), seed), problems))
    else:
        drawn = islice(pocket.draw_problems(seed, (steps,), held_out=False), problems)
        texts = [encode(problem, ids, traces=traces) for problem in drawn]
    for start in range(0, problems, MICRO_BATCH):
        tokens, labels = pad(texts[start : start + MICRO_BATCH])
        likeliest = logits_of(tokens)[:, :-1].argmax(-1)
        wanted = labels[:, 1:]
        right += int(((likeliest == wanted) | (wanted == IGNORED)).all(-1).sum())
    return right / problems
