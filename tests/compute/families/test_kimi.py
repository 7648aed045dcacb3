"""Delta attention, latent attention without positions, and what only Kimi K3 has."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.precision import read_precision
from frontiers.compute.state_space import KimiDelta
from support.family_cases import FAMILIES, case
from support.paths import SHARED
from support.real_modules import check_hybrid, facts, shared_only

WIDTH, LAYERS, FULL, HEADS, HEAD = 7168, 93, 24, 96, 128


@pytest.mark.parametrize("name", FAMILIES["kimi"]["cases"])
def test_a_pass_and_a_token_equal_the_module(name):
    """The class makes keys and values of all past tokens again, which engines do not."""
    architecture, config = case("kimi", name)
    ours = read_architecture({"architectures": [architecture]} | config)
    latent = [part for layer in ours.layers for part in layer.parts if part.score_flops]
    again = sum(2 * p.kv_rank * p.heads * (p.nope_width + p.value_width) for p in latent)
    check_hybrid(architecture, config, beyond=lambda past: past * again)


def delta_rule(state, query, key, value, decay, rate):
    """One head's step with a decay for each number of the key; returns the state, the output and the FLOPs on it."""
    flops, (keys, values) = 0, state.shape
    state, held, output = state.copy(), np.zeros(values), np.zeros(values)
    for i in range(keys):
        for j in range(values):
            state[i, j] *= decay[i]
            held[j] += state[i, j] * key[i]
            flops += 3
    change = rate * (value - held)
    for i in range(keys):
        for j in range(values):
            state[i, j] += key[i] * change[j]
            output[j] += state[i, j] * query[i]
            flops += 4
    return state, output, flops


def test_the_scan_costs_what_the_recurrence_of_the_class_does():
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("transformers.models.kimi_linear.modeling_kimi_linear")
    torch.manual_seed(0)
    tokens, heads, width = 5, 3, 4
    query, key, value = torch.randn(3, 1, tokens, heads, width)
    decay, rate = -torch.rand(1, tokens, heads, width), torch.rand(1, tokens, heads)
    expected, last = module.recurrent_kimi_delta_attention(query, key, value, decay, rate, None, True)
    spent = 0
    for head in range(heads):
        state = np.zeros((width, width))
        for t in range(tokens):
            inputs = (each[0, t, head].numpy() for each in (key, value, decay.exp(), rate))
            state, output, flops = delta_rule(state, query[0, t, head].numpy() / width**0.5, *inputs)
            spent += flops
            assert np.allclose(output, expected[0, t, head].numpy(), atol=1e-5)
        assert np.allclose(state, last[0, head].numpy(), atol=1e-5)
    part = KimiDelta(8, inner=heads * width, state=width, kernel=4, key_heads=heads, heads=heads)
    assert tokens * part.scan_flops == spent


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 5), st.booleans())
def test_the_part_equals_a_sum_over_its_matrices(heads, head, kernel, full):
    width, inner = 16, heads * head
    part = KimiDelta(
        width, inner=inner, state=head, kernel=kernel, key_heads=heads, heads=heads, full_gate=full
    )
    low_rank = [(width, head), (head, inner)]
    matrices = [(width, inner)] * 3 + [(width, heads), (inner, width)] + low_rank
    matrices += [(width, inner)] if full else low_rank
    assert part.matrices == sum(rows * columns for rows, columns in matrices)
    assert part.parameters() == part.matrices + 3 * inner * kernel + heads + inner + head
    assert part.flops == {"state_space": 2 * part.matrices + 2 * kernel * 3 * inner + 7 * inner * head}
    assert part.state_elements == inner * head + (kernel - 1) * 3 * inner


@pytest.mark.parametrize("context", [1, 2, 100_000])
def test_of_k3_only_latent_attention_grows_with_the_context(context):
    ours = read_architecture(facts("kimi-k3"))
    absorbed = forward_flops(ours.absorbed(), 1, context - 1)
    assert absorbed.attention_scores == FULL * 2 * HEADS * (512 + 64 + 512) * context
    assert forward_flops(ours, 1, context - 1).attention_scores == FULL * 2 * HEADS * (192 + 128) * context
    assert ours.kv_bytes(context, 2) == FULL * 2 * (512 + 64) * context
    inner = HEADS * HEAD
    assert ours.state_bytes(4) == 4 * (LAYERS - FULL) * (inner * HEAD + 3 * 3 * inner)


def test_k3_equals_a_sum_over_the_modules_of_vllm():
    """As written in vllm/models/kimi_k3 of vLLM 0.32; attention over earlier layers by simulating its blocks."""
    ours, inner = read_architecture(facts("kimi-k3")), HEADS * HEAD
    delta = 5 * WIDTH * inner + HEAD * (WIDTH + inner) + WIDTH * HEADS
    latent = 1536 * (WIDTH + HEADS * 192) + WIDTH * 576 + 512 * HEADS * 256 + 2 * HEADS * 128 * WIDTH
    sparse = 896 * WIDTH + 2 * WIDTH * 3584 + 3 * WIDTH * 2 * 3072
    expert = 3 * 3584 * 3072
    residual = (2 * LAYERS + 1) * WIDTH
    matrices = (LAYERS - FULL) * delta + FULL * latent + 3 * WIDTH * 33792 + 92 * sparse + residual
    norms = 2 * LAYERS * WIDTH + WIDTH + residual + FULL * (1536 + 512) + 92 * (3584 + 896)
    small = (LAYERS - FULL) * (3 * inner * 4 + inner + HEADS + HEAD)
    tables = 2 * 163840 * WIDTH
    assert ours.parameters() == matrices + 92 * 896 * expert + norms + small + tables
    assert ours.parameters(active=True) == matrices + 92 * 16 * expert + norms + small + tables
    values, kept, mixed = 0, 0, []
    for layer in range(LAYERS):
        mixed.append(kept + 1)
        kept += layer % 12 == 0
        mixed.append(kept + 1)
    mixed.append(kept + 1)
    values = sum(mixed)
    assert forward_flops(ours, 1).auxiliary == 4 * WIDTH * values
    flops = 2 * (matrices - residual + 92 * 16 * expert) + 4 * WIDTH * values
    flops += (LAYERS - FULL) * (2 * 4 * 3 * inner + 7 * inner * HEAD)
    assert forward_flops(ours, 1, 0, 0).total == flops + FULL * 2 * HEADS * 320


def test_k3_keeps_all_but_its_experts_in_bfloat16():
    """Its list of excluded modules names all attention, and delta attention is under that name."""
    found = read_precision(facts("kimi-k3"), "kimi-k3")
    assert (found.attention, found.state_space, found.feed_forward) == (2, 2, 2)
    assert found.experts == (4 + 8 / 32) / 8


@shared_only
def test_k3_is_read_from_its_wrapper():
    whole = json.loads((SHARED / "data/model_configs_2026/moonshotai--Kimi-K3.json").read_text())
    ours = read_architecture(whole)
    assert ours.layers == read_architecture(facts("kimi-k3")).layers
    assert ours.left_out == ("vision tower",)
