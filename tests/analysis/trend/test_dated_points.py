import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logit

from frontiers.analysis.trend import dated_points
from frontiers.analysis.trend import table as trend
from support.point_tables import make_points


def test_one_point_per_model_at_its_largest_cap():
    full = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    capped = full.assign(cap=pd.array([8] * 6, dtype="Int64"), accuracy=0.1, flops=1e8)
    votes = full.assign(strategy="vote", accuracy=0.9, flops=1e10)
    mixed = pd.concat([capped, votes, full], ignore_index=True)
    pd.testing.assert_frame_equal(trend.fit(mixed, draws=20), trend.fit(full, draws=20))


def test_frontier_at_date_by_hand():
    points = pd.DataFrame(
        {
            "years": [0.0, 1.0, 1.0, 2.0, 3.0, 3.0],
            "flops": [10.0, 10.0, 20.0, 5.0, 10.0, 5.0],
            "accuracy": [0.5, 0.4, 0.6, 0.5, 0.5, 0.5],
        }
    )
    assert dated_points.frontier_at_date(points).tolist() == [True, False, True, True, False, True]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_frontier_at_date_equals_a_plain_loop(rows):
    points = pd.DataFrame(rows, columns=["years", "flops", "accuracy"])

    def dominated(a):
        return any(
            b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and (b[1] < a[1] or b[2] > a[2]) for b in rows
        )

    assert dated_points.frontier_at_date(points).tolist() == [not dominated(r) for r in rows]


def binomial(answers: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    """Every share of right answers and its chance."""
    right = np.arange(answers + 1)
    return right / answers, stats.binom.pmf(right, answers, accuracy)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.data())
def test_odds_without_chance_are_haldanes(answers, data):
    right = data.draw(st.integers(0, answers))
    odds, noise = dated_points.empirical_odds(np.array([right / answers]), np.array([float(answers)]))
    assert odds[0] == pytest.approx(np.log((right + 0.5) / (answers - right + 0.5)))
    assert noise[0] == pytest.approx(1 / (right + 0.5) + 1 / (answers - right + 0.5))


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 2000), st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_odds_of_knowing_rise_with_accuracy_and_stay_finite(answers, chance):
    share = np.arange(answers + 1) / answers
    odds, noise = dated_points.empirical_odds(share, np.full(answers + 1, float(answers)), chance)
    assert np.isfinite(odds).all() and (noise > 0).all() and np.isfinite(noise).all()
    assert (np.diff(odds) >= -1e-12).all() and (np.diff(odds)[share[1:] > chance] > 0).all()


@pytest.mark.parametrize("knows", [0.15, 0.4, 0.8])
@pytest.mark.parametrize(("answers", "chance"), [(200, 0.25), (1000, 0.25), (1000, 0.5)])
def test_odds_of_knowing_are_nearly_unbiased_and_their_noise_is_the_variance(answers, chance, knows):
    share, weight = binomial(answers, chance + (1 - chance) * knows)
    odds, noise = dated_points.empirical_odds(share, np.full(len(share), float(answers)), chance)
    mean = weight @ odds
    spread = np.sqrt(weight @ (odds - mean) ** 2)
    assert abs(mean - logit(knows)) < 0.1 * spread
    assert weight @ noise == pytest.approx(spread**2, rel=0.15)


def test_a_model_at_or_below_chance_enters_seven_tenths_of_a_standard_error_above_it():
    answers = np.full(3, 1000.0)
    odds, _ = dated_points.empirical_odds(np.array([0.25, 0.15, 0.26]), answers, 0.25)
    error = np.sqrt(0.25 * 0.75 / 1000)
    assert np.exp(odds[0]) * 0.75 == pytest.approx(error / np.sqrt(2), rel=0.01)
    assert odds[1] < odds[0] < odds[2]
    share, weight = binomial(1000, 0.25)
    drawn, assumed = dated_points.empirical_odds(share, np.full(1001, 1000.0), 0.25)
    assert weight @ assumed == pytest.approx(weight @ (drawn - weight @ drawn) ** 2, rel=0.75)


def test_models_no_better_than_chance_are_named_and_kept():
    points = make_points([0, 1, 2], [0.26, 0.14, 0.6], [1e9] * 3).assign(
        chance=0.25, accuracy_low=[0.22, 0.1, 0.5], accuracy_high=[0.3, 0.18, 0.7]
    )
    rows = dated_points.dated_points(points)
    assert rows["left_out"].isna().all()
    assert dated_points.guessing(rows).endswith("above it: m0 (26.0%), m1 (14.0%)")
    assert dated_points.guessing(rows.assign(chance=0.0)) is None
    assert dated_points.guessing(rows[rows["model"] == "m2"]) is None
