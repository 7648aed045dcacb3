"""The language models of multimodal Gemma checkpoints alone, for vLLM.

vLLM's own classes for Gemma 3 (4B to 27B) and Gemma 3n also build processors and towers for images and sound, which
need torchvision and timm and take memory, even with `language_model_only`. Nothing here reads an image.

Only vLLM imports this module, see `vllm_plugin`.
"""

from collections.abc import Iterable, Iterator

import torch
from vllm.config import VllmConfig
from vllm.model_executor.models.gemma3 import Gemma3ForCausalLM
from vllm.model_executor.models.gemma3n import Gemma3nForCausalLM

PREFIXES = {
    "language_model.model.": "model.",
    "model.language_model.": "model.",
    "language_model.lm_head.": "lm_head.",
    "lm_head.": "lm_head.",
}
"""How checkpoints begin the names of the language model's weights, and how its class does; others are of towers."""


def text_of(vllm_config: VllmConfig) -> VllmConfig:
    """Return the configuration of the language model."""
    return vllm_config.with_hf_config(vllm_config.model_config.hf_config.get_text_config())


def text_weights(weights: Iterable[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights of the language model under the names of its own class."""
    for name, tensor in weights:
        for prefix, own in PREFIXES.items():
            if name.startswith(prefix):
                yield own + name.removeprefix(prefix), tensor
                break


class Gemma3Text(Gemma3ForCausalLM):
    """The language model of Gemma 3 4B, 12B and 27B."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = ""):
        super().__init__(vllm_config=text_of(vllm_config), prefix=prefix)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load the weights of the language model; return their names."""
        return super().load_weights(text_weights(weights))


class Gemma3nText(Gemma3nForCausalLM):
    """The language model of Gemma 3n E2B and E4B."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = ""):
        super().__init__(vllm_config=text_of(vllm_config), prefix=prefix)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load the weights of the language model; return their names."""
        return super().load_weights(text_weights(weights))
