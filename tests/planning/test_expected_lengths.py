import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.planning import expected_lengths

PUBLISHED = pd.DataFrame(
    [
        ("a", "on", "hard", 9000.0, None),
        ("b", "high", "hard", 7000.0, 200.0),
        ("a", "off", "hard", 900.0, None),
        ("c", None, "easy", 300.0, 100.0),
        ("d", None, "easy", 500.0, 120.0),
        ("b", "high", "easy", 1500.0, 110.0),
    ],
    columns=["model", "mode", "benchmark", "output_tokens", "prompt_tokens"],
)


@given(st.floats(1, 1e5), st.floats(0.05, 2))
def test_lengths_are_spread_around_their_mean(mean, spread):
    drawn = expected_lengths.spread_out(mean, spread)
    assert drawn.mean() == pytest.approx(mean)
    assert (np.diff(drawn) > 0).all() and drawn[0] > 0


@pytest.mark.parametrize(("mean", "cap", "spread"), [(1000, 512, 0.6), (100, 400, 1.2), (8000, 8000, 0.3)])
def test_spread_lengths_stand_for_a_log_normal_distribution(mean, cap, spread):
    variance = np.log1p(spread**2)
    drawn = np.random.default_rng(1).lognormal(np.log(mean) - variance / 2, np.sqrt(variance), 400_000)
    ours = expected_lengths.spread_out(mean, spread)
    assert np.minimum(ours, cap).mean() == pytest.approx(np.minimum(drawn, cap).mean(), rel=0.02)
    assert (ours > cap).mean() == pytest.approx((drawn > cap).mean(), abs=0.02)
    assert ours.std() / mean == pytest.approx(spread, rel=0.15)


def test_config_comes_before_published_lengths():
    block = {"expected_tokens": {"prompt": 5, "trace": {"low": 1, "likely": 2, "high": 3}}}
    assert expected_lengths.expected("markers", "hard", block, PUBLISHED) == expected_lengths.Lengths(
        5, (1, 2, 3), "config.yaml"
    )


def test_published_lengths_are_of_the_same_style_and_widened_by_other_benchmarks():
    found = expected_lengths.expected("markers", "hard", {}, PUBLISHED)
    assert found == expected_lengths.Lengths(200.0, (7000.0, 8000.0, 9000.0), "2 published: hard")
    found = expected_lengths.expected("markers", "hard", {"lengths_like": ["none", "easy"]}, PUBLISHED)
    assert found == expected_lengths.Lengths(155.0, (1500.0, 7000.0, 9000.0), "3 published: hard, easy")
    found = expected_lengths.expected("prompt", "easy", {"lengths_like": ["hard"]}, PUBLISHED)
    assert found == expected_lengths.Lengths(110.0, (300.0, 500.0, 900.0), "3 published: easy, hard")
    assert (
        expected_lengths.expected("prompt", "hard", {}, PUBLISHED).prompt == PUBLISHED["prompt_tokens"].mean()
    )


def test_unknown_lengths_say_what_to_give():
    found = expected_lengths.expected("markers", "other", {}, PUBLISHED)
    assert found.trace is None and "lengths_like" in found.source
