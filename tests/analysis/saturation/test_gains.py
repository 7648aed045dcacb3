"""The gain per doubling of compute: exact on small cases, and how often its interval holds the true one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from frontiers.analysis import saturation
from frontiers.analysis.cap_curves import read_curves
from frontiers.analysis.saturation.cap_tests import saturation_caps
from frontiers.analysis.saturation.gains import gain_rows, pays
from frontiers.core.tables import check_table
from support.synthetic_answers import make_answers

CAPS = (8, 16, 32, None)


def gains_of(accuracy, flops, caps=CAPS, **form):
    """Return answers to one benchmark and their gains, those of the mean over it left out."""
    answers = make_answers({"m": accuracy}, flops, caps=caps, **form)
    table = saturation.gains_of(answers, 200, form.get("seed", 1))
    return answers, table[table["benchmark"] == "easy"].reset_index(drop=True)


def test_a_gain_is_the_difference_over_the_doublings():
    answers, table = gains_of([0.1, 0.3, 0.5, 0.5], [1e8, 2e8, 8e8, 16e8])
    check_table(table, "gains", "gains")
    means = answers.groupby(answers["cap"].astype("Float64").fillna(np.inf))["correct"].mean().to_numpy()
    assert table["doublings"].tolist() == [1.0, 2.0, 1.0]
    assert table["gain"].tolist() == pytest.approx((np.diff(means) / [1, 2, 1]).tolist())
    assert table["from_cap"].tolist() == [8, 16, 32] and table["to_cap"].tolist()[:2] == [16, 32]
    assert pd.isna(table["to_cap"].iloc[2])
    assert ((table["low"] <= table["gain"]) & (table["gain"] <= table["high"])).all()
    assert table["pays"].tolist() == ["yes", "yes", "unclear"]  # 250 problems cannot exclude a point


def test_caps_of_the_same_compute_are_one_point_and_one_cap_has_no_gain():
    table = gains_of([0.1, 0.3, 0.5, 0.5], [1e8, 2e8, 4e8, 4e8])[1]
    assert len(table) == 2
    assert gains_of([0.4], [1e8], caps=(None,))[1].empty


def test_caps_less_than_a_doubling_apart_are_passed_over():
    """Between 4 and 4.2 lie 0.07 doublings: a gain of a whole one would be 14 times what was seen."""
    table = gains_of([0.1, 0.3, 0.5, 0.55], [1e8, 2e8, 4e8, 4.2e8])[1]
    assert table["from_cap"].tolist() == [8, 16] and table["to_cap"].isna().tolist() == [False, True]
    assert table["doublings"].tolist() == pytest.approx([1, np.log2(2.1)])
    near = gains_of([0.1, 0.3], [1e8, 1.2e8], caps=(8, None))[1]
    assert near["doublings"].tolist() == pytest.approx([np.log2(1.2)])


@pytest.mark.parametrize("doublings", [1.0, 2.5])
def test_what_pays_is_shown_or_unclear(doublings):
    limits = ((0.02, 0.05), (-0.01, 0.005), (-0.01, 0.02), (0.01, 0.3))
    verdicts = [pays(low * doublings, high * doublings, doublings) for low, high in limits]
    assert verdicts == ["yes", "no", "unclear", "yes"]


def test_under_a_doubling_the_point_is_asked_for_in_total():
    assert pays(0.008, 0.009, 0.5) == "no" and pays(0.012, 0.3, 0.5) == "yes"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=5),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, 1.7, 3.0]), min_size=4, max_size=4),
    st.sampled_from([100, 600, 3000]),
    st.booleans(),
)
def test_what_pays_never_contradicts_the_saturation_cap(accuracy, doublings, problems, paired):
    """A doubling that pays at a cap means that the cap is not shown to be saturated, and the reverse."""
    caps = (8, 16, 32, 64, None)[-len(accuracy) :]
    flops = 1e8 * 2 ** np.cumsum([0, *doublings])[: len(accuracy)]
    answers = make_answers({"m": accuracy}, flops, caps=caps, problems=problems, paired=paired)
    curve = read_curves(answers, 100, 0)[0]
    found, rows = saturation_caps(curve), gain_rows([curve])
    for row in rows:
        if row["pays"] == "yes":
            assert not found["saturation_cap"] <= row["from_cap"]
    if len(rows) == len(caps) - 1 and all(row["pays"] == "no" for row in rows):
        assert found["saturation_cap_observed"] == caps[0] and np.isnan(found["saturation_above"])


def test_more_problems_show_that_a_doubling_gains_less_than_a_point():
    table = gains_of([0.5, 0.5], [1e8, 2e8], caps=(8, None), problems=600)[1]
    assert table["pays"].tolist() == ["no"] and table["high"].iloc[0] < 0.01


SHAPES = {
    "logistic": lambda x: 0.9 / (1 + np.exp(-3 * (x - 8))),
    "power law": lambda x: 0.9 - 0.8 * 10 ** (-0.35 * (x - 7)),
    "michaelis-menten": lambda x: 0.9 * 10**x / (10**x + 10**7.8),
    "broken": lambda x: np.minimum(0.1 + 0.6 * (x - 7), 0.7),
}
"""Smooth and broken truths, over log10 of the FLOPs: breaks are fiction in the first three."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("paired", [True, False])
def test_intervals_hold_the_true_gain_whatever_the_form(shape, paired):
    """200 intervals in 50 studies of 100 problems; fewer right than asked for is one chance in 100,000 at 95 %."""
    flops = np.array([1e7, 3e7, 1e8, 3e8, 1e9])
    truth = SHAPES[shape](np.log10(flops))
    gain = np.diff(truth) / np.diff(np.log2(flops))
    held = 0
    for seed in range(50):
        caps = (8, 16, 32, 64, None)
        _, table = gains_of(truth, flops, caps, problems=100, seed=seed, paired=paired)
        held += ((table["low"] <= gain) & (gain <= table["high"])).sum()
    assert held >= binom.ppf(1e-5, 200, 0.95)
