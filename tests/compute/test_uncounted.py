"""What is not counted, against the elementwise operations that torch dispatches in the real modules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.uncounted import COSTS, biases, left_out_flops, left_out_share, touched
from support.real_modules import build, counted, full_size, shared_only, total
from support.small_configs import DENSE, EXPERTS, MAMBA, SMALL, small

AS_WRITTEN = [
    ("Norm", "add"),  # the smallest number under the root, and
    ("Norm", "rsqrt"),  # the root itself: both once per norm, not per number
    ("Attention", "neg"),  # the sign of the sine, which the rotary embedding folds into the sine
    ("RotaryEmbedding", None),  # sines and cosines of the positions: once per token for all layers
    ("Router", "div"),  # the chosen experts' weights brought to a sum of one
    ("Router", "sum"),
]
"""Operations of the modules, by end of class and by name, that the closed form does not have; no others."""


def measure(architecture, config, tokens, device, **options):
    """Return (elementwise counter, FLOPs of torch's counter) of one pass over `tokens`."""
    torch = pytest.importorskip("torch")
    from support.elementwise_counter import ElementwiseCounter

    module, _ = build(architecture, config, device, experts_implementation="batched_mm", **options)
    dtype = next(module.parameters()).dtype
    ids = torch.zeros(1, tokens, dtype=torch.long, device=device)
    mask = torch.zeros(1, 1, tokens, tokens, dtype=dtype, device=device)
    call = {"input_ids": ids, "position_ids": ids, "attention_mask": mask, "use_cache": False}
    with ElementwiseCounter(module, mask) as counter:
        counts, _ = counted(module, call)
    return counter, total(counts)


def check(architecture, config, tokens, factor, device="cpu", **options):
    """The closed form has every elementwise operation of the modules but those named, and the same share."""
    counter, flops = measure(architecture, config, tokens, device, **options)
    ours = read_architecture({"architectures": [architecture]} | config)
    closed = left_out_flops(ours, tokens, 0, "square")
    extra = sum(
        n
        for (kind, name), n in counter.counts.items()
        if any(kind.endswith(end) and name in (op, op or name) for end, op in AS_WRITTEN)
    )
    measured = sum(counter.counts.values())
    scaled = tokens * touched(ours)["softmax"]  # a router's scores are not scaled before their softmax
    assert measured - extra == sum(closed.values()) - scaled
    scores = tokens**2 * sum(ours.by_reach(lambda part: part.score_heads).values())
    assert counter.masked == scores
    share = sum(closed.values()) / forward_flops(ours, tokens, 0, tokens, "square").total
    assert 1 / factor < (measured / flops) / share < factor
    return share


@pytest.mark.parametrize("name", ["llama", "llama-bias", "qwen2", "qwen3", "mixtral", "qwen3-moe"])
def test_closed_form_equals_what_small_modules_do(name):
    check(*SMALL[name], tokens=13, factor=1.08)


@shared_only
@pytest.mark.parametrize(
    ("name", "tokens", "share"),
    [
        ("Qwen--Qwen3-8B", 128, 0.00039),
        ("Qwen--Qwen3-8B", 2048, 0.00117),
        ("meta-llama--Llama-2-7b-hf", 2048, 0.00115),
        ("Qwen--Qwen3-30B-A3B", 128, 0.0011),
        ("Qwen--Qwen3-30B-A3B", 2048, 0.0032),
    ],
)
def test_closed_form_equals_what_full_size_modules_do(name, tokens, share):
    torch = pytest.importorskip("torch")
    config = full_size(name)
    found = check(config["architectures"][0], config, tokens, 1.03, "meta", dtype=torch.bfloat16)
    assert found == pytest.approx(share, rel=0.02)


def test_a_decoded_token_of_a_hybrid_equals_the_modules_but_for_the_scan():
    """The reference scan takes 6 elementwise FLOPs per channel and state in addition to its product.

    They belong to the 7 that are counted for it; and it spreads the time step of a head, and its decay, over
    all channels of the head.
    """
    torch = pytest.importorskip("torch")
    from support.elementwise_counter import ElementwiseCounter

    name, config = SMALL["granite-dense"]
    module, _ = build(name, config)
    ids = torch.randint(0, 61, (1, 9))
    _, result = counted(module, {"input_ids": ids, "use_cache": True})
    step = {"input_ids": ids[:, :1], "past_key_values": result.past_key_values, "use_cache": True}
    with ElementwiseCounter(module) as counter, torch.no_grad():
        module(**step)
    ours = small("granite-dense")
    mixers = [part for layer in ours.layers for part in layer.parts if part.state_elements]
    scans = sum(6 * mixer.inner * mixer.state for mixer in mixers)
    steps = sum(4 * mixer.inner for mixer in mixers)
    scalings = sum(n for (kind, op), n in counter.counts.items() if op in ("mul", "div") and kind in SCALED)
    measured = sum(counter.counts.values()) - scans - steps - scalings
    assert sum(left_out_flops(ours, 1, 9).values()) == pytest.approx(measured, rel=0.1)


SCALED = ("GraniteMoeHybridDecoderLayer", "GraniteMoeHybridModel", "GraniteMoeHybridForCausalLM")


def test_numbers_touched_by_hand():
    """Three layers of width 32: two norms each and the last, 4 heads of 8 and 2 for keys, 48 inner numbers."""
    assert touched(small("qwen3")) == {
        "norms": 7 * 32 + 3 * (4 + 2) * 16,
        "rotary": 3 * (4 + 2) * 16,
        "softmax": 0,
        "activations": 3 * 48,
        "additions": 3 * 2 * 32,
        "routing": 0,
    }
    experts = touched(small("mixtral"))
    assert (experts["softmax"], experts["activations"], experts["routing"]) == (3 * 6, 3 * 2 * 48, 3 * 2 * 32)


def test_biases_are_the_weights_that_a_part_has_more():
    attention, feed_forward = small("llama-bias").layers[0].parts
    assert biases(attention) == 12 * (4 + 2 * 2) + 32
    assert biases(feed_forward) == 2 * 48 + 32
    config = DENSE | MAMBA | EXPERTS | {"mamba_proj_bias": True}
    mamba = read_architecture({"architectures": ["GraniteMoeHybridForCausalLM"]} | config).layers[0].parts[0]
    channels = 64 + 2 * 2 * 8
    assert biases(mamba) == channels + (64 + channels + 4) + 32


def test_hybrids_turn_nothing_unless_they_say_so():
    name, config = SMALL["granite-dense"]
    turned = read_architecture({"architectures": [name]} | config | {"position_embedding_type": "rope"})
    assert touched(small("granite-dense"))["rotary"] == 0
    assert touched(turned)["rotary"] == 32 + 16


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["mistral", "qwen3-moe", "granite-moe"]))
def test_a_range_takes_what_its_tokens_take(new, past, name):
    architecture = small(name)
    whole = left_out_flops(architecture, new, past)
    each = left_out_flops(architecture, 1, past + np.arange(new))
    assert list(whole) == list(COSTS)
    for kind, flops in whole.items():
        assert flops == each[kind].sum()


def test_shapes_broadcast():
    flops = left_out_flops(small("llama"), np.arange(4)[:, None], np.arange(3)[None, :])
    assert {kind: values.shape for kind, values in flops.items()} == dict.fromkeys(COSTS, (4, 3))
    share = left_out_share(small("llama"), 1, np.arange(3))
    assert share.shape == (3,) and (share > 0).all() and share[0] < share[1] < share[2]


@pytest.mark.parametrize("tokens", [-1, float("nan"), [1, -2]])
def test_unreadable_counts_are_errors(tokens):
    with pytest.raises(ValueError, match="new_tokens"):
        left_out_flops(small("llama"), tokens)
    with pytest.raises(ValueError, match="square"):
        left_out_flops(small("llama"), 1, attention="half")
