import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.generation.looping import GRAM, SHORTEST, WINDOW, loops, repeated_share
from support.paths import SHARED

TOKENS = st.lists(st.integers(0, 5), max_size=200)


def slow_share(tokens):
    """The same measure, one n-gram after the other."""
    tail = tokens[-WINDOW:]
    grams = [tuple(tail[i : i + GRAM]) for i in range(len(tail) - GRAM + 1)]
    return sum(gram in grams[:i] for i, gram in enumerate(grams)) / len(grams) if grams else 0.0


@given(TOKENS)
@settings(max_examples=60, deadline=None)
def test_the_share_is_that_of_ngrams_seen_before(tokens):
    assert repeated_share(tokens) == pytest.approx(slow_share(tokens))


@pytest.mark.parametrize("period", [1, 2, 9, 40, 200])
def test_a_cycle_is_found_once_it_fills_half_the_window(period):
    start = list(range(1000, 3000))
    cycle = (list(range(period)) * WINDOW)[: WINDOW // 2 + period + 2 * GRAM]
    assert loops(start + cycle)
    assert not loops(start + cycle[: WINDOW // 4])


def test_a_short_text_loops_when_it_has_gone_round_twice():
    once = list(range(40))
    assert not loops(once * 2)
    assert loops(once * 3)
    assert not loops([1] * (SHORTEST - 1))
    assert loops([1] * SHORTEST)


@pytest.mark.parametrize(
    "tokens", [[], [1], list(range(15)), list(np.random.default_rng(0).integers(0, 9, 5000))]
)
def test_random_and_short_texts_do_not_loop(tokens):
    assert repeated_share(tokens) == 0
    assert not loops(tokens)


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded completions are not part of the project")
def test_recorded_reasoning_stays_far_below_the_threshold():
    lines = (SHARED / "data/outputs/qwen25math_math_cot_100x8.jsonl").read_text().splitlines()
    shares = []
    for line in lines:
        words = re.findall(r"\d|[A-Za-z]+|[^\sA-Za-z\d]|\s+", json.loads(line)["completion"])
        ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
        shares.append(repeated_share([ids[word] for word in words]))
    assert len(shares) == 800
    assert max(shares) < 0.3
