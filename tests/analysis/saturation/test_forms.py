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


SMOOTH = {
    "logistic": lambda x: 0.05 + 0.9 / (1 + np.exp(-5 * (x - 7.8))),
    "saturating_exponential": lambda x: 0.9 - 0.8 * 10 ** (-0.9 * (x - 7)),
    "power_law": lambda x: 0.02 + 0.8 * 10 ** (1.4 * (x - 8.6)),
    "michaelis_menten": lambda x: 0.95 * 10**x / (10**x + 10**7.8),
}
"""Smooth rises over log10 of the FLOPs, by the form that they have."""


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_rises_are_recognised(name):
    truth = SMOOTH[name](DECADES)
    fits = fitted(truth, TRIALS * 10)
    assert min(fits, key=lambda k: fits[k].bic) == name
    form, fit = fits[name].form, fits[name]
    assert form.designs[fit.choice] @ fit.values == pytest.approx(truth, abs=0.02)
    at, before, after = break_of(fit)
    step = 1e-5
    assert after == pytest.approx((SMOOTH[name](8.6 + step) - SMOOTH[name](8.6)) / step, rel=0.1, abs=0.02)
    if name == "power_law":
        assert np.isnan(at) and before < after
    else:
        assert before > after
    if name == "logistic":
        assert at == pytest.approx(7.8 + np.log(19) / 5, abs=0.05)
        assert before == pytest.approx(0.9 * 5 / 4, rel=0.05)


@pytest.mark.parametrize("name", ["logistic", "michaelis_menten"])
def test_smooth_truths_seldom_get_a_break(name):
    """With 320 problems the two earned breaks in all and in a fifth of the curves before smooth forms were rivals."""
    rng = np.random.default_rng(3)
    chosen = []
    for _ in range(30):
        fits = fitted(rng.binomial(320, SMOOTH[name](DECADES)) / 320, np.full(9, 320.0))
        chosen.append(min((k for k in fits if k != "inverted_u"), key=lambda k: fits[k].bic))
    assert sum("break" in one for one in chosen) <= 3


def best_by_em(designs, y, n, rounds=2000):
    """Return the largest log-likelihoods (C,) of p = H v: each answer comes from one of k latent values.

    `designs` (C, K, k), `y` and `n` (C, K). Expectation and maximisation never lower the likelihood and, as that is
    concave, end at its maximum.
    """
    half = 0.5 / (n.max(axis=1, keepdims=True) + 1)
    v, turned = np.full((len(y), designs.shape[2]), 0.5), np.swapaxes(designs, 1, 2)
    for _ in range(rounds):
        p = (designs @ v[..., None])[..., 0]
        right = (turned @ (n * y / p)[..., None])[..., 0] * v
        wrong = (turned @ (n * (1 - y) / (1 - p))[..., None])[..., 0] * (1 - v)
        v = np.clip(right / (right + wrong), half, 1 - half)
    p = (designs @ v[..., None])[..., 0]
    return (n * (y * np.log(p) + (1 - y) * np.log1p(-p))).sum(axis=1)


def edged_curves(count, seed):
    """Return accuracies and trials (count, 9) of broken lines that often start at 0 or end at 1."""
    rng = np.random.default_rng(seed)
    levels = [0.0, 0.001, 0.02, 0.3, 0.6, 0.97, 1.0]
    values = np.sort(rng.choice(levels, (count, 3)), axis=1)
    values[: count // 3, 1:] = values[: count // 3, :0:-1]
    knots, trials = rng.uniform(7, 8.6, count), rng.choice([30, 250, 750], (count, 1))
    truth = [np.interp(DECADES, [7, knot, 8.6], v) for knot, v in zip(knots, values, strict=True)]
    return rng.binomial(trials, truth) / trials, np.tile(trials, 9).astype(float)


@pytest.mark.parametrize(
    ("name", "count"), [("none", 300), ("one_break", 40), ("power_law", 40), ("logistic", 20)]
)
def test_fits_reach_the_maximum_of_an_independent_method(name, count):
    """Curves without a right answer at first, or all right at last, put values at their bounds."""
    form = build_forms(DECADES)[name]
    y, n = edged_curves(count, 7)
    fits = [(i, fit) for i in range(count) if (fit := fit_form(form, y[i], n[i]))]
    kept, designs = [i for i, _ in fits], np.array([form.designs[fit.choice] for _, fit in fits])
    reached = np.array([fit.log_likelihood for _, fit in fits])
    assert len(kept) > count / 2
    assert (reached >= best_by_em(designs, y[kept], n[kept]) - 1e-3).all()


@pytest.mark.parametrize("name", ["one_break", "saturating_exponential"])
def test_no_choice_on_the_grid_is_better_than_that_of_the_fit(name):
    designs = build_forms(DECADES)[name].designs[::2]
    y, n = edged_curves(6, 8)
    for right, trials in zip(np.sort(y, axis=1), n, strict=True):
        everywhere = (np.tile(one, (len(designs), 1)) for one in (right, trials))
        reached = fit_form(build_forms(DECADES)[name], right, trials).log_likelihood
        assert reached >= best_by_em(designs, *everywhere, rounds=500).max() - 1e-3


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
