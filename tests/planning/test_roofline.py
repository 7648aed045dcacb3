"""Estimates from rated peaks: by hand, at their limits, and against what is known of real systems."""

from dataclasses import replace

import numpy as np
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.memory import bytes_moved, sequence_bytes, weight_bytes
from frontiers.compute.precision import read_precision
from frontiers.core.cli import UserError
from frontiers.data import hardware
from frontiers.data.hardware import Hardware
from frontiers.planning.roofline import Range, estimate, largest_batch
from support.real_modules import full_size, shared_only

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "dtype": "bfloat16",
}
MODEL, PLAIN = read_architecture(CONFIG), read_precision(CONFIG)
DEVICE = Hardware(
    name="toy",
    label="Toy",
    vendor="none",
    peaks={"bfloat16": 1e6, "fp8": 4e6},
    bandwidth=1e4,
    memory=1e6,
    power=50,
    price=3.6,
)
FULL = (1, 1, 1)


def toy(prompt=10, decoded=20, batch=1, device=DEVICE, precision=PLAIN, **options):
    options = {"compute_efficiency": FULL, "bandwidth_efficiency": FULL} | options
    return estimate(MODEL, precision, device, prompt, decoded, batch, **options)


def test_phases_take_the_larger_of_computing_and_moving():
    slow, fast = replace(DEVICE, bandwidth=1e2), replace(DEVICE, bandwidth=1e12)
    moved = bytes_moved(MODEL, PLAIN, 10, 20, 1)
    prefill, decode = forward_flops(MODEL, 10).total, forward_flops(MODEL, 20, 10, 20).total
    assert toy(device=slow).prefill.likely == pytest.approx(moved["prefill"].total / 1e2)
    assert toy(device=slow).decode.likely == pytest.approx(moved["decode"].total / 1e2)
    assert toy(device=fast).prefill.likely == pytest.approx(prefill / 1e6)
    assert toy(device=fast).decode.likely == pytest.approx(decode / 1e6)
    assert toy(device=fast).seconds.likely == pytest.approx((prefill + decode) / 1e6)


def test_energy_and_money_follow_from_the_time():
    found = toy()
    assert found.joules.likely == pytest.approx(50 * found.seconds.likely)
    assert found.dollars.likely == pytest.approx(found.seconds.likely / 1000)
    two = toy(devices=2)
    assert two.seconds.likely == pytest.approx(found.seconds.likely / 2)
    assert two.joules.likely == pytest.approx(found.joules.likely)
    assert two.dollars.likely == pytest.approx(found.dollars.likely)
    bare = toy(device=replace(DEVICE, power=None, price=None))
    assert bare.joules is None and bare.dollars is None


def test_the_range_follows_from_the_efficiencies():
    found = toy(compute_efficiency=(0.25, 0.5, 1), bandwidth_efficiency=(0.25, 0.5, 1))
    assert found.seconds.likely == pytest.approx(2 * found.seconds.low)
    assert found.seconds.high == pytest.approx(4 * found.seconds.low)
    assert found.seconds.low == toy().seconds.likely
    default = estimate(MODEL, PLAIN, DEVICE, 10, 20, 1)
    assert default.seconds.low < default.seconds.likely < default.seconds.high
    for wrong in ((0, 0.5, 1), (0.5, 0.4, 1), (0.5, 0.6, 1.1)):
        with pytest.raises(ValueError, match="compute_efficiency"):
            toy(compute_efficiency=wrong)


def test_a_batch_shares_the_weights():
    one, many = toy(batch=1), toy(batch=16)
    assert many.batch == 16
    assert many.decode.likely < one.decode.likely
    moved = bytes_moved(MODEL, PLAIN, 10, 20, 16)["decode"]
    assert moved.weights < bytes_moved(MODEL, PLAIN, 10, 20, 1)["decode"].weights / 15


def test_memory_limits_the_batch():
    each, weights = sequence_bytes(MODEL, PLAIN, 30), weight_bytes(MODEL, PLAIN)
    device = replace(DEVICE, memory=(weights + 3.5 * each) / 0.9)
    assert largest_batch(MODEL, PLAIN, device, 30) == 3
    assert toy(batch=100, device=device).batch == 3
    assert toy(batch=2, device=device).batch == 2
    fits = estimate(MODEL, PLAIN, device, [10, 10], [20, 1], 100).batch
    assert fits[0] == 3 and fits[1] == np.floor(3.5 * 30 / 11)
    assert largest_batch(MODEL, PLAIN, device, 30, 2) == np.floor((weights + 7 * each) / each)


def test_what_does_not_fit_says_how_many_devices_it_takes():
    small = replace(DEVICE, memory=weight_bytes(MODEL, PLAIN) / 3.5 / 0.9)
    with pytest.raises(UserError, match=r"LlamaForCausalLM takes .* Give it at least 4 devices"):
        toy(decoded=0, device=small, devices=3)
    assert toy(decoded=0, device=small, devices=4).batch >= 1
    with pytest.raises(UserError, match=r"`kinetics`.*has no `memory`"):
        toy(device=hardware.load("kinetics"))


def test_quantised_products_run_at_their_own_rate_where_there_is_one():
    fast = replace(DEVICE, bandwidth=1e12)
    flops = forward_flops(MODEL, 10)
    whole = flops.attention_scores + flops.logits
    found = toy(device=fast, precision=replace(PLAIN, compute="fp8")).prefill.likely
    assert found == pytest.approx(whole / 1e6 + (flops.total - whole) / 4e6)
    assert toy(device=fast, precision=replace(PLAIN, compute="fp4")).prefill.likely == flops.total / 1e6
    slow = replace(fast, peaks={"float32": 1e5})
    assert toy(device=slow).prefill.likely == pytest.approx(flops.total / 1e5)
    with pytest.raises(UserError, match="no peak rate for bfloat16; it has int8"):
        toy(device=replace(fast, peaks={"int8": 1e5}))


def test_counts_broadcast_and_scalars_stay_scalars():
    found = toy(prompt=[[3], [4]], decoded=[5, 6, 7], batch=[1, 2, 3])
    assert found.seconds.likely.shape == found.batch.shape == found.joules.high.shape == (2, 3)
    single = toy(prompt=4, decoded=6, batch=2)
    assert found.seconds.likely[1, 1] == single.seconds.likely
    assert isinstance(single.seconds, Range) and isinstance(single.seconds.likely, float)
    assert toy(prompt=0, decoded=0).seconds.likely == 0
    with pytest.raises(ValueError, match="must not be negative"):
        toy(decoded=-1)


@shared_only
def test_one_sequence_of_a_dense_model_is_bound_by_its_weights():
    """Decoding Qwen3-8B alone on an H100 cannot be faster than 3.35e12 / 15.1e9 = 221 tokens a second."""
    config = full_size("Qwen--Qwen3-8B")
    found = estimate(
        read_architecture(config), read_precision(config), hardware.load("h100"), 100, 1000, 1, 1, FULL, FULL
    )
    assert 215 < 1000 / found.decode.likely < 222


@shared_only
def test_deepseek_needs_more_than_one_node_of_h100():
    config = full_size("deepseek-ai--DeepSeek-R1")
    ours, precision = read_architecture(config), read_precision(config)
    with pytest.raises(UserError, match="at least 10 devices"):
        largest_batch(ours, precision, hardware.load("h100"), 8192, 8)
    assert largest_batch(ours, precision, hardware.load("h200"), 8192, 8) > 500
