"""State-space parts: Mamba, Mamba-2, the gated delta rule and short convolutions.

The scan is charged as the recurrence it computes, even if a kernel works in
chunks, and the depthwise convolution for the positions it outputs.
"""

from dataclasses import dataclass
from typing import ClassVar

from frontiers.compute.layer_parts import Part


@dataclass(frozen=True, kw_only=True)
class StateSpace(Part):
    """A scan of `inner` channels with `state` numbers each, after a convolution of width `kernel`."""

    component: ClassVar[str] = "state_space"
    inner: int
    state: int
    kernel: int
    conv_bias: bool = True
    input_bias: bool = False
    output_bias: bool = False

    @property
    def conv_channels(self) -> int:
        """Channels of the convolution."""
        return self.inner

    @property
    def convolution_flops(self) -> int:
        """FLOPs of the depthwise convolution, per token."""
        return 2 * self.conv_channels * self.kernel

    @property
    def scan_flops(self) -> int:
        """`7·inner·N` per token: decay, input, their sum and the output (Megatron-LM's accounting)."""
        return 7 * self.inner * self.state

    @property
    def flops(self) -> dict[str, int]:
        """FLOPs of the matrices, the convolution and the scan, per token."""
        return {self.component: 2 * self.matrices + self.convolution_flops + self.scan_flops}

    @property
    def state_elements(self) -> int:
        """The state of every channel and the last `kernel - 1` inputs of the convolution."""
        return self.inner * self.state + self.conv_channels * (self.kernel - 1)

    @property
    def activated(self) -> int:
        """The convolved numbers and the gate."""
        return self.conv_channels + self.inner


@dataclass(frozen=True, kw_only=True)
class Mamba2(StateSpace):
    """Mamba-2 (arXiv 2405.21060): channels in `heads` heads, input and output matrices per group.

    In-projection `2·D·(2·inner + 2·G·N + heads)` and out-projection `2·inner·D`
    as in Megatron-LM's accounting.
    """

    groups: int
    heads: int
    gated_norm: bool = True

    @property
    def conv_channels(self) -> int:
        """The inputs and the two state matrices."""
        return self.inner + 2 * self.groups * self.state

    @property
    def _projected(self) -> int:
        return self.inner + self.conv_channels + self.heads

    @property
    def matrices(self) -> int:
        """In-projection and out-projection."""
        return self.width * (self._projected + self.inner)

    @property
    def vectors(self) -> int:
        """Convolution, decay, skip and time-step bias of each head, gated norm, biases."""
        biases = self.input_bias * self._projected + self.output_bias * self.width
        convolution = self.conv_channels * (self.kernel + self.conv_bias)
        return biases + convolution + 3 * self.heads + self.gated_norm * self.inner

    @property
    def normalised(self) -> int:
        """All channels, where the gate is followed by a norm."""
        return self.gated_norm * self.inner


@dataclass(frozen=True, kw_only=True)
class Mamba(StateSpace):
    """Mamba (arXiv 2312.00752): time step, input and output matrices made from the convolved channels.

    `rank` is that of the time step; `inner_norms` normalises time step and both matrices, as Jamba does.
    """

    rank: int
    inner_norms: bool = False

    @property
    def matrices(self) -> int:
        """In-projection, the projection to time step and matrices, the time step's own, out-projection."""
        return self.inner * (3 * self.width + 2 * self.rank + 2 * self.state)

    @property
    def vectors(self) -> int:
        """Convolution, decay of every state, skip, time-step bias, norms, biases."""
        biases = self.input_bias * 2 * self.inner + self.output_bias * self.width
        convolution = self.inner * (self.kernel + self.conv_bias)
        norms = self.inner_norms * (self.rank + 2 * self.state)
        return biases + convolution + norms + self.inner * (self.state + 2)

    @property
    def normalised(self) -> int:
        """Time step and both matrices, where they are normalised."""
        return self.inner_norms * (self.rank + 2 * self.state)


@dataclass(frozen=True, kw_only=True)
class GatedDelta(StateSpace):
    """Gated delta rule (arXiv 2412.06464): `heads` values of `inner / heads` numbers, `key_heads` keys of `state`.

    A head keeps a matrix of `state` by `inner / heads` numbers. A token decays it (1 FLOP per number), reads what it
    holds at the key (2), adds the difference from its own value there (2) and reads the result at its query (2): 7 in
    all, the counter of torch sees none of them. `transformers` decodes in this form, as engines do; in a prefill both work
    in chunks, with more products. Queries, keys and values pass the convolution; a gate scales the normalised output.
    """

    key_heads: int
    heads: int
    conv_bias: bool = False

    @property
    def _keys(self) -> int:
        return self.key_heads * self.state

    @property
    def conv_channels(self) -> int:
        """Queries, keys and values."""
        return 2 * self._keys + self.inner

    @property
    def matrices(self) -> int:
        """Queries, keys, values and gate, decay and rate of each head, output."""
        return self.width * (self.conv_channels + 2 * self.inner + 2 * self.heads)

    @property
    def vectors(self) -> int:
        """Convolution, decay and its bias of each head, and the norm of one head."""
        return self.conv_channels * (self.kernel + self.conv_bias) + 2 * self.heads + self.inner // self.heads

    @property
    def normalised(self) -> int:
        """Queries, keys and the output."""
        return 2 * self._keys + self.inner


@dataclass(frozen=True, kw_only=True)
class KimiDelta(GatedDelta):
    """Kimi Delta Attention (arXiv 2510.26692): the gated delta rule with a decay of its own for each number of a key.

    The decays come from a projection through `state` numbers, as do the gates of the output unless `full_gate`. A head
    has one key and one value of `state` numbers each, so the scan costs what that of `GatedDelta` does.
    """

    full_gate: bool = False

    @property
    def _low_rank(self) -> int:
        return self.state * (self.width + self.inner)

    @property
    def matrices(self) -> int:
        """Queries, keys, values, rate of each head, output, decays and gates."""
        gate = self.width * self.inner if self.full_gate else self._low_rank
        return self.width * (self.conv_channels + self.heads + self.inner) + self._low_rank + gate

    @property
    def vectors(self) -> int:
        """Convolution, decay of each head, a bias for each of its numbers, and the norm of one head."""
        return (
            self.conv_channels * (self.kernel + self.conv_bias)
            + self.heads
            + self._keys
            + self.inner // self.heads
        )


@dataclass(frozen=True, kw_only=True)
class ShortConvolution(StateSpace):
    """LFM2's gated convolution (arXiv 2511.23404): an input and two gates are made from the stream, none is kept but
    the inputs that the kernel still reaches. One gate scales what is convolved, the other the result."""

    @property
    def matrices(self) -> int:
        """Input and both gates, output."""
        return 4 * self.width * self.inner

    @property
    def vectors(self) -> int:
        """Convolution and biases."""
        biases = self.input_bias * 3 * self.inner + self.output_bias * self.width
        return biases + self.inner * (self.kernel + self.conv_bias)


@dataclass(frozen=True, kw_only=True)
class LightningAttention(StateSpace):
    """Linear attention of a fixed decay per head, on gated and normalised output (Lightning Attention-2, arXiv 2401.04658).

    A head keeps a matrix of `state` by `state` numbers. A token decays it (1 FLOP per number), adds the product of its
    key and value (2) and reads it at its query (2). Nothing is convolved. With `qk_norm` queries and keys are normalised
    per head.
    """

    heads: int
    kernel: int = 1
    conv_bias: bool = False
    qk_norm: bool = False
    rotary: float = 1.0

    @property
    def conv_channels(self) -> int:
        """None."""
        return 0

    @property
    def scan_flops(self) -> int:
        """`5·inner·state` per token."""
        return 5 * self.inner * self.state

    @property
    def matrices(self) -> int:
        """Queries, keys, values, gate, output."""
        return 5 * self.width * self.inner

    @property
    def vectors(self) -> int:
        """The norm of the output, those of queries and keys, biases."""
        biases = self.input_bias * 3 * self.inner + self.output_bias * self.width
        return biases + self.inner + self.qk_norm * 2 * self.state

    @property
    def normalised(self) -> int:
        """The output, and queries and keys."""
        return (1 + 2 * self.qk_norm) * self.inner

    @property
    def rotated(self) -> int:
        """The rotated share of queries and keys."""
        return round(self.rotary * 2 * self.inner)

    @property
    def activated(self) -> int:
        """The gate."""
        return self.inner
