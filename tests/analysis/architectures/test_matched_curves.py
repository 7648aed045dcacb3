import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis.architectures import matched_curves
from frontiers.analysis.cap_curves import read_curves
from support.synthetic_answers import make_answers

CAPS = (0, 8, 16, 24, None)
DECADES = np.linspace(7, 9, 5)
RISING = np.linspace(0.1, 0.9, 5)


def test_interpolation_by_hand():
    x, y = np.array([[0.0, 1.0, 3.0]]), np.array([[0.0, 0.5, 0.7]])
    found = matched_curves.interpolate(np.array([[-1, 0, 0.5, 1, 2, 3, 4]]), x, y)[0]
    assert found == pytest.approx([np.nan, 0, 0.25, 0.5, 0.6, 0.7, np.nan], nan_ok=True)
    level = matched_curves.interpolate(np.array([[0.2, 0.5]]), np.array([[0.2, 0.2, 0.8]]), x)[0]
    assert level == pytest.approx([0, 2])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=6, unique=True), st.integers(0, 99))
def test_interpolation_is_that_of_numpy(x, seed):
    x = np.sort(np.array(x, float))
    y, at = np.random.default_rng(seed).uniform(size=(2, len(x)))
    at = np.sort(x[0] + at * (x[-1] - x[0]))
    assert matched_curves.interpolate(at[None], x[None], y[None])[0] == pytest.approx(np.interp(at, x, y))


def test_difference_by_hand():
    """Two lines 0.2 apart over the common decade; b is known beyond it too."""
    answers = make_answers({"a": RISING, "b": RISING}, 10**DECADES, CAPS, problems=10)
    a, b = read_curves(answers, 20, 0)[:2]
    object.__setattr__(a, "accuracy", np.linspace(0.3, 0.7, 5))
    object.__setattr__(b, "accuracy", np.linspace(0.1, 0.5, 5))
    assert matched_curves.accuracy_difference(a, b)[0] == pytest.approx(0.2)
    assert matched_curves.compute_difference(a, b)[0] == pytest.approx(-1)
    far = read_curves(make_answers({"a": RISING}, 10 ** (DECADES + 5), CAPS, problems=10), 20, 0)[0]
    assert matched_curves.accuracy_difference(far, b) is None


def test_accuracy_difference_covers():
    hits = 0
    for seed in range(60):
        flops = {"d": 10**DECADES, "m": 10 ** (DECADES - 0.5)}
        answers = make_answers({"d": RISING, "m": RISING}, flops, CAPS, problems=100, seed=seed)
        curves = read_curves(answers, 200, seed)
        found = matched_curves.accuracy_difference(curves[1], curves[0])
        low, high = np.percentile(found[1:], [2.5, 97.5])
        hits += low <= 0.2 <= high
    assert hits >= 51


def test_shares_by_hand():
    decades = np.array([[0.0, 1.0, 2.0, 4.0], [0.0, 1.0, 2.0, 4.0]])
    accuracy = np.array([[0.1, 0.3, 0.2, 0.9], [0.5, 0.4, 0.6, 0.9]])
    found = matched_curves.shares(decades, accuracy, np.array([0, 1, 0, 0]), 2)
    assert found == pytest.approx(np.array([[0.25, 0.75], [1.0, 0.0]]))
    equal = matched_curves.shares(
        np.array([[1.0, 1.0, 2.0]]), np.array([[0.2, 0.6, 0.6]]), np.array([0, 1, 0]), 2
    )
    assert equal == pytest.approx(np.array([[0.0, 1.0]]))
    assert np.isnan(matched_curves.shares(np.ones((1, 2)), np.array([[0.1, 0.2]]), np.array([0, 1]), 2)).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)), min_size=2, max_size=10))
def test_shares_equal_a_plain_walk_along_the_frontier(points):
    x, y, kind = (np.array(v, float) for v in zip(*points, strict=True))
    if np.ptp(x) == 0:
        return
    total = np.zeros(3)
    for at in np.arange(x.min(), x.max()):
        affordable = [i for i in range(len(x)) if x[i] <= at]
        best = max(y[i] for i in affordable)
        cheapest = min(x[i] for i in affordable if y[i] == best)
        owner = next(i for i in range(len(x)) if y[i] == best and x[i] == cheapest)
        total[int(kind[owner])] += 1
    found = matched_curves.shares(x[None], y[None], kind.astype(int), 3)[0]
    assert found == pytest.approx(total / np.ptp(x))
