import numpy as np
import pytest

from frontiers.analysis.cap_curves import merge_equal_compute, read_curves
from frontiers.analysis.saturation import cap_tests
from frontiers.core.cli import UserError
from support.synthetic_answers import broken, make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES
ONE = broken(DECADES, [7, 7.93, 8.6], [0.1, 0.8, 0.8])


def test_caps_beyond_the_longest_trace_are_one_point():
    flops = FLOPS.copy()
    flops[6:] = flops[6] * np.array([1, 1.001, 1.002])
    curve = read_curves(make_answers({"m": ONE}, flops), 50, 0)[0]
    merged = merge_equal_compute(curve)
    assert merged.caps.tolist() == [0, 8, 16, 24, 32, 48, 64]
    assert merged.flops[-1] == pytest.approx(flops[6] * 1.001)
    assert merged.accuracy[-1] == pytest.approx(curve.accuracy[6:].mean())
    assert merged.draws.shape == (50, 7) and merged.trials.tolist() == [250] * 7
    assert cap_tests.saturation_caps(curve)["saturation_cap_observed"] == 48


def test_curves_hold_means_and_draws_of_the_answers():
    answers = make_answers({"m": ONE}, FLOPS, benchmarks=["a", "b"], samples=3, problems=40, paired=False)
    curves = {c.benchmark: c for c in read_curves(answers, 400, 0)}
    plain = answers[answers.benchmark == "a"].groupby("cap", dropna=False).correct.mean()
    assert curves["a"].accuracy == pytest.approx(plain.to_numpy())
    assert curves["mean"].accuracy == pytest.approx((curves["a"].accuracy + curves["b"].accuracy) / 2)
    assert (curves["a"].trials >= 40).all() and (curves["a"].trials <= 120).all()
    assert curves["a"].draws.mean(axis=0) == pytest.approx(curves["a"].accuracy, abs=0.02)
    assert curves["mean"].problems == 80


@pytest.mark.parametrize("flops", [0.0, -1e6, np.nan])
def test_compute_that_is_not_positive_is_refused_by_name(flops):
    answers = make_answers({"small": ONE}, FLOPS, problems=5)
    answers.loc[3, "flops"] = flops
    with pytest.raises(UserError, match=r"small, easy, problem p\d+: .* must be positive"):
        read_curves(answers, 5, 1)
