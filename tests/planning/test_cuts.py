"""What a smaller study saves, and the interval it costs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.planning.cuts import MOST, WITHIN, Size, cheapest, table
from support.paths import ROOT


def test_the_share_within_problems_is_that_of_the_recorded_runs():
    answers = pd.read_parquet(ROOT / "data/recorded/answers.parquet")
    shares = []
    for _, run in answers.groupby("run"):
        problems = run.groupby("problem_id")["correct"].agg(["mean", "count"])
        accuracy = problems["mean"].mean()
        if problems["count"].min() > 1 and 0.1 < accuracy < 0.9:
            mean, count = problems["mean"], problems["count"]
            shares.append((mean * (1 - mean) * count / (count - 1)).mean() / (accuracy * (1 - accuracy)))
    assert len(shares) == 19 and np.median(shares) == pytest.approx(WITHIN, abs=0.005)


def test_the_interval_is_that_of_simulated_verdicts():
    """Problems of a beta-distributed ability with mean one half and this share of variance within."""
    rng, size = np.random.default_rng(3), Size(60, 4)
    total = WITHIN / (1 - WITHIN)  # a + b of the beta, so that E[p (1 - p)] is WITHIN / 4
    ability = rng.beta(total / 2, total / 2, (40_000, size.problems))
    accuracy = rng.binomial(size.samples, ability).mean(axis=1) / size.samples
    assert 1.96 * accuracy.std() == pytest.approx(size.half_width, rel=0.02)


@given(st.integers(1, 2000), st.floats(0.005, 0.5))
def test_the_cheapest_size_reaches_the_interval_and_a_smaller_one_does_not(problems, wanted):
    found = cheapest(problems, wanted)
    if found is None:
        assert Size(problems, MOST).half_width > wanted
        return
    assert found.half_width <= wanted * (1 + 1e-6) and found.problems <= problems
    for fewer in (Size(found.problems - 1, found.samples), Size(found.problems, found.samples - 1)):
        assert fewer.problems < 1 or fewer.samples < 1 or fewer.half_width > wanted


def test_every_size_with_as_few_traces_is_wider():
    for wanted in (0.2, 0.12, 0.105):
        best = cheapest(60, wanted)
        for problems in range(1, 61):
            for samples in range(1, 20):
                if problems * samples < best.traces:
                    assert Size(problems, samples).half_width > wanted


def test_what_is_said_of_a_study():
    text = table({"gsm8k": Size(1319, 1), "aime": Size(30, 8)}, {"gsm8k": 10.0, "aime": 4.0}, 0.05)
    assert "gsm8k: 1319 problems × 1, ±2.7 points, 10 h" in text
    assert "659 problems × 1, ±3.82 points, 5 h, saves 5 h" in text
    assert "cheapest for ±5 points: 385 problems × 1, ±4.99 points, 2.92 h, saves 7.08 h" in text
    assert "30 problems × 4, " in text and "2 h, saves 2 h" in text
    assert "±5 points cannot be reached with 30 problems: at best ±14" in text
    assert text.endswith("Cheapest study for ±5 points: 6.92 of 14 device hours")
    assert "cheapest" not in table({"a": Size(10, 1)}, {"a": None}, None)
    assert "a: 10 problems × 1, ±31 points, hours not known" in table({"a": Size(10, 1)}, {"a": None}, None)
