import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis.outcomes import ratios


def answers_of(rows: list[tuple]) -> pd.DataFrame:
    """Answers from (model, problem, sample, correct, tokens) at no cap."""
    frame = pd.DataFrame(rows, columns=["model", "problem_id", "sample", "correct", "reasoning_tokens"])
    cap = pd.array([pd.NA] * len(frame), dtype="Int64")
    flops = 1e6 * (10.0 + frame.reasoning_tokens)
    return frame.assign(strategy="cot", benchmark="easy", cap=cap, flops=flops)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_weights_of_the_adjusted_ratio_are_repeated_problems(seed):
    rng = np.random.default_rng(seed)
    y, d = rng.normal(size=(3, 30)), rng.integers(0, 2, (3, 30)).astype(float)
    counts = rng.integers(0, 4, 30)
    again = np.repeat(np.arange(30), counts)
    weighted = ratios.adjusted(y, d, counts[None].astype(float))
    repeated = ratios.adjusted(y[:, again], d[:, again], np.ones((1, len(again))))
    assert weighted == pytest.approx(repeated, rel=1e-4, abs=1e-5, nan_ok=True)


def test_adjusted_ratio_by_hand():
    """Costs that are exact sums of what failures say of difficulty, 0.3 slopes by 1, 2, 4, and of failing."""
    rng = np.random.default_rng(2)
    d = rng.integers(0, 2, (3, 40)).astype(float)
    slopes, failing = np.array([0.1, 0.2, 0.4]), np.array([0.5, 0.0, -0.2])
    difficulty = np.array([1.0, 2.0, 3.0]) @ d
    y = 6 + slopes[:, None] * difficulty + failing[:, None] * d
    assert ratios.adjusted(y, d, np.ones((1, 40)))[0] == pytest.approx(failing, abs=1e-6)
    assert np.isnan(ratios.adjusted(6 - slopes[:, None] * difficulty, d, np.ones((1, 40)))).all()


def test_adjusted_ratio_is_that_of_least_squares_and_a_tetrad():
    rng = np.random.default_rng(3)
    hard = rng.normal(size=60)
    d = (rng.normal(size=(3, 60)) < hard).astype(float)
    y = hard * [[0.2], [0.4], [0.6]] + rng.normal(size=(3, 60)) * 0.3
    frame = pd.DataFrame(np.vstack([y, d]).T, columns=["y0", "y1", "y2", "d0", "d1", "d2"])
    c = np.array([smf.ols(f"y{m} ~ d0 + d1 + d2", frame).fit().params[["d0", "d1", "d2"]] for m in range(3)])
    expected = c[0, 0] - (c[0, 1] * c[2, 0] + c[0, 2] * c[1, 0]) / (c[2, 1] + c[1, 2])
    assert ratios.adjusted(y, d, np.ones((1, 60)))[0, 0] == pytest.approx(expected, abs=1e-6)


def test_ratio_in_a_decile_is_that_of_statsmodels():
    rng = np.random.default_rng(6)
    y, d = rng.normal(size=(4, 50)), rng.integers(0, 2, (4, 50)).astype(float)
    inside = rng.random((4, 50)) < 0.5
    found = ratios.in_decile(y, d, inside, np.ones((1, 50)))
    model, problem = np.nonzero(inside)
    frame = pd.DataFrame({"y": y[model, problem], "d": d[model, problem], "m": model})
    assert found[0] == pytest.approx(smf.ols("y ~ d + C(m)", frame).fit().params["d"])


def test_deciles_leave_out_the_model_itself():
    failed = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]], float)
    assert ratios.difficulty_deciles(failed)[0].tolist() == [3, 3, 8, 8]
    deciles = ratios.difficulty_deciles(np.random.default_rng(0).random((9, 1000)))
    assert (np.bincount(deciles[0])[1:] == 100).all()


def test_raw_ratio_and_its_error_are_those_of_the_jackknife():
    rng = np.random.default_rng(8)
    frame = answers_of([("m", f"p{i:03d}", s, bool(rng.random() < 0.5), int(rng.gamma(4, 50)) + 1)
                        for i in range(300) for s in range(3)]).assign(problem=np.repeat(range(300), 3))  # fmt: skip
    found = ratios.sums(frame, "reasoning_tokens", 300)
    leave = np.vstack([np.ones(300), 1 - np.eye(300)])
    logs, errors, means = ratios.raw(found, leave)
    tokens = frame.groupby("correct")["reasoning_tokens"].mean()
    assert means == pytest.approx([tokens[False], tokens[True]])
    jackknife = np.sqrt(299 / 300 * ((logs[1:] - logs[1:].mean()) ** 2).sum())
    assert errors[0] == pytest.approx(jackknife, rel=0.02)
