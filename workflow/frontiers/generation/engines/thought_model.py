"""Thought models: a causal language model that thinks before every token (Quiet-STaR, arXiv 2403.09629).

After each token the model reads a learned start embedding, samples n tokens of
thought, and reads a learned end embedding. A mixing head takes the hidden states
before and after the thought, both after the final norm, and weights them:
logits = W((1 - w) h_before + w h_after). As W is linear and the softmax removes
what is constant over the vocabulary, this is the paper's geometric mixture
log p = (1 - w) log p_before + w log p_after + constant, whose w is our 1 - w.
Nothing keeps w between 0 and 1. The thought is then dropped: the next token sees
the text alone.

Names, shapes and structure are those of the checkpoint `ezelikman/quietstar-8-ahead`
(modeling_mistral.py of github.com/ezelikman/quiet-star at 565852d): of the rows of
`start_embedding` and `end_embedding`, mean and log deviation, only the mean is used,
times `EMBEDDING_SCALE`; the embeddings of both tokens in the vocabulary are unused,
and neither token is ever sampled.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    DynamicCache,
    PretrainedConfig,
    PreTrainedModel,
)

from frontiers.compute.families.quiet_star import FORM
from frontiers.core.cli import UserError

START, END = "<|startthought|>", "<|endthought|>"
EMBEDDING_SCALE = 100.0


class ThoughtParts(nn.Module):
    """The layers that `thought_class` adds to a causal model."""

    def __init__(self, config: PretrainedConfig):
        super().__init__(config)
        width = config.hidden_size
        self.start_embedding = nn.Parameter(torch.zeros(2, width))
        self.end_embedding = nn.Parameter(torch.zeros(2, width))
        head = [nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.talk_head = nn.ModuleList([nn.Sequential(*head, nn.Linear(width, 1, bias=False))])
        self.post_init()

    @property
    def start(self) -> Tensor:
        """The embedding that opens a thought, shape (width,)."""
        return self.start_embedding[0] * EMBEDDING_SCALE

    @property
    def end(self) -> Tensor:
        """The embedding that closes a thought, shape (width,)."""
        return self.end_embedding[0] * EMBEDDING_SCALE

    def mix(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the logits (…, vocabulary) of hidden states (…, width) before and after a thought."""
        weight = self.talk_head[0](torch.cat([before, after], dim=-1))
        return self.lm_head((1 - weight) * before + weight * after)


def thought_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """Return the class of thought models on the causal model of `config`, under that model's own name.

    Raises `UserError` if `config` describes no mixing head, or an unsupported one.
    """
    other = {key: getattr(config, key, None) for key, wanted in FORM.items()}
    other = {key: value for key, value in other.items() if value is not FORM[key]}
    if other:
        raise UserError(
            f"config.json of {config.name_or_path or config.model_type}: not a supported thought model: "
            f"{', '.join(f'{key} is {value}, not {FORM[key]}' for key, value in other.items())}. Remove `thoughts` "
            "from the model's block, or use a checkpoint like ezelikman/quietstar-8-ahead"
        )
    base = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    return type(base.__name__, (ThoughtParts, base), {})


def load(folder: Path, dtype: str, device: str = "cpu") -> PreTrainedModel:
    """Load the thought model from the safetensors in `folder`, without running code from there.

    Raises `UserError` that names missing and unexpected weights and those of another shape.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    model, loaded = thought_class(config).from_pretrained(
        folder,
        config=config,
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    faults = {
        "missing": sorted(loaded["missing_keys"]),
        "unexpected": sorted(loaded["unexpected_keys"]),
        "of another shape": sorted(name for name, *_ in loaded["mismatched_keys"]),
    }
    faults["missing"] = [name for name in faults["missing"] if name not in faults["of another shape"]]
    if any(faults.values()):
        named = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in faults.items() if names)
        raise UserError(
            f"{folder}: its weights are not those of a {config.model_type} with thoughts ({named}). Use a "
            "checkpoint like ezelikman/quietstar-8-ahead, or download this one again"
        )
    return model.to(device).eval()


@dataclass
class Batch:
    """A batch of sequences, padded on the left: their cache and last hidden states.

    `mask` is 1 where there is a token, int64, shape (rows, positions); `hidden`, shape (rows, width), is that of
    each row's last token.
    """

    cache: DynamicCache
    mask: Tensor
    hidden: Tensor

    def select(self, rows: Tensor) -> "Batch":
        """Return only the `rows`, without the positions that none of them uses."""
        mask = self.mask[rows]
        unused = int(mask.argmax(dim=1).min())
        layers = [(k[rows, :, unused:], v[rows, :, unused:]) for k, v, _ in self.cache]
        return Batch(DynamicCache(layers), mask[:, unused:], self.hidden[rows])

    def join(self, other: "Batch") -> "Batch":
        """Return the rows of both."""
        width = max(self.mask.shape[1], other.mask.shape[1])

        def padded(values: Tensor, dim: int) -> Tensor:
            shape = [*values.shape]
            shape[dim] = width - shape[dim]
            return torch.cat([values.new_zeros(shape), values], dim=dim)

        layers = [
            tuple(torch.cat([padded(a, 2), padded(b, 2)]) for a, b in zip(mine[:2], theirs[:2], strict=True))
            for mine, theirs in zip(self.cache, other.cache, strict=True)
        ]
        mask = torch.cat([padded(self.mask, 1), padded(other.mask, 1)])
        return Batch(DynamicCache(layers), mask, torch.cat([self.hidden, other.hidden]))


def prefill(model: PreTrainedModel, prompts: list[tuple[int, ...]]) -> Batch:
    """Return the batch of the token ids `prompts`."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + [*p] for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    cache = DynamicCache()
    hidden = model.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return Batch(cache, mask, hidden[:, -1])


def feed(model: PreTrainedModel, batch: Batch, embeddings: Tensor) -> Batch:
    """Return the batch continued by one embedding (width,) per row; the cache of `batch` grows in place."""
    mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.mask), 1)], dim=1)
    hidden = model.model(
        inputs_embeds=embeddings.expand(len(mask), -1)[:, None],
        attention_mask=mask,
        position_ids=batch.mask.sum(1, keepdim=True),
        past_key_values=batch.cache,
        use_cache=True,
    ).last_hidden_state
    return Batch(batch.cache, mask, hidden[:, -1])


def think(
    model: PreTrainedModel, batch: Batch, temperature: float, barred: Tensor, uniforms: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the hidden states (rows, width) after a thought, and its tokens (rows, n); the batch is unchanged.

    `uniforms`, shape (rows, n), decide the tokens, see `draw`; `barred` ids are never drawn.
    """
    tokens: list[Tensor] = []
    after = feed(model, batch, model.start)
    for column in uniforms.T:
        logits = model.lm_head(after.hidden)
        logits[:, barred] = -torch.inf
        tokens.append(
            draw(logits / temperature if temperature else logits, None if not temperature else column)
        )
        after = feed(model, after, model.get_input_embeddings()(tokens[-1]))
    after = feed(model, after, model.end)
    batch.cache.crop(-(uniforms.shape[1] + 2))
    return after.hidden, torch.stack(tokens, dim=1)


def draw(logits: Tensor, uniforms: Tensor | None) -> Tensor:
    """Return one token id per row of `logits`: the likeliest, or where the distribution passes the `uniforms`.

    Numbers uniform on [0, 1) give draws from the softmax; the same number and logits give the same id in any
    batch.
    """
    if uniforms is None:
        return logits.argmax(-1)
    passed = logits.double().softmax(-1).cumsum(-1)
    place = torch.searchsorted(passed, uniforms.to(passed)[:, None] * passed[:, -1:], right=True)
    return place[:, 0].clamp(max=logits.shape[-1] - 1)
