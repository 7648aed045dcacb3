import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy

from frontiers.analysis.saturation.forms import build_forms, fit_form, refit
from support.synthetic_answers import broken

DECADES = np.linspace(7, 8.6, 9)
TRIALS = np.full(9, 250.0)
ONE = broken(DECADES, [7, 7.93, 8.6], [0.1, 0.8, 0.8])


def fitted(accuracy, trials=TRIALS, x=DECADES):
    return {k: f for k, form in build_forms(x).items() if (f := fit_form(form, accuracy, trials))}


def break_of(fit):
    return tuple(v[0] for v in fit.form.describe(fit.form.shape[[fit.choice]], fit.values[None]))


def test_one_break_without_noise():
    fits = fitted(ONE)
    at, before, after = break_of(fits["one_break"])
    assert at == pytest.approx(7.93, abs=0.01)
    assert before == pytest.approx(0.7 / 0.93, rel=0.02)
    assert after == pytest.approx(0, abs=0.02)
    assert min(fits, key=lambda k: fits[k].bic) == "one_break"


def test_other_forms_without_noise():
    two = fitted(broken(DECADES, [7, 7.4, 8.2, 8.6], [0.05, 0.05, 0.7, 0.7]), TRIALS * 10)
    assert min(two, key=lambda k: two[k].bic) == "two_breaks"
    assert break_of(two["two_breaks"])[0] == pytest.approx(8.2, abs=0.05)
    bent = fitted(0.1 + 0.8 * -np.expm1(-3 * (DECADES - 7)), TRIALS * 10)
    assert min(bent, key=lambda k: bent[k].bic) == "saturating_exponential"
    assert break_of(bent["saturating_exponential"])[0] == pytest.approx(7 + np.log(20) / 3, abs=0.05)
    arc = fitted(0.9 - (DECADES - 7.9) ** 2, TRIALS * 10)
    assert min(arc, key=lambda k: arc[k].bic) == "inverted_u"
    assert break_of(arc["inverted_u"]) == pytest.approx((7.9, 1.8, -1.4), abs=1e-2)
    line = fitted(broken(DECADES, [7, 8.6], [0.1, 0.9]))
    assert min(line, key=lambda k: line[k].bic) == "none"
    assert break_of(line["none"])[2] == pytest.approx(0.5, abs=1e-4)
    assert "inverted_u" not in line


def test_bic_by_hand():
    fit = fitted(np.full(9, 0.4))["none"]
    assert fit.log_likelihood == pytest.approx(9 * 250 * (xlogy(0.4, 0.4) + xlogy(0.6, 0.6)))
    assert fit.bic == pytest.approx(2 * np.log(9 * 250) - 2 * fit.log_likelihood)


def test_straight_line_is_the_binomial_maximum():
    rng = np.random.default_rng(0)
    y = rng.binomial(250, broken(DECADES, [7, 8.6], [0.2, 0.7])) / 250
    fit = fitted(y)["none"]

    def likelihood(a, b):
        p = a + (b - a) * (DECADES - 7) / 1.6
        return float((250 * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum())

    assert fit.log_likelihood == pytest.approx(likelihood(*fit.values))
    for step in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        assert likelihood(*(fit.values + step)) < fit.log_likelihood


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=4, max_size=9), st.integers(0, 99))
def test_forms_never_leave_zero_to_one_and_nest(right, seed):
    gaps = np.random.default_rng(seed).uniform(0.05, 0.4, len(right))
    fits = fitted(np.array(right) / 40, np.full(len(right), 40.0), np.cumsum(gaps))
    for name, fit in fits.items():
        assert np.isfinite(fit.log_likelihood)
        if name != "inverted_u":
            assert (fit.values >= 0).all() and (fit.values <= 1).all()
    if "one_break" in fits:
        assert fits["one_break"].log_likelihood >= fits["none"].log_likelihood - 1e-3


def test_refit_of_the_data_gives_the_fit_back():
    fit = fitted(ONE)["one_break"]
    shapes, values = refit(fit, ONE, TRIALS, np.vstack([ONE, ONE[::-1]]))
    assert shapes[0] == pytest.approx(fit.form.shape[fit.choice], abs=0.01)
    assert values[0] == pytest.approx(fit.values, abs=0.01)
    assert values[1][0] > values[1][-1]
