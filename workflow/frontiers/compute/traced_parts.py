"""A model as torch counted it, for classes that no family covers: written by `trace_architecture`, read like a family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from frontiers.compute.architecture import Architecture, Layer
from frontiers.compute.layer_parts import Part

FIELD = "traced"
"""The field of a `config.json` that holds the figures of a trace."""


@dataclass(frozen=True, kw_only=True)
class Traced(Part):
    """All layers of a model: `weights`, of which `idle` are of experts that do not run, and `each` FLOPs per token.

    `pair` FLOPs per token and position are scores, over the whole context: the counter sees no windows. `cached` numbers
    per token are those that the class of transformers keeps.
    """

    component: ClassVar[str] = "auxiliary"
    weights: int
    idle: int
    each: int
    pair: int
    cached: int

    def parameters(self, active: bool = False) -> int:
        """Return the weights; with `active`, without those of experts that do not run."""
        return self.weights - active * self.idle

    @property
    def flops(self) -> dict[str, int]:
        """All that does not depend on the context, which the counter does not tell apart."""
        return {self.component: self.each}

    @property
    def score_flops(self) -> int:
        """As counted."""
        return self.pair

    @property
    def kv_elements(self) -> int:
        """As counted."""
        return self.cached


def read_traced(config: Mapping[str, Any]) -> Architecture:
    """Return the architecture of a configuration to which `trace_architecture` has added what it counted."""
    figures = dict(config[FIELD])
    outer = {key: figures.pop(key) for key in ("name", "width", "vocabulary", "tied")}
    part = Traced(outer["width"], **figures)
    family = str(config.get("model_type", outer["name"]))
    return Architecture(family=family, layers=(Layer((part,), 0),), outer_norms=0, **outer)
