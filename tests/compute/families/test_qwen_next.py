import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.state_space import GatedDelta
from support.family_cases import read_case
from support.real_modules import facts


def delta_rule(state, query, key, value, decay, rate):
    """One head's step of the gated delta rule, element by element; returns the state, the output and the FLOPs on it."""
    flops = 0
    keys, values = state.shape
    state, held, output = state.copy(), np.zeros(values), np.zeros(values)
    for i in range(keys):
        for j in range(values):
            state[i, j] *= decay
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
    module = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    torch.manual_seed(0)
    tokens, heads, keys, values = 5, 3, 4, 6
    query, key = torch.randn(2, 1, tokens, heads, keys, dtype=torch.float32)
    value = torch.randn(1, tokens, heads, values)
    decay, rate = -torch.rand(1, tokens, heads), torch.rand(1, tokens, heads)
    expected, last = module.torch_recurrent_gated_delta_rule(
        query, key, value, decay, rate, output_final_state=True
    )
    spent = 0
    for head in range(heads):
        state = np.zeros((keys, values))
        for t in range(tokens):
            scaled = query[0, t, head].numpy() / keys**0.5
            inputs = key[0, t, head].numpy(), value[0, t, head].numpy()
            gates = float(decay[0, t, head].exp()), float(rate[0, t, head])
            state, output, flops = delta_rule(state, scaled, *inputs, *gates)
            spent += flops
            assert np.allclose(output, expected[0, t, head].numpy(), atol=1e-5)
        assert np.allclose(state, last[0, head].numpy(), atol=1e-5)
    part = GatedDelta(8, inner=heads * values, state=keys, kernel=4, key_heads=heads, heads=heads)
    assert tokens * part.scan_flops == spent


@given(
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 5),
)
def test_the_part_equals_a_sum_over_its_matrices(key_heads, share, state, value_width, kernel):
    heads, width = key_heads * share, 16
    inner, keys = heads * value_width, key_heads * state
    part = GatedDelta(width, inner=inner, state=state, kernel=kernel, key_heads=key_heads, heads=heads)
    matrices = [
        (width, keys),
        (width, keys),
        (width, inner),
        (width, inner),
        (width, heads),
        (width, heads),
        (inner, width),
    ]
    assert part.matrices == sum(rows * columns for rows, columns in matrices)
    assert part.parameters() == part.matrices + (2 * keys + inner) * kernel + 2 * heads + value_width
    convolution = 2 * kernel * (2 * keys + inner)
    assert part.flops == {"state_space": 2 * part.matrices + convolution + 7 * heads * state * value_width}
    assert part.state_elements == heads * state * value_width + (kernel - 1) * (2 * keys + inner)


@pytest.mark.parametrize("context", [1, 63, 64, 65, 100_000])
def test_of_qwen3_5_only_every_fourth_layer_grows_with_the_context(context):
    ours = read_architecture(facts("qwen3.5-27b"))
    flops = forward_flops(ours, 1, context - 1)
    assert flops.attention_scores == 16 * 4 * 24 * 256 * context
    delta = 5120 * (2 * 2048 + 6144 + 2 * 6144 + 2 * 48)
    convolution, scan = 2 * 4 * (2 * 2048 + 6144), 7 * 48 * 128 * 128
    assert flops.state_space == 48 * (2 * delta + convolution + scan)
    assert ours.kv_bytes(context, 2) == 16 * 2 * 2 * 4 * 256 * context
    assert ours.state_bytes(4) == 4 * 48 * (48 * 128 * 128 + 3 * (2 * 2048 + 6144))


def test_the_gate_doubles_the_matrix_of_the_queries():
    attention = read_case("qwen_next", "next").layers[3].parts[0]
    assert attention.matrices == 32 * (2 * 48 + 2 * 24 + 48)
    assert (attention.rotated, attention.activated) == ((4 + 2) * 3, 48)


def test_what_text_does_not_pass_is_named():
    assert read_case("qwen_next", "3.5-wrapped").left_out == (
        "1 layer of multi-token prediction",
        "vision tower",
    )
