import numpy as np
import pytest
from scipy import stats

from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.pooled import Estimate, pool
from support.synthetic_answers import broken, make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES


def test_pooled_mean_by_hand():
    rng = np.random.default_rng(0)
    same = [Estimate(f"m{i}", 1.0, 1 + 0.1 * rng.normal(size=4000)) for i in range(4)]
    found = pool(same)
    assert found["estimate"] == pytest.approx(1) and found["between"] == 0
    assert found["high"] - 1 == pytest.approx(stats.t.ppf(0.975, 3) * 0.05, rel=0.05)
    shared = rng.normal(size=4000)
    alike = [Estimate(f"m{i}", 1.0, 1 + 0.1 * shared) for i in range(4)]
    assert pool(alike)["high"] - 1 == pytest.approx(stats.t.ppf(0.975, 3) * 0.1, rel=0.05)
    apart = [Estimate(f"m{i}", v, v + 1e-4 * rng.normal(size=400)) for i, v in enumerate([0.0, 1.0, 2.0])]
    found = pool(apart)
    assert found["between"] == pytest.approx(1, rel=0.01) and found["i2"] > 0.99
    assert found["high"] == pytest.approx(1 + stats.t.ppf(0.975, 2) / np.sqrt(3), rel=0.01)


def test_models_of_a_benchmark_are_pooled():
    curves = {f"m{i}": broken(DECADES, [7, 7.8 + 0.05 * i, 8.6], [0.1, 0.8, 0.8]) for i in range(3)}
    pooled = saturation.fit(make_answers(curves, FLOPS, problems=400), draws=300)[1]
    found = pooled[pooled.benchmark == "easy"].set_index("quantity")
    assert found.estimable.to_dict() == {
        "breakpoint_flops": True,
        "breakpoint_tokens": True,
        "plateau_slope": True,
        "onset_flops": False,
        "onset_tokens": False,
    }
    at = found.loc["breakpoint_flops"]
    assert at.low < 10**7.85 < at.high and at.models == at.curves == 3
    assert found.loc["plateau_slope"].low < 0 < found.loc["plateau_slope"].high
    assert 24 < found.loc["breakpoint_tokens"].estimate < 48
