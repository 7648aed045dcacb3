"""The parts of a language model, with their weights and their FLOPs: one formula each, in one place.

A model is a sequence of layers; a layer is a mixer (attention or a state-space
scan) and a feed-forward part, either of which may be missing. What a mapping
from `config.json` has to say is only which parts, in which sizes.

Every FLOP figure is per token of a forward pass, one multiply-add being 2.
Biases, norms, rotary embedding, activations and the softmax are not counted.
"""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """What lets positions see one another; each kind overrides what it has."""

    width: int
    window: int | None = None  # most positions that one token attends to; None: all before it and itself

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return 0

    @property
    def projection_flops(self) -> int:
        """FLOPs of the attention projections, per token."""
        return 0

    @property
    def score_flops(self) -> int:
        """FLOPs of attention scores and weighted values, per token and attended position."""
        return 0

    @property
    def state_space_flops(self) -> int:
        """FLOPs of a state-space mixer, per token."""
        return 0

    @property
    def kv_elements(self) -> int:
        """Numbers kept in the key-value cache, per token."""
        return 0

    @property
    def state_elements(self) -> int:
        """Numbers kept as recurrent state, per sequence, however long."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Attention(Mixer):
    """Attention with `heads` query heads sharing `kv_heads` keys and values of `head_width`."""

    heads: int
    kv_heads: int
    head_width: int
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False

    @property
    def parameters(self) -> int:
        """Query, key, value and output matrices, their biases, and the norms of queries and keys."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        matrices = 2 * self.width * (queries + keys)
        biases = self.qkv_bias * (queries + 2 * keys) + self.output_bias * self.width
        return matrices + biases + self.qk_norm * 2 * self.head_width

    @property
    def projection_flops(self) -> int:
        """`2·D·d·(2·heads + 2·kv_heads)`."""
        return 2 * self.width * self.head_width * (2 * self.heads + 2 * self.kv_heads)

    @property
    def score_flops(self) -> int:
        """`4·heads·d`: one product of query and key, one of weight and value."""
        return 4 * self.heads * self.head_width

    @property
    def kv_elements(self) -> int:
        """One key and one value for each key-value head."""
        return 2 * self.kv_heads * self.head_width


@dataclass(frozen=True, kw_only=True)
class Mamba2(Mixer):
    """Mamba-2 mixer: `inner` channels in `heads` heads, a state of `state` numbers per channel.

    FLOPs as in Megatron-LM's accounting (`2·D·(2·inner + 2·G·N + heads)` in-projection,
    `7·inner·N` scan, `2·inner·D` out-projection), plus the depthwise convolution over
    `inner + 2·G·N` channels. The scan is charged as the recurrence it computes,
    whatever chunked form a kernel gives it.
    """

    inner: int
    state: int
    groups: int
    heads: int
    kernel: int
    conv_bias: bool = True
    projection_bias: bool = False

    @property
    def conv_channels(self) -> int:
        """Channels of the convolution: the inputs and the two state matrices."""
        return self.inner + 2 * self.groups * self.state

    @property
    def _projected(self) -> int:
        return self.inner + self.conv_channels + self.heads

    @property
    def parameters(self) -> int:
        """Both projections, convolution, decay, skip and time-step bias of each head, gated norm."""
        projections = self.width * self._projected + self.inner * self.width
        biases = self.projection_bias * (self._projected + self.width) + self.conv_bias * self.conv_channels
        return projections + biases + self.conv_channels * self.kernel + 3 * self.heads + self.inner

    @property
    def in_projection_flops(self) -> int:
        """FLOPs of the in-projection, per token."""
        return 2 * self.width * self._projected

    @property
    def convolution_flops(self) -> int:
        """FLOPs of the depthwise convolution, per token."""
        return 2 * self.conv_channels * self.kernel

    @property
    def scan_flops(self) -> int:
        """FLOPs of the scan, per token."""
        return 7 * self.inner * self.state

    @property
    def out_projection_flops(self) -> int:
        """FLOPs of the out-projection, per token."""
        return 2 * self.inner * self.width

    @property
    def state_space_flops(self) -> int:
        """In-projection, convolution, scan and out-projection."""
        return self.in_projection_flops + self.convolution_flops + self.scan_flops + self.out_projection_flops

    @property
    def state_elements(self) -> int:
        """The state of every channel and the last `kernel - 1` inputs of the convolution."""
        return self.inner * self.state + self.conv_channels * (self.kernel - 1)


@dataclass(frozen=True)
class FeedForward:
    """Feed-forward part: `intermediate` always runs (0: absent), of `experts` only `active_experts` run.

    `matrices` is 3 for a gated form (gate, up, down), 2 for a plain one.
    """

    width: int
    intermediate: int = 0
    experts: int = 0
    active_experts: int = 0
    expert_intermediate: int = 0
    matrices: int = 3
    bias: bool = False

    def parameters(self, active: bool = False) -> int:
        """Number of weights, the router always included; with `active`, only the experts that run."""
        experts = self.active_experts if active else self.experts
        shared = self.matrices * self.width * self.intermediate
        biases = self.bias * ((self.matrices - 1) * self.intermediate + self.width)
        routed = experts * self.matrices * self.width * self.expert_intermediate
        return shared + biases + routed + self.width * self.experts

    @property
    def flops(self) -> int:
        """FLOPs of all matrices that run, per token."""
        running = self.intermediate + self.active_experts * self.expert_intermediate
        return 2 * self.matrices * self.width * running

    @property
    def router_flops(self) -> int:
        """FLOPs of choosing the experts, per token."""
        return 2 * self.width * self.experts


@dataclass(frozen=True)
class Layer:
    """One layer; `norms` is the number of norm weights outside the mixer."""

    mixer: Mixer
    feed_forward: FeedForward
    norms: int

    def parameters(self, active: bool = False) -> int:
        """Number of weights; with `active`, without the experts that do not run."""
        return self.mixer.parameters + self.feed_forward.parameters(active) + self.norms


@dataclass(frozen=True)
class Architecture:
    """A whole model: `name` is the class in `config.json`, `family` its model type there."""

    name: str
    family: str
    width: int
    vocabulary: int
    tied: bool
    layers: tuple[Layer, ...]

    @property
    def kind(self) -> str:
        """Return "hybrid" with any state-space layer, else "moe" with any experts, else "dense"."""
        if any(layer.mixer.state_elements for layer in self.layers):
            return "hybrid"
        return "moe" if any(layer.feed_forward.experts for layer in self.layers) else "dense"

    @property
    def groups(self) -> list[tuple[Layer, int]]:
        """Return each different layer with the number of times it occurs."""
        return list(Counter(self.layers).items())

    def parameters(self, active: bool = False, embedding: bool = True) -> int:
        """Return the number of weights.

        `active`: those that take part in one token, so of the experts only the
        chosen ones. `embedding=False` leaves out the input embedding table;
        when input and output share it, the shared table is what is left out.
        """
        table = self.vocabulary * self.width
        tables = (1 if self.tied else 2) - (not embedding)
        layers = sum(layer.parameters(active) * count for layer, count in self.groups)
        return tables * table + layers + self.width

    def kv_bytes_per_token(self, element_bytes: float) -> int:
        """Return the bytes by which the cache grows with a token, until a layer's window is full."""
        return round(sum(layer.mixer.kv_elements for layer in self.layers) * element_bytes)

    def state_bytes(self, element_bytes: float) -> int:
        """Return the bytes of recurrent state of one sequence, all of it in numbers of `element_bytes`."""
        return round(sum(layer.mixer.state_elements for layer in self.layers) * element_bytes)
