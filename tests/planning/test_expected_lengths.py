import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.planning import expected_lengths
from support.paths import ROOT

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


RECORDED = pd.DataFrame(
    [
        ("easy", "markers", None, None, 600.0),
        ("easy", "markers", None, None, 700.0),
        ("hard", "markers", "oss", "low", 2000.0),
        ("hard", "markers", "oss", "high", 18000.0),
    ],
    columns=["benchmark", "style", "family", "effort", "tokens"],
)
BOTH = {"hard": {}, "easy": {}}


def lengths_of(family, effort, benchmarks=BOTH):
    return expected_lengths.of_model("markers", family, effort, benchmarks, PUBLISHED, RECORDED)


def test_recorded_lengths_of_a_benchmark_come_before_those_of_others():
    found = lengths_of("other", None)
    assert found["hard"] == expected_lengths.expected("markers", "hard", {}, PUBLISHED)
    assert found["easy"] == expected_lengths.Lengths(110.0, (600.0, 650.0, 700.0), "2 recorded: easy")
    given = {"easy": {"expected_tokens": {"prompt": 5, "trace": {"low": 1, "likely": 2, "high": 3}}}}
    assert lengths_of("oss", "low", given)["easy"].trace == (1, 2, 3)


@pytest.mark.parametrize(("effort", "tokens"), [("low", 2000.0), ("medium", 6000.0), ("high", 18000.0)])
def test_an_effort_has_its_own_lengths_and_scales_the_others(effort, tokens):
    found = lengths_of("oss", effort)
    assert found["hard"].trace == pytest.approx((7000 / 8000 * tokens, tokens, 9000 / 8000 * tokens))
    assert found["easy"].trace[1] == pytest.approx(650 * tokens / 8000)
    assert effort in found["easy"].source
    assert lengths_of("other", effort)["hard"].trace == (7000.0, 8000.0, 9000.0)


def test_the_shipped_lengths_tell_efforts_and_gsm8k_apart():
    table = pd.read_csv(ROOT / "data/published/lengths.csv")
    assert table[["benchmark", "style", "tokens", "what", "source"]].notna().all(axis=None)
    assert set(table["style"]) == {"markers", "prompt"} and (table["tokens"] > 0).all()
    assert table["family"].isna().equals(table["effort"].isna())
