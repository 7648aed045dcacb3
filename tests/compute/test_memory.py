"""Bytes of weights, cache and state: by hand, token by token, and against the sizes of real checkpoints."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import kv_bytes_read
from frontiers.compute.layer_parts import FeedForward, Reach
from frontiers.compute.memory import bytes_moved, distinct_experts, sequence_bytes, weight_bytes, weights_read
from frontiers.compute.precision import read_precision
from support.real_modules import full_size, shared_only

DENSE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
}
MODELS = {
    "llama": {"architectures": ["LlamaForCausalLM"]} | DENSE,
    "mistral": {"architectures": ["MistralForCausalLM"], "sliding_window": 7} | DENSE,
    "mixtral": {"architectures": ["MixtralForCausalLM"], "num_experts_per_tok": 2, "num_local_experts": 6}
    | DENSE,
    "hybrid": {
        "architectures": ["GraniteMoeHybridForCausalLM"],
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "shared_intermediate_size": 40,
        "num_local_experts": 0,
        "mamba_n_heads": 4,
        "mamba_d_head": 16,
        "mamba_d_state": 8,
        "mamba_n_groups": 2,
        "mamba_d_conv": 4,
        "tie_word_embeddings": True,
    }
    | DENSE,
}
PLAIN = read_precision({"dtype": "bfloat16"})
MIXED = replace(PLAIN, attention=1.0, feed_forward=0.5, experts=0.53125, cache=1.0, state=4.0)


def model(name):
    return read_architecture(MODELS[name])


def real(name):
    config = full_size(name)
    return read_architecture(config), read_precision(config, name)


@pytest.mark.parametrize("name", MODELS)
def test_plain_weights_are_two_bytes_each(name):
    assert weight_bytes(model(name), PLAIN) == 2 * model(name).parameters()


def test_quantised_weights_by_hand():
    attention, feed_forward = 2 * 32 * (32 + 16), 3 * 32 * 48
    rest = 2 * 61 * 32 + 7 * 32  # two tables, two norms a layer and one
    assert weight_bytes(model("llama"), MIXED) == 3 * (attention + feed_forward / 2) + 2 * rest
    experts = 6 * 3 * 32 * 48
    expected = (
        3 * (attention + 0.53125 * experts + 2 * 32 * 6) + 2 * rest
    )  # the router is no quantised matrix
    assert weight_bytes(model("mixtral"), MIXED) == expected


def test_a_step_reads_all_but_the_input_embedding():
    everything = weight_bytes(model("llama"), MIXED)
    table = 61 * 32 * 2
    assert weights_read(model("llama"), MIXED, 1) == everything - table + 32 * 2
    assert weights_read(model("llama"), MIXED, 5) == everything - table + 5 * 32 * 2
    tied = model("hybrid")  # the output head is the one table
    assert weights_read(tied, MIXED, 1) == weight_bytes(tied, MIXED) + 32 * 2


def test_experts_read_run_from_those_of_one_token_to_all():
    ours = model("mixtral")
    one = weight_bytes(ours, PLAIN) - 61 * 32 * 2 + 64 - 3 * 4 * (3 * 32 * 48) * 2  # four of six stay idle
    assert weights_read(ours, PLAIN, 1) == pytest.approx(one)
    batches = np.array([1, 2, 10, 1000])
    read = weights_read(ours, PLAIN, batches) - 64 * batches
    assert (np.diff(read) > 0).all()
    assert read[-1] == pytest.approx(weight_bytes(ours, PLAIN) - 61 * 32 * 2)


def test_distinct_experts_by_enumeration():
    """Two of four experts for each of two tokens: 36 pairs of choices, all alike likely."""
    from itertools import combinations, product

    part = FeedForward(8, experts=4, active_experts=2, expert_intermediate=4)
    pairs = list(product(combinations(range(4), 2), repeat=2))
    assert distinct_experts(part, 2) == pytest.approx(np.mean([len({*a, *b}) for a, b in pairs]))
    assert distinct_experts(part, 1) == 2
    assert distinct_experts(FeedForward(8, intermediate=4), 7) == 0


def test_bytes_of_a_sequence():
    assert sequence_bytes(model("llama"), PLAIN, 10) == 3 * 2 * 2 * 8 * 2 * 10
    np.testing.assert_array_equal(
        sequence_bytes(model("mistral"), PLAIN, [5, 7, 90]), np.array([5, 7, 7]) * 3 * 2 * 2 * 8 * 2
    )
    hybrid = model("hybrid")
    state = 2 * (64 * 8 + 3 * (64 + 2 * 2 * 8)) * 4
    assert sequence_bytes(hybrid, MIXED, 100) == state + 100 * 2 * 2 * 8
    for name in ("llama", "mistral", "hybrid"):
        ours = model(name)
        assert sequence_bytes(ours, PLAIN, 33) == ours.kv_bytes(33, 2) + ours.state_bytes(2)


def naive(architecture, precision, prompt, decoded, batch):
    """Return (weights, read, written, state) of prefill and of decoding, summed over the tokens one by one."""
    parts = [part for part, count in architecture.parts for _ in range(count)]
    written = sum(part.kv_elements for part in parts) * precision.cache
    state = 2 * sum(part.state_elements for part in parts) * precision.state
    total = np.zeros(4)
    for step in range(decoded):
        context = prompt + step + 1
        read = (
            sum(part.kv_read * min(context, part.reach.window or context) for part in parts) * precision.cache
        )
        total += [weights_read(architecture, precision, batch) / batch, read, written, state]
    first = np.zeros(4)
    if prompt:
        read = sum(part.kv_read for part in parts) * prompt * precision.cache
        weights = weights_read(architecture, precision, batch * prompt) / batch
        first += [weights, read, written * prompt, state]
    return first, total


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from([PLAIN, MIXED]),
    st.integers(0, 20),
    st.integers(0, 30),
    st.integers(1, 9),
)
def test_traffic_equals_the_sum_over_tokens(name, precision, prompt, decoded, batch):
    ours = model(name)
    moved = bytes_moved(ours, precision, prompt, decoded, batch)
    for phase, expected in zip(
        ("prefill", "decode"), naive(ours, precision, prompt, decoded, batch), strict=True
    ):
        assert list(vars(moved[phase]).values()) == pytest.approx(list(expected))
        assert moved[phase].total == pytest.approx(expected.sum())


def test_traffic_broadcasts():
    ours = model("mistral")
    moved = bytes_moved(ours, PLAIN, [[3], [4]], [5, 6, 0], 2)
    for phase in moved.values():
        assert {value.shape for value in vars(phase).values()} == {(2, 3)}
    one = bytes_moved(ours, PLAIN, 4, 6, 2)
    assert moved["decode"].kv_read[1, 1] == one["decode"].kv_read
    assert (one["prefill"] + one["decode"]).total == one["prefill"].total + one["decode"].total
    assert bytes_moved(ours, PLAIN, 4.5, 6.5, 1.5)["decode"].total > 0


@pytest.mark.parametrize(("prompt", "decoded", "batch"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, np.nan)])
def test_counts_out_of_range_are_errors(prompt, decoded, batch):
    with pytest.raises(ValueError, match=r"must"):
        bytes_moved(model("llama"), PLAIN, prompt, decoded, batch)


@shared_only
def test_memory_term_of_kinetics():
    """Their code: 2·(2·prompt + decoded)·decoded·kv_heads·width of all layers, a token not reading itself."""
    ours, precision = real("Qwen--Qwen3-8B")
    prompt, decoded, numbers = 150, 8000, 8 * 128 * 36
    theirs = 2 * (2 * prompt + decoded) * decoded * numbers
    assert kv_bytes_read(ours, decoded, prompt, 2) == theirs + 2 * 2 * numbers * decoded // 2
    assert bytes_moved(ours, precision, prompt, decoded)["decode"].kv_read == theirs + 2 * numbers * decoded


@shared_only
def test_weights_equal_the_checkpoints():
    """Sizes of the safetensors files: the indices' `total_size`; of DeepSeek-V3 the files, headers included.

    Those hold one more layer, which predicts the next token but one and is not part of the model here.
    """
    assert weight_bytes(*real("Qwen--Qwen3-8B")) == 2 * 8_190_735_360
    assert weight_bytes(*real("openai--gpt-oss-20b")) == 13_761_264_768
    ours, precision = real("deepseek-ai--DeepSeek-R1")
    width, table = ours.width, ours.vocabulary * ours.width
    layer = weight_bytes(replace(ours, layers=ours.layers[-1:]), precision) - 4 * table - 2 * width
    prediction = (
        layer + 4 * table + 2 * (2 * width * width + 3 * width)
    )  # its own tables, joining matrix, norms
    assert weight_bytes(ours, precision) + prediction == pytest.approx(688_586_727_753, rel=3e-5)


@shared_only
def test_latents_are_all_that_a_latent_cache_holds():
    ours, precision = real("deepseek-ai--DeepSeek-R1")
    assert sequence_bytes(ours, precision, 1) == 61 * (512 + 64) * 2
    assert ours.layers[0].parts[0].reach == Reach()
