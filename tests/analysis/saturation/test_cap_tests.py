import numpy as np
import pytest

from frontiers.analysis.cap_curves import read_curves
from frontiers.analysis.saturation import cap_tests
from frontiers.statistics import paired
from support.synthetic_answers import make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES


def test_saturation_cap_needs_confidence():
    """One problem in 50 lost is 2 points; none lost in 267 still leaves more than 1 possible."""
    few = read_curves(make_answers({"m": [0.2, 0.9, 0.9, 0.92]}, FLOPS[:4], caps=(0, 8, 16, None)), 20, 0)[0]
    assert few.accuracy[2] < few.accuracy[3]
    assert np.isnan(cap_tests.saturation_caps(few)["saturation_cap"])
    for problems, reached in ((267, np.nan), (268, 8)):
        same = make_answers({"m": [0.2, 0.9, 0.9, 0.9]}, FLOPS[:4], caps=(0, 8, 16, None), problems=problems)
        found = cap_tests.saturation_caps(read_curves(same, 20, 0)[0])
        assert found["saturation_cap"] == pytest.approx(reached, nan_ok=True)
        assert found["saturation_above"] == 0 and found["saturation_cap_observed"] == 8


def test_a_cap_is_compared_with_every_larger_one():
    """Accuracy dips at 16: cap 8 is as good as the largest, but 16 must not end the search, nor 32 be lost."""
    curve = read_curves(
        make_answers({"m": [0.2, 0.9, 0.5, 0.9, 0.9]}, FLOPS[:5], (0, 8, 16, 32, None), 400), 20, 0
    )[0]
    assert cap_tests.saturation_caps(curve)["saturation_cap"] == 32
    assert not cap_tests.falls(curve)
    down = read_curves(make_answers({"m": [0.2, 0.9, 0.6]}, FLOPS[:3], (0, 8, None), 400), 20, 0)[0]
    assert cap_tests.falls(down)


def test_gain_limits_are_those_of_paired():
    answers = make_answers({"m": [0.3, 0.6]}, FLOPS[:2], (0, None), 100, ("a", "b"), paired=False)
    curves = {c.benchmark: c for c in read_curves(answers, 20, 0)}
    one = paired.compare(curves["a"].right[0][:, [1]], curves["a"].right[0][:, [0]], 0.90)
    low, high = cap_tests.gain_limits(curves["a"], np.array([0]), np.array([1]), 0.05)
    assert [low[0], high[0]] == pytest.approx([one.low, one.high])
    two = paired.compare(curves["b"].right[0][:, [1]], curves["b"].right[0][:, [0]], 0.90)
    low, high = cap_tests.gain_limits(curves["mean"], np.array([0]), np.array([1]), 0.05)
    middle = (one.estimate + two.estimate) / 2
    assert low[0] == pytest.approx(middle - np.hypot(one.estimate - one.low, two.estimate - two.low) / 2)
    assert high[0] == pytest.approx(middle + np.hypot(one.estimate - one.high, two.estimate - two.high) / 2)
