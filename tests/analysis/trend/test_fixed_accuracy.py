import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit

from frontiers.analysis.trend import dated_points, fixed_accuracy


def three_way(seed: int, noise: float, number: int = 60):
    """Models for which L = 1 + 2 t + 1.5 F, so that compute at fixed accuracy changes by -4/3 per year."""
    rng = np.random.default_rng(seed)
    years, compute = rng.uniform(0, 2, number), rng.normal(0, 0.5, number)
    odds = -2 + 2 * years + 1.5 * compute + noise * rng.normal(size=number)
    return years, odds, compute


def test_directions_equal_the_regressions_they_stand_for():
    years, odds, compute = three_way(2, 1)
    weights = np.full((1, len(years)), 1 / len(years))
    slopes = {k: float(v[0]) for k, v in fixed_accuracy.compute_slopes(years, odds, compute, weights).items()}
    _, b, c = sm.OLS(odds, sm.add_constant(np.column_stack([years, compute]))).fit().params
    assert slopes["ols"] == pytest.approx(-b / c)
    _, b, _ = sm.OLS(compute, sm.add_constant(np.column_stack([years, odds]))).fit().params
    assert slopes["inverse"] == pytest.approx(b)
    assert slopes["ols"] < slopes["deming"] < slopes["inverse"] < 0


def test_weights_are_the_same_as_repeated_models():
    years, odds, compute = three_way(5, 1, 12)
    counts = np.array([2, 0, 1, 1, 3, 0, 1, 1, 1, 1, 0, 1])
    again = np.repeat(np.arange(12), counts)
    weighted = fixed_accuracy.compute_slopes(years, odds, compute, counts[None] / counts.sum())
    repeated = fixed_accuracy.compute_slopes(
        years[again], odds[again], compute[again], np.full((1, len(again)), 1 / len(again))
    )
    for name in fixed_accuracy.ESTIMATORS:
        assert weighted[name] == pytest.approx(repeated[name])


def test_ratio_limits_by_brute_force():
    spread = np.array([[0.04, 0.01], [0.01, 0.02]])
    low, high = fixed_accuracy.fieller(-1.5, 1.0, spread, 2.0)
    ratios = np.linspace(-5, 2, 700_001)
    error = np.sqrt(spread[0, 0] - 2 * ratios * spread[0, 1] + ratios**2 * spread[1, 1])
    held = ratios[np.abs(-1.5 - ratios) <= 2 * error]
    assert [low, high] == pytest.approx([held.min(), held.max()], abs=2e-5)
    assert fixed_accuracy.fieller(-1.5, 0.2, spread, 2.0) is None


def test_noise_of_few_answers_does_not_bend_the_directions():
    """With 30 answers each the plain inverse regression would halve too slowly by a seventh."""
    rng = np.random.default_rng(8)
    years, compute = rng.uniform(0, 2, 4000), rng.normal(0, 0.6, 4000)
    odds = -1.2 + 1.5 * years + 1.5 * compute
    seen = rng.binomial(30, expit(odds)) / 30
    given, noise = dated_points.empirical_odds(seen, np.full(4000, 30.0))
    weights = np.full((1, 4000), 1 / 4000)
    corrected = fixed_accuracy.compute_slopes(years, given, compute, weights, noise)
    assert [float(corrected[e][0]) for e in fixed_accuracy.ESTIMATORS] == pytest.approx(
        [-1, -1, -1], abs=0.04
    )
    plain = fixed_accuracy.compute_slopes(years, given, compute, weights)
    assert float(plain["inverse"][0]) > -0.95
