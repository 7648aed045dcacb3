"""Policies in worlds whose truth is known: where agreement says nothing, nothing is found; where it does, it is."""

import numpy as np
import pytest

from frontiers.analysis.policies import rules
from frontiers.analysis.policies.curves import Curve
from frontiers.analysis.policies.judging import SIZE, judge
from frontiers.statistics.halving import halvings
from frontiers.statistics.paired import student_limits

CAPS = np.array([8.0, 16.0, 24.0, 32.0, 48.0, 64.0])
RUNS, PROBLEMS = 1000, 120
PROMPT = 10.0


def hostile(rng, spread=0.0):
    """Return a curve whose accuracy rises in a line with FLOP and whose answers agree by chance alone.

    Answers in between are free, so that stopping anywhere keeps to the line: no policy gains or loses. Right
    answers of a problem hang together over caps. With `spread` problems differ in size, which a learned cap may use.
    """
    shape = (PROBLEMS, 1, len(CAPS))
    shared, own = rng.random((PROBLEMS, 1, 1)), rng.random(shape)
    draw = np.where(rng.random(shape) < 0.6, shared, own)
    right = (draw < 0.1 + 0.8 * CAPS / CAPS[-1]).astype(float)
    size = rng.uniform(1 - spread, 1 + spread, (PROBLEMS, 1, 1))
    classes = rng.integers(3, size=shape)
    nothing = np.zeros(shape)
    flops = size * (PROMPT + CAPS)
    return Curve(CAPS, right, flops, nothing, classes, nothing > 0, PROMPT * size[:, 0, 0])


@pytest.mark.parametrize(("policy", "runs"), [("agreement", RUNS), ("learned", RUNS // 10)])
def test_where_agreement_says_nothing_nothing_is_found(policy, runs):
    """Limits hold zero no less often than they say, and a gain is shown no more often."""
    rng, held, shown = np.random.default_rng(11), 0, 0
    for _ in range(runs):
        curve = hostile(rng)
        found = judge(dict(rules.of_one_model(curve))[policy], *curve.fixed, halvings(PROBLEMS, rng))
        low, high = found.limits(1)
        held += low <= 0 <= high
        shown += found.p_value() < 0.05
    assert held / runs >= 0.93
    assert shown / runs <= 0.07


def test_limits_of_the_problems_mean_gains_would_be_too_narrow():
    rng, held = np.random.default_rng(11), 0
    for _ in range(RUNS):
        curve = hostile(rng)
        options = dict(rules.of_one_model(curve))["agreement"]
        found = judge(options, *curve.fixed, halvings(PROBLEMS, rng))
        low, high = student_limits(found.gains.mean(axis=0), 1, size=SIZE)
        held += low <= 0 <= high
    assert held / RUNS < 0.93


def test_choosing_and_judging_on_the_same_problems_finds_a_gain_where_there_is_none():
    """What the halves are for: without them the same world has a gain."""
    rng, held_out, same = np.random.default_rng(5), [], []
    for _ in range(60):
        curve = hostile(rng)
        options = dict(rules.of_one_model(curve))["learned"]
        halves = halvings(PROBLEMS, rng)
        held_out.append(judge(options, *curve.fixed, halves).gain)
        everyone = np.ones(PROBLEMS, bool)
        _, right, flops = options(everyone)
        fixed = [values.mean(axis=1) for values in curve.fixed]
        gains = right.mean(axis=1) - np.interp(flops.mean(axis=1), fixed[1], fixed[0])
        same.append(gains.max())
    assert abs(np.mean(held_out)) < 0.01 < np.mean(same)


def test_where_agreement_tells_what_is_right_it_gains():
    rng = np.random.default_rng(2)
    curve = hostile(rng)
    need = rng.integers(len(CAPS), size=(PROBLEMS, 1, 1))
    right = (np.arange(len(CAPS)) >= need).astype(float)
    classes = np.where(right > 0, 0, 1 + np.arange(len(CAPS)))
    curve = curve._replace(right=right, classes=classes)
    found = judge(dict(rules.of_one_model(curve))["agreement"], *curve.fixed, halvings(PROBLEMS, rng))
    assert found.limits(1)[0] > 0.05 and found.p_value() < 1e-4
