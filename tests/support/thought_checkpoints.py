"""Small random thought models for the tests, and a literal Quiet-STaR without cache or batch to hold them against."""

import torch
from transformers import AutoConfig

from frontiers.compute.families.quiet_star import FORM
from frontiers.generation.engines.thought_model import thought_class
from frontiers.pocket.tokenizer import build_tokenizer

SIZES = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "vocab_size": 31,
    "tie_word_embeddings": False,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
BARRED = (29, 30)


def random_model(model_type: str, dtype=torch.float64, **changes):
    """Return a model whose distributions are far from flat and whose mixing weights differ from token to token."""
    config = AutoConfig.for_model(model_type, **{**SIZES, **FORM, **changes})
    torch.manual_seed(7)
    model = thought_class(config)(config).to(dtype).eval()
    for name, parameter in model.named_parameters():
        scale = 0.02 if name in ("start_embedding", "end_embedding") else 0.2
        if parameter.ndim > 1 or "bias" in name:
            torch.nn.init.normal_(parameter, std=scale)
    return model


def save_checkpoint(folder):
    """Put a random thought model on the pocket vocabulary into `folder`, in the form of the released checkpoint."""
    tokenizer = build_tokenizer("thoughts")
    model = random_model(
        "mistral", torch.float32, vocab_size=len(tokenizer), sliding_window=None, max_position_embeddings=256
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def hidden_of(model, embeddings: list[torch.Tensor]) -> torch.Tensor:
    """Return the hidden state at the last of the embeddings, from a whole forward pass over all of them."""
    rows = torch.stack(embeddings)[None]
    return model.model(inputs_embeds=rows, use_cache=False).last_hidden_state[0, -1]


def choose(probabilities: list[float], chance: float) -> int:
    """Return the id at which the running sum of the probabilities passes `chance` of the whole."""
    total, passed = sum(probabilities), 0.0
    for token, probability in enumerate(probabilities):
        passed += probability
        if passed > chance * total:
            return token
    raise AssertionError("a probability of one was not passed")


def without(logits: torch.Tensor) -> list[float]:
    """Return the probabilities of `logits`, those of the thought tokens, the last two of the vocabulary, 0."""
    allowed = [v.item() if i < len(logits) - 2 else float("-inf") for i, v in enumerate(logits)]
    return torch.softmax(torch.tensor(allowed, dtype=torch.float64), 0).tolist()


@torch.no_grad()
def literal(model, prompt, seed: int, count: int, thought: int, heat: float = 1.0, top_p: float = 1.0):
    """Write `count` tokens after `prompt` by the equations of arXiv 2403.09629, everything computed anew each time.

    For every token: h = LM(x), c_1 … c_n ~ LM(x, start, c), h' = LM(x, start, c, end), w = head([h; h']) and
    log p = (1 - w)·log p_LM(. | h) + w·log p_LM(. | h'), normalised. Returns the tokens, the thoughts, and
    log p over the tokens that may be written (a list each).
    """
    table, generator = model.get_input_embeddings().weight, torch.Generator().manual_seed(seed)
    start, end = 100 * model.start_embedding[0], 100 * model.end_embedding[0]
    first, _, second, _, third = model.talk_head[0]
    text, written, imagined, logs = list(prompt), [], [], []
    for _ in range(count):
        chances = torch.rand(thought + 1, generator=generator, dtype=torch.float64).tolist()
        known = [table[token] for token in text]
        before = hidden_of(model, known)
        inner = [start]
        tokens = []
        for chance in chances[:thought]:
            logits = model.lm_head.weight @ hidden_of(model, known + inner)
            tokens.append(choose(without(logits), chance))
            inner.append(table[tokens[-1]])
        after = hidden_of(model, [*known, *inner, end])
        one = torch.relu(first.weight @ torch.cat([before, after]) + first.bias)
        two = torch.relu(second.weight @ one + second.bias)
        weight = (third.weight @ two).item()
        base = torch.log_softmax(model.lm_head.weight @ before, 0)
        informed = torch.log_softmax(model.lm_head.weight @ after, 0)
        mixed = (1 - weight) * base + weight * informed
        probabilities = without(mixed)
        logs.append([torch.tensor(p, dtype=torch.float64).log().item() for p in probabilities])
        warm = without(mixed / heat)
        kept, mass = set(), 0.0
        for token in sorted(range(len(warm)), key=lambda token: -warm[token]):
            if mass < top_p:
                kept.add(token)
                mass += warm[token]
        written.append(choose([p if i in kept else 0.0 for i, p in enumerate(warm)], chances[thought]))
        imagined.append(tokens)
        text.append(written[-1])
    return written, imagined, logs
