"""A whole model as layers of parts: its parameters, and the bytes of its cache and its state."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from frontiers.compute.layer_parts import LatentAttention, Part, Reach


@dataclass(frozen=True)
class Layer:
    """One layer; `norms` is the number of norm weights outside its parts."""

    parts: tuple[Part, ...]
    norms: int

    def parameters(self, active: bool = False) -> int:
        """Return the number of weights; with `active`, without the experts that do not run."""
        return self.norms + sum(part.parameters(active) for part in self.parts)


@dataclass(frozen=True)
class Architecture:
    """A whole language model: `name` is the class in `config.json`, `family` its model type there.

    `extras` are the parts outside the layers, which run once per token. `lookups`
    is the number of weights in lookup tables other than the input embedding.
    `outer_norms` are the norm weights outside the layers: one norm of the model's
    width unless the family has others. `left_out` names what the checkpoint holds
    but a forward pass for text does not use. `mixing` is the mixing head of a
    thought model, which runs once per thought, not per token.
    """

    name: str
    family: str
    width: int
    vocabulary: int
    tied: bool
    layers: tuple[Layer, ...]
    extras: tuple[Part, ...] = ()
    lookups: int = 0
    outer_norms: int | None = None
    logits_bias: bool = False
    left_out: tuple[str, ...] = ()
    mixing: Part | None = None

    @property
    def kind(self) -> str:
        """Return "hybrid" with any state-space part, else "moe" with any experts, else "dense"."""
        if any(part.state_elements for part, _ in self.parts):
            return "hybrid"
        return "moe" if any(part.experts for part, _ in self.parts) else "dense"

    @cached_property
    def groups(self) -> list[tuple[Layer, int]]:
        """Each different layer with the number of times it occurs."""
        return list(Counter(self.layers).items())

    @cached_property
    def parts(self) -> list[tuple[Part, int]]:
        """Each different part, inside the layers or outside, with the number of times it occurs."""
        return list(Counter([p for layer in self.layers for p in layer.parts] + [*self.extras]).items())

    @property
    def norms(self) -> int:
        """Number of norm weights outside the parts."""
        outer = self.width if self.outer_norms is None else self.outer_norms
        return outer + sum(layer.norms for layer in self.layers)

    def parameters(self, active: bool = False, embedding: bool = True) -> int:
        """Return the number of weights.

        `active` counts only those that take part in one token, so only the chosen
        experts. `embedding=False` excludes lookup tables: the input embedding,
        also when the output shares it, and per-layer embeddings.
        """
        table = self.vocabulary * self.width
        tables = (1 if self.tied else 2) - (not embedding)
        parts = sum(part.parameters(active) * count for part, count in self.parts)
        return (
            tables * table
            + self.lookups * embedding
            + parts
            + self.norms
            + self.logits_bias * self.vocabulary
            + (self.mixing.parameters() if self.mixing else 0)
        )

    def kv_bytes_per_token(self, element_bytes: float) -> int:
        """Return the bytes by which the cache grows with a token, until a layer's window is full.

        Compressed entries count as their share of a token.
        """
        elements = sum(Fraction(part.kv_elements * count, part.reach.rate or 1) for part, count in self.parts)
        return round(float(elements) * element_bytes)

    def kv_bytes(self, context: int, element_bytes: float) -> int:
        """Return the bytes of the cache at `context` tokens; a layer keeps no more than its window or chunk."""
        elements = sum(part.kv_elements * count * int(part.reach.kept(context)) for part, count in self.parts)
        return round(elements * element_bytes)

    def state_bytes(self, element_bytes: float) -> int:
        """Return the bytes of recurrent state of one sequence, at `element_bytes` per number."""
        return round(sum(part.state_elements * count for part, count in self.parts) * element_bytes)

    @cached_property
    def token_flops(self) -> dict[str, int]:
        """FLOPs per token by component that do not depend on the context, without logits."""
        flops: Counter[str] = Counter()
        for part, count in self.parts:
            flops.update({component: count * value for component, value in part.flops.items()})
        return dict(flops)

    def by_reach(self, value: Callable[[Part], int]) -> dict[Reach, int]:
        """Return `value` of the attention parts, summed over those with the same reach."""
        sums: Counter[Reach] = Counter()
        for part, count in self.parts:
            if part.score_flops:
                sums[part.reach] += count * value(part)
        return dict(sums)

    def absorbed(self) -> "Architecture":
        """Return the same model with latent attention in the form that engines decode in; itself without such a part."""
        if not any(isinstance(part, LatentAttention) for part, _ in self.parts):
            return self

        def absorb(part: Part) -> Part:
            return replace(part, absorbed=True) if isinstance(part, LatentAttention) else part

        layers = tuple(replace(layer, parts=tuple(map(absorb, layer.parts))) for layer in self.layers)
        return replace(self, layers=layers)
