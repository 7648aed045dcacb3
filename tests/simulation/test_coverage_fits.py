"""A short run of the simulations of docs/evidence/coverage.md: intervals of trend and saturation hold a known truth."""

import importlib
import sys

import numpy as np
import pytest
from scipy import stats

from support.paths import TESTS

SIMULATION = str(TESTS / "simulation")
RARE = 1e-3
"""Chance that a count this low comes from an interval that covers 93 %."""
FIXED = ("cluster developer", "jackknife over developers", "form known", "random effects", "shown to")


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(SIMULATION)
    kept = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - kept:
        if getattr(sys.modules[name], "__file__", None) and SIMULATION in sys.modules[name].__file__:
            del sys.modules[name]


def check(tally, methods):
    judged = 0
    for key, count in tally.counts.items():
        if key.method.startswith(methods) and count.given >= 10:
            judged += 1
            assert stats.binom.cdf(count.hits, count.given, 0.93) > RARE, (key, count)
    return judged


def test_halving_times_cover(simulation):
    module = simulation("coverage_trend")
    tally = module.simulate(20, 7, (30,), {"12 models, 6 developers": (12, 6)})
    assert check(tally, FIXED) == 10


def test_slope_on_the_frontier_exceeds_that_of_all(simulation):
    module = simulation("coverage_trend")
    for kind, growth in module.FRONTIER_GROWTH.items():
        assert module.frontier_growth(module.SCATTER[kind], 300) == pytest.approx(growth, abs=0.06)
        assert growth > module.GROWTH + 0.1


def test_breaks_plateaus_and_caps_cover(simulation):
    module = simulation("coverage_saturation")
    assert check(module.simulate(16, 7, (30,), whole=False), (*FIXED, "Davies")) == 15


def test_gains_and_caps_cover_where_accuracy_rises_smoothly(simulation):
    module = simulation("smooth_rises")
    truths = [module.saturated_from(accuracy(module.X)) for accuracy in module.WORLDS.values()]
    assert truths == [64.0, np.inf, np.inf]
    assert check(module.simulate(16, 7, (30,)), ("table gains", "shown to")) == 9


def test_halving_times_hold_where_answers_are_guessed_and_fail_without_the_correction(simulation):
    tally = simulation("coverage_guessing").simulate(60, 7, (1000,), ("guessing",))
    held = {key[:2]: count.hits / count.given for key, count in tally.counts.items()}
    inverse = "compute at accuracy, inverse"
    assert held[inverse, "guessing, corrected"] > held[inverse, "guessing, not corrected, for comparison"]
    kept = {key: count for key, count in tally.counts.items() if "comparison" not in key.setting}
    tally.counts = kept
    assert check(tally, FIXED) == 3
