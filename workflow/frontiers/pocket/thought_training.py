"""Training of thoughts by the objective of Quiet-STaR (arXiv 2403.09629), on texts of the pocket world.

At chosen positions j of a text the model thinks: start, n sampled tokens c, end; then it reads the true tokens
that follow. All thoughts of a text run in parallel: each attends to the text up to its own j and to itself
(the paper's figure 3). With R(c) = sum over k = 1 … n_true of the mixed
log p(x_j+k | x_≤j, c, x_j+1 … x_j+k-1), the base hidden state being that at j + k - 1, the loss is

    ½·NLL of the base at every token that counts, ½·NLL of the mixture over the tokens ahead,
    and β·REINFORCE: -max(0, R(c) - mean of R over the thoughts of j)·log p(c) / n,

the last with log p at temperature 3, as in the paper, which treats its samples as importance samples. The paper
thinks at every position, with β = 1e6 and learning rates of 1e-6; here positions are redrawn at every step, an
unbiased estimate of the same sums.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy, pad
from transformers import AutoConfig, DynamicCache, PreTrainedModel

from frontiers.compute.families.quiet_star import FORM
from frontiers.generation.engines.thought_model import EMBEDDING_SCALE, draw, thought_class
from frontiers.pocket.training import IGNORED, Batch, Recipe, Step

TEMPERATURE = 3.0
INITIAL = "."
"""The token whose embedding thoughts start and end with at first: a pause, like the paper's em dash."""


@dataclass(frozen=True)
class Plan:
    """`tokens` of a thought, true tokens fed `ahead`, thoughts (`samples`) at each of the `positions` of a text.

    `policy` is the weight β of REINFORCE.
    """

    tokens: int
    ahead: int
    samples: int
    positions: int
    policy: float


def build_model(recipe: Recipe, start: Path) -> PreTrainedModel:
    """Return a thought model with the weights of the pocket model in `start`, and at first the same predictions.

    The mixing head's last matrix is zero, as in the paper's code.
    """
    torch.manual_seed(recipe.seed)
    config = AutoConfig.from_pretrained(start)
    config.update({**FORM, "vocab_size": len(recipe.words)})
    config._attn_implementation = "eager"
    model = thought_class(config)(config).float()
    weights = load_file(start / "model.safetensors")
    embeddings = weights.pop("model.embed_tokens.weight")
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        table[: len(embeddings)] = embeddings
        pause = embeddings[recipe.words.index(INITIAL)] / EMBEDDING_SCALE
        model.start_embedding[0] = pause
        model.end_embedding[0] = pause
        model.talk_head[0][-1].weight.zero_()
    left = model.load_state_dict(weights, strict=False)
    if left.unexpected_keys:
        raise ValueError(f"{start}: unexpected weights: {left.unexpected_keys}")
    return model


def step_of(plan: Plan, seed: int, precision: str) -> Step:
    """Return the training step; `seed` determines its draws of positions and thoughts."""
    generator = torch.Generator().manual_seed(seed)

    def step(model: PreTrainedModel, batch: Batch) -> dict[str, float]:
        logged = {"loss": 0.0, "base_ahead": 0.0, "mixed_ahead": 0.0, "policy": 0.0, "weight": 0.0}
        for ids, labels in batch:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                losses = objective(model, ids, labels, plan, generator)
            (losses["total"] / len(batch)).backward()
            logged["loss"] += losses["loss"].item() / len(batch)
            for name in [*logged][1:]:
                logged[name] += losses[name].item() / len(batch)
        return logged

    return step


def objective(
    model: PreTrainedModel, ids: Tensor, labels: Tensor, plan: Plan, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return the losses of texts (rows, length), as scalars: the `total` to minimise and its terms.

    `loss` is the NLL of the base, `base_ahead` and `mixed_ahead` that of both over the tokens ahead of the
    positions thought at, in nats per token; `weight` the mean mixing weight of what follows a thought.
    """
    cache = DynamicCache()
    base = model.model(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
    wanted = pad(labels[:, 1:], (0, plan.ahead), value=IGNORED)  # wanted[:, j + k]: label of token j + 1 + k
    loss = cross_entropy(
        model.lm_head(base).float().flatten(0, 1), wanted[:, : ids.shape[1]].flatten(), ignore_index=IGNORED
    )
    places = positions(wanted[:, : ids.shape[1]] != IGNORED, plan, generator)
    hidden, log_likelihood = thoughts(model, cache, places, plan, generator, ids)
    rows = torch.arange(len(ids))[:, None]
    padded = pad(base, (0, 0, 0, plan.ahead))
    mixed, plain, weights = [], [], []
    for k, after in enumerate(hidden):
        before, target = padded[rows, places + k], wanted[rows, places + k]
        weights.append(model.talk_head[0](torch.cat([before, after], dim=-1)).float())
        logits = model.mix(before, after).float()
        mixed.append(_nll(logits, target))
        with torch.no_grad():
            plain.append(_nll(model.lm_head(before).float(), target))
    mixed, plain = torch.stack(mixed), torch.stack(plain)  # (ahead, rows, thoughts)
    counts = torch.stack([wanted[rows, places + k] != IGNORED for k in range(plan.ahead)])
    # In a text with too few tokens that count, positions without one are left out.
    there = counts[0]
    gain = -mixed.detach().sum(0).unflatten(1, (-1, plan.samples))
    reward = (gain - gain.mean(-1, keepdim=True)).clamp(min=0).flatten(1)
    policy = -(reward * log_likelihood * there).sum() / there.sum()
    ahead = mixed.sum() / counts.sum()
    return {
        "total": 0.5 * loss + 0.5 * ahead + plan.policy * policy,
        "loss": loss,
        "base_ahead": plain.sum() / counts.sum(),
        "mixed_ahead": ahead,
        "policy": policy,
        "weight": (torch.stack(weights)[..., 0] * counts).sum() / counts.sum(),
    }


def logits_of(model: PreTrainedModel, plan: Plan, seed: int) -> Callable[[Tensor], Tensor]:
    """Return a function from ids (rows, tokens) to the mixed logits after one thought at every position."""
    generator = torch.Generator().manual_seed(seed)

    def logits(ids: Tensor) -> Tensor:
        cache = DynamicCache()
        base = model.model(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
        places = torch.arange(ids.shape[1]).expand(len(ids), -1)
        after, _ = thoughts(model, cache, places, replace(plan, ahead=1), generator, ids)
        return model.mix(base, after[0])

    return logits


def _nll(logits: Tensor, target: Tensor) -> Tensor:
    """Return the NLL of each target, 0 where it does not count."""
    each = cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORED, reduction="none")
    return each.view_as(target)


def positions(countable: Tensor, plan: Plan, generator: torch.Generator) -> Tensor:
    """Return the positions to think at, (rows, positions × samples): drawn among the `countable` ones of each row.

    Each is repeated `samples` times. A row with too few countable positions is filled with others.
    """
    chance = torch.rand(countable.shape, generator=generator) + countable
    chosen = chance.topk(min(plan.positions, countable.shape[1]), dim=1).indices
    return chosen.repeat_interleave(plan.samples, dim=1)


def thoughts(
    model: PreTrainedModel,
    cache: DynamicCache,
    places: Tensor,
    plan: Plan,
    generator: torch.Generator,
    ids: Tensor,
) -> tuple[list[Tensor], Tensor]:
    """Think at `places` (rows, thoughts) of the text in `cache`, then read on.

    Returns the hidden states (rows, thoughts, width) after the thought and after each true token but the last,
    and the mean log-likelihood of each thought's tokens at `TEMPERATURE`.
    """
    length, count = ids.shape[1], places.shape[1]
    seen = torch.arange(length) <= places[:, :, None]
    itself = torch.eye(count, dtype=torch.bool).expand(len(ids), -1, -1)
    visible = [seen]

    def read(embeddings: Tensor) -> Tensor:
        visible.append(itself)
        mask = torch.cat(visible, dim=2)[:, None]
        return model.model(
            inputs_embeds=embeddings.expand(len(ids), count, -1),
            attention_mask=torch.where(mask, 0.0, torch.finfo(torch.float32).min),
            position_ids=places + len(visible) - 1,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state

    embed: Callable[[Tensor], Tensor] = model.get_input_embeddings()
    hidden, logs = read(model.start), []
    for _ in range(plan.tokens):
        logits = model.lm_head(hidden).float()
        logits[..., -2:] = -torch.inf
        chance = torch.rand(places.shape, generator=generator, dtype=torch.float64)
        tokens = draw(logits.detach().flatten(0, 1), chance.flatten()).view_as(places)
        logs.append((logits / TEMPERATURE).log_softmax(-1).gather(-1, tokens[..., None])[..., 0])
        hidden = read(embed(tokens))
    after = [read(model.end)]
    following = pad(ids, (0, plan.ahead))
    for k in range(1, plan.ahead):
        after.append(read(embed(following.gather(1, places + k))))
    return after, torch.stack(logs).mean(0)
