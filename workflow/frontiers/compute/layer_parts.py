"""The parts that layers are made of, with the formulas of their weights and FLOPs.

Every weight matrix is multiplied once per token, so its FLOPs follow from its
size. A part only adds what no matrix shows: attention scores, the scan and
convolution of a state space, and idle experts.

Every FLOP figure is per token of a forward pass, one multiply-add being 2.
Biases, norms, rotary embedding, activations and the softmax are not counted;
`normalised`, `rotated`, `activated` and `score_heads` give how many numbers they touch.
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np


class Reach(NamedTuple):
    """Which positions a token attends to: the last `window`, those of its `chunk` so far, or `top` selected ones.

    With `rate`, each `rate` positions that are complete make one entry, and a token attends to the entries, to at most
    `top` of them. With `block`, the `top` positions are selected in whole blocks of `block`, a multiple of it; the
    token's own block is one of them, and is read as far as it goes.
    """

    window: int | None = None
    chunk: int | None = None
    top: int | None = None
    rate: int | None = None
    block: int | None = None

    def kept(self, context: "int | np.ndarray") -> "int | np.ndarray":
        """Return the positions or entries that a cache keeps of `context` tokens.

        All of them where tokens select, as a later one may select any.
        """
        if self.rate:
            return context // self.rate
        limit = self.window or self.chunk
        return np.minimum(context, limit) if limit else context

    @property
    def full(self) -> int | None:
        """The context at which a token attends to as many positions as any later one; None if there is none."""
        return self.window or self.chunk or (self.top * (self.rate or 1) if self.top else None)


WHOLE = Reach()


@dataclass(frozen=True)
class Part:
    """A part of a layer on a stream of `width` numbers per token; each kind overrides what applies to it.

    The weights of a `tied` part are those of an earlier one.
    """

    width: int
    tied: bool = field(default=False, kw_only=True)
    component: ClassVar[str] = "auxiliary"  # the field of `Breakdown` that its matrices count towards
    reach: ClassVar[Reach] = WHOLE
    experts: ClassVar[int] = 0
    active_experts: ClassVar[int] = 0

    @property
    def matrices(self) -> int:
        """Weights of the matrices that every token is multiplied by."""
        return 0

    @property
    def router(self) -> int:
        """Weights of the matrices that choose experts; quantisation leaves them as they are."""
        return 0

    @property
    def vectors(self) -> int:
        """All other weights that every token meets: biases, norms, convolutions, decays, sinks."""
        return 0

    @property
    def expert_matrices(self) -> int:
        """Weights of the matrices of one expert."""
        return 0

    @property
    def expert_vectors(self) -> int:
        """Biases of one expert."""
        return 0

    def parameters(self, active: bool = False) -> int:
        """Return the number of weights, 0 if `tied`; with `active`, only experts that run are included."""
        if self.tied:
            return 0
        experts = self.active_experts if active else self.experts
        return self.matrices + self.vectors + experts * (self.expert_matrices + self.expert_vectors)

    @property
    def flops(self) -> dict[str, int]:
        """FLOPs per token by component, except those that depend on the context."""
        return {self.component: 2 * (self.matrices + self.active_experts * self.expert_matrices)}

    @property
    def score_flops(self) -> int:
        """FLOPs of attention scores and weighted values, per token and attended position."""
        return 0

    @property
    def score_heads(self) -> int:
        """Numbers that pass through the softmax, per token and attended position."""
        return 0

    @property
    def kv_elements(self) -> int:
        """Numbers that each token adds to the key-value cache."""
        return 0

    @property
    def kv_read(self) -> int:
        """Numbers read from the key-value cache, per token and attended position."""
        return self.kv_elements

    @property
    def state_elements(self) -> int:
        """Numbers kept as recurrent state, per sequence, however long."""
        return 0

    @property
    def normalised(self) -> int:
        """Numbers that pass through a norm, per token."""
        return 0

    @property
    def rotated(self) -> int:
        """Numbers that the rotary embedding rotates, per token."""
        return 0

    @property
    def activated(self) -> int:
        """Numbers that pass through the activation function, per token."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Attention(Part):
    """Attention with `heads` query heads sharing `kv_heads` keys and values of `head_width`.

    `qk_norm` is how queries and keys are normalised: "head" (per head, with weights
    for one head), "weightless" (per head, without weights), "all" (over all heads,
    with a weight per number) or None; `v_norm` is a norm of the values without
    weights. `shared_kv` layers take keys and values from an earlier layer and
    have no matrices for them. `rotary` is the rotated share of a head's numbers.
    `value_width` is the width of a value if it is not that of a key, and `keys_as_values`
    layers make both with one matrix. Of the output of each head, `gate` numbers made
    from the stream scale what passes: one, or as many as the head has. `output_width` is
    that of the stream it writes to if it is not the one it reads.
    """

    component: ClassVar[str] = "attention_projections"
    heads: int
    kv_heads: int
    head_width: int
    reach: Reach = WHOLE
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: str | None = None
    v_norm: bool = False
    sinks: bool = False
    shared_kv: bool = False
    rotary: float = 1.0
    value_width: int | None = None
    keys_as_values: bool = False
    gate: int = 0
    output_width: int | None = None

    @property
    def _output(self) -> int:
        return self.output_width or self.width

    @property
    def _queries(self) -> int:
        return self.heads * self.head_width

    @property
    def _keys(self) -> int:
        return 0 if self.shared_kv else self.kv_heads * self.head_width

    @property
    def _value(self) -> int:
        return self.value_width or self.head_width

    @property
    def _values(self) -> int:
        return 0 if self.shared_kv else self.kv_heads * self._value

    @property
    def _projected(self) -> int:
        """Numbers made from the stream: queries, keys, values and gates."""
        values = 0 if self.keys_as_values else self._values
        return self._queries + self._keys + values + self.heads * self.gate

    @property
    def matrices(self) -> int:
        """Query, key, value and output: `D·d·(2·heads + 2·kv_heads)` where all widths are equal; and the gate."""
        return self.width * self._projected + self._output * self.heads * self._value

    @property
    def vectors(self) -> int:
        """Biases, the norms of queries and keys, and one sink per head."""
        biases = self.qkv_bias * self._projected + self.output_bias * self._output
        own = 0 if self.shared_kv else 1
        norms = {
            None: 0,
            "weightless": 0,
            "head": (1 + own) * self.head_width,
            "all": self._queries + self._keys,
        }
        return biases + norms[self.qk_norm] + self.sinks * self.heads

    @property
    def score_flops(self) -> int:
        """`2·heads·(d + value width)`: one product of query and key, one of weight and value."""
        return 2 * self.heads * (self.head_width + self._value)

    @property
    def score_heads(self) -> int:
        """One score for each head."""
        return self.heads

    @property
    def kv_elements(self) -> int:
        """One key and one value for each key-value head, unless another layer keeps them."""
        return self._keys + self._values

    @property
    def kv_read(self) -> int:
        """One key and one value for each key-value head, whichever layer keeps them."""
        return self.kv_heads * (self.head_width + self._value)

    @property
    def normalised(self) -> int:
        """All queries and keys where they are normalised, and the values."""
        return bool(self.qk_norm) * (self._queries + self._keys) + self.v_norm * self._values

    @property
    def rotated(self) -> int:
        """The rotated share of all queries and keys."""
        return round(self.rotary * (self._queries + self._keys))

    @property
    def activated(self) -> int:
        """The gates."""
        return self.heads * self.gate


@dataclass(frozen=True, kw_only=True)
class LatentAttention(Part):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).

    Keys and values come from one latent of `kv_rank` numbers per token and from
    `rope_width` rotated key numbers that all heads share; the cache keeps both.
    Queries pass a latent of `query_rank`, or none. By default keys and values of
    every head are computed once per token, as in prefill. `absorbed` is the form
    that engines decode in: the matrix for keys and values is multiplied into query
    and output, so the projections cost the same and the scores are computed on the
    latents, `2·heads·(2·kv_rank + rope_width)` each. vLLM 0.32 has both, as
    `forward_mha` and `forward_mqa` in its mla_attention.py. If `gated`, numbers made from
    the stream scale every number of the heads' output. `rotary` is the rotated share of the
    `rope_width` numbers: 0 in models without positions.
    """

    component: ClassVar[str] = "attention_projections"
    heads: int
    query_rank: int | None
    kv_rank: int
    nope_width: int
    rope_width: int
    value_width: int
    bias: bool = False
    reach: Reach = WHOLE
    absorbed: bool = False
    gated: bool = False
    rotary: float = 1.0

    @property
    def _gates(self) -> int:
        return self.gated * self.heads * self.value_width

    @property
    def matrices(self) -> int:
        """Low-rank queries, low-rank keys and values, output; and the gate."""
        queries = self.heads * (self.nope_width + self.rope_width)
        query = self.width * queries if self.query_rank is None else self.query_rank * (self.width + queries)
        down = self.width * (self.kv_rank + self.rope_width)
        up = self.kv_rank * self.heads * (self.nope_width + self.value_width)
        return query + down + up + (self.heads * self.value_width + self._gates) * self.width

    @property
    def vectors(self) -> int:
        """The norms of both latents, and the biases of the down-projections and the output."""
        latents = (self.query_rank or 0) + self.kv_rank
        return latents + self.bias * ((self.query_rank or 0) + self.kv_rank + self.rope_width + self.width)

    @property
    def score_flops(self) -> int:
        """`2·heads·(nope + rope + value)`, or the cost on the latents when `absorbed`."""
        if self.absorbed:
            return 2 * self.heads * (2 * self.kv_rank + self.rope_width)
        return 2 * self.heads * (self.nope_width + self.rope_width + self.value_width)

    @property
    def score_heads(self) -> int:
        """One score for each head."""
        return self.heads

    @property
    def kv_elements(self) -> int:
        """The latent and the shared rotated key."""
        return self.kv_rank + self.rope_width

    @property
    def normalised(self) -> int:
        """Both latents."""
        return (self.query_rank or 0) + self.kv_rank

    @property
    def rotated(self) -> int:
        """The rotated numbers of every query, and of the one shared key."""
        return round(self.rotary * (self.heads + 1) * self.rope_width)

    @property
    def activated(self) -> int:
        """The gates."""
        return self._gates


@dataclass(frozen=True, kw_only=True)
class Indexer(Part):
    """The lightning indexer of DeepSeek's sparse attention (DeepSeek-V3.2-Exp technical report, section 2.1).

    Its `heads` small queries come from the queries' latent of `query_rank`, its one key of `head_width` and a weight per
    head from the stream. It scores every position of the context, and attention reads the best of them.
    """

    component: ClassVar[str] = "attention_projections"
    heads: int
    query_rank: int
    head_width: int

    @property
    def matrices(self) -> int:
        """Queries, the key, and a weight for every head."""
        return self.query_rank * self.heads * self.head_width + self.width * (self.head_width + self.heads)

    @property
    def vectors(self) -> int:
        """Weight and bias of the key's norm."""
        return 2 * self.head_width

    @property
    def score_flops(self) -> int:
        """`2·heads·(d + 1)`: the product of query and key, and the weighted sum over heads."""
        return 2 * self.heads * (self.head_width + 1)

    @property
    def kv_elements(self) -> int:
        """The key."""
        return self.head_width

    @property
    def normalised(self) -> int:
        """The key."""
        return self.head_width


@dataclass(frozen=True, kw_only=True)
class BlockIndexer(Part):
    """The indexer of MiniMax M3: `heads` queries and one key of `head_width` numbers, normalised per head.

    It scores every position of the context; the best blocks of positions are those that attention reads.
    """

    component: ClassVar[str] = "attention_projections"
    heads: int
    head_width: int
    rotary: float = 1.0

    @property
    def matrices(self) -> int:
        """Queries and the key."""
        return self.width * (self.heads + 1) * self.head_width

    @property
    def vectors(self) -> int:
        """The norms of queries and key."""
        return 2 * self.head_width

    @property
    def score_flops(self) -> int:
        """`2·heads·d`: the product of query and key."""
        return 2 * self.heads * self.head_width

    @property
    def kv_elements(self) -> int:
        """The key."""
        return self.head_width

    @property
    def normalised(self) -> int:
        """Queries and key."""
        return (self.heads + 1) * self.head_width

    @property
    def rotated(self) -> int:
        """The rotated share of queries and key."""
        return round(self.rotary * self.normalised)


@dataclass(frozen=True, kw_only=True)
class SharedAttention(Part):
    """Attention of DeepSeek V4: one head of `head_width` numbers is key and value of all `heads`, within a window.

    Queries pass a latent of `query_rank`. The output of `groups` groups of heads is projected to `output_rank` numbers
    each, and all of them to the stream. Each head has a sink. Of a head, the share `rotary` is rotated, in query and
    key, and back in the output (DeepSeek-V4 technical report, section 2.3).
    """

    component: ClassVar[str] = "attention_projections"
    heads: int
    query_rank: int
    head_width: int
    groups: int
    output_rank: int
    reach: Reach
    rotary: float = 1.0

    @property
    def _queries(self) -> int:
        return self.heads * self.head_width

    @property
    def matrices(self) -> int:
        """Low-rank queries, the key that is the value, grouped output."""
        query = self.query_rank * (self.width + self._queries)
        output = self.output_rank * (self._queries + self.groups * self.width)
        return query + self.width * self.head_width + output

    @property
    def vectors(self) -> int:
        """The norms of the queries' latent and of the key, and one sink per head."""
        return self.query_rank + self.head_width + self.heads

    @property
    def score_flops(self) -> int:
        """`4·heads·d`: one product of query and key, one of weight and value."""
        return 4 * self._queries

    @property
    def score_heads(self) -> int:
        """One score for each head."""
        return self.heads

    @property
    def kv_elements(self) -> int:
        """The one head, which is key and value."""
        return self.head_width

    @property
    def normalised(self) -> int:
        """The latent, every query and the key."""
        return self.query_rank + self._queries + self.head_width

    @property
    def rotated(self) -> int:
        """The rotated share of queries, key and output."""
        return round(self.rotary * (2 * self._queries + self.head_width))


@dataclass(frozen=True, kw_only=True)
class Compressor(Part):
    """The compressed branch of DeepSeek V4's attention: entries of `entry_width` numbers, one per `reach.rate` positions.

    Each position makes numbers and their weights from the stream, one of both per entry that it is part of: `overlap`
    2 where an entry spans the positions of two, else 1. An entry is their weighted sum, which is not a matrix product
    and not counted. `heads` queries of the layer attend to the entries as key and value. With `index_heads` the
    branch is that of the indexer: it makes queries of its own from the latent of `query_rank`, and a weight for each,
    and scores the entries only. Positions that do not fill an entry yet are kept beside the cache, and are not counted.
    """

    component: ClassVar[str] = "attention_projections"
    entry_width: int
    overlap: int
    reach: Reach
    heads: int = 0
    index_heads: int = 0
    query_rank: int = 0

    @property
    def matrices(self) -> int:
        """Numbers and weights of the entries; the indexer's queries and their weights."""
        entries = 2 * self.width * self.overlap * self.entry_width
        return entries + self.index_heads * (self.query_rank * self.entry_width + self.width)

    @property
    def vectors(self) -> int:
        """A bias of the weights for each position of an entry, and the entry's norm."""
        return (self.reach.rate * self.overlap + 1) * self.entry_width

    @property
    def score_flops(self) -> int:
        """`4·heads·d` per entry, and `2·heads·d` for the indexer, which has no values."""
        return (4 * self.heads + 2 * self.index_heads) * self.entry_width

    @property
    def score_heads(self) -> int:
        """One score for each head; those of the indexer pass no softmax."""
        return self.heads

    @property
    def kv_elements(self) -> int:
        """One entry."""
        return self.entry_width

    @property
    def normalised(self) -> int:
        """A position's share of an entry's norm, and twice what it adds to entries: its weight's softmax and product."""
        return self.entry_width // self.reach.rate + 2 * self.overlap * self.entry_width


@dataclass(frozen=True, kw_only=True)
class FeedForward(Part):
    """Feed-forward part of `layers` matrices: 3 if gated (gate, up, down), 2 if plain.

    `intermediate` always runs (0: absent): a dense layer, or the shared experts of
    a mixture. Of `experts` only `active_experts` run. `router_bias` is the number of
    router biases per expert, the correction of its choice included. `shared_gate`
    scales the shared experts by one number per token. `latent` is the width that
    routed experts work on, between two projections, if it is not the layer's; with
    `latent_norm` what they return is normalised there. `idle_experts` are those that the router
    knows but that compute nothing: they return what they are given.
    """

    component: ClassVar[str] = "feed_forward"
    intermediate: int = 0
    experts: int = 0
    active_experts: int = 0
    expert_intermediate: int = 0
    layers: int = 3
    bias: bool = False
    expert_bias: bool = False
    router_bias: int = 0
    shared_gate: bool = False
    latent: int | None = None
    latent_norm: bool = False
    idle_experts: int = 0

    @property
    def router(self) -> int:
        """Weights of the matrices that choose the experts and scale the shared ones."""
        return self.width * (self.experts + self.idle_experts + self.shared_gate)

    @property
    def matrices(self) -> int:
        """What always runs, the router, and the projections to the experts' latent and back."""
        latent = 2 * self.width * (self.latent or 0)
        return self.layers * self.width * self.intermediate + self.router + latent

    @property
    def vectors(self) -> int:
        """Biases of what always runs, of the projections to the latent and back, and of the router; the latent's norm."""
        dense = bool(self.intermediate) * ((self.layers - 1) * self.intermediate + self.width)
        latent = self.latent + self.width if self.latent else 0
        router = self.router_bias * (self.experts + self.idle_experts)
        return self.bias * (dense + latent) + router + self.normalised

    @property
    def expert_matrices(self) -> int:
        """`layers` matrices between the stream, or the latent, and the expert's width."""
        return self.layers * (self.latent or self.width) * self.expert_intermediate

    @property
    def expert_vectors(self) -> int:
        """One bias per output of each matrix."""
        return self.expert_bias * ((self.layers - 1) * self.expert_intermediate + self.width)

    @property
    def flops(self) -> dict[str, int]:
        """FLOPs per token, with the router separate."""
        everything = super().flops[self.component]
        return {self.component: everything - 2 * self.router, "router": 2 * self.router}

    @property
    def normalised(self) -> int:
        """The latent, where it is normalised."""
        return self.latent_norm * (self.latent or 0)

    @property
    def activated(self) -> int:
        """The inner numbers of what runs."""
        return self.intermediate + self.active_experts * self.expert_intermediate


@dataclass(frozen=True, kw_only=True)
class Auxiliary(Part):
    """Anything else: `size` weights in matrices, `other` weights, `product` additional FLOPs per token, `normed` numbers."""

    size: int = 0
    other: int = 0
    product: int = 0
    normed: int = 0

    @property
    def matrices(self) -> int:
        """As given."""
        return self.size

    @property
    def vectors(self) -> int:
        """As given."""
        return self.other

    @property
    def flops(self) -> dict[str, int]:
        """Those of the matrices plus `product`."""
        return {self.component: 2 * self.size + self.product}

    @property
    def normalised(self) -> int:
        """As given."""
        return self.normed
