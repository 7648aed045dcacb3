import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

from compare_architectures import main
from frontiers.analysis.architectures import matched_curves
from frontiers.analysis.architectures import table as architectures
from frontiers.analysis.architectures.regression import CLUSTERED
from frontiers.analysis.cap_curves import read_curves
from frontiers.core.tables import check_table, read_table, table_schema, write_table
from frontiers.statistics.clustered_ols import ClusteredFit
from frontiers.statistics.intervals import wilson
from support.synthetic_answers import make_answers

CAPS = (0, 8, 16, 24, None)
DECADES = np.linspace(7, 9, 5)
RISING = np.linspace(0.1, 0.9, 5)


def points_of(answers: pd.DataFrame, kinds: dict) -> pd.DataFrame:
    key = ["model", "strategy", "benchmark", "cap"]
    points = answers.assign(correct=answers.correct.astype(float)).groupby(key, sort=False, dropna=False)
    points = points.agg(
        accuracy=("correct", "mean"), flops=("flops", "mean"), problems=("problem_id", "nunique")
    )
    points = points.reset_index()
    return points.assign(architecture=points.model.map(kinds).astype(object))


def get(
    table: pd.DataFrame, comparison: str, measure: str, benchmark: str = "easy", scope: str | None = None
) -> pd.Series:
    chosen = (table.comparison == comparison) & (table.measure == measure) & (table.benchmark == benchmark)
    scope = scope or (architectures.OTHERS if benchmark == "all" else architectures.THESE)
    chosen &= table.scope == scope
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def test_interpolation_by_hand():
    x, y = np.array([[0.0, 1.0, 3.0]]), np.array([[0.0, 0.5, 0.7]])
    found = matched_curves.interpolate(np.array([[-1, 0, 0.5, 1, 2, 3, 4]]), x, y)[0]
    assert found == pytest.approx([np.nan, 0, 0.25, 0.5, 0.6, 0.7, np.nan], nan_ok=True)
    level = matched_curves.interpolate(np.array([[0.2, 0.5]]), np.array([[0.2, 0.2, 0.8]]), x)[0]
    assert level == pytest.approx([0, 2])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=6, unique=True), st.integers(0, 99))
def test_interpolation_is_that_of_numpy(x, seed):
    x = np.sort(np.array(x, float))
    y, at = np.random.default_rng(seed).uniform(size=(2, len(x)))
    at = np.sort(x[0] + at * (x[-1] - x[0]))
    assert matched_curves.interpolate(at[None], x[None], y[None])[0] == pytest.approx(np.interp(at, x, y))


def test_twice_the_compute_and_less_accuracy_are_found():
    """The mixture needs a tenth of the compute, which on this line is worth 0.4."""
    flops = {"d": 10**DECADES, "m": 10 ** (DECADES - 1)}
    answers = make_answers({"d": RISING, "m": RISING}, flops, CAPS, problems=2000)
    table = architectures.fit(points_of(answers, {"d": "dense", "m": "moe"}), answers, draws=300, seed=2)
    check_table(table, "architectures", "test")
    accuracy = get(table, "moe - dense", "accuracy_at_matched_compute")
    assert accuracy.low <= 0.4 <= accuracy.high and accuracy.high - accuracy.low < 0.06
    ratio = get(table, "moe / dense", "compute_ratio_at_matched_accuracy")
    assert ratio.low <= 0.1 <= ratio.high and ratio.high / ratio.low < 1.5
    assert (accuracy.models_a, accuracy.models_b, accuracy.problems) == (1, 1, 2000)
    kinds = get(table, "moe - dense", "accuracy_at_matched_compute", scope=architectures.OTHERS)
    assert not kinds.estimable and "too few models to tell (moe: 1, dense: 1" in kinds.reason
    shares = [get(table, kind, "frontier_share").estimate for kind in ("moe", "dense")]
    assert sum(shares) == pytest.approx(1) and shares[0] > 0.95


def test_the_same_answers_differ_by_nothing():
    answers = make_answers({"d": RISING}, 10**DECADES, CAPS)
    both = pd.concat([answers, answers.assign(model="m")], ignore_index=True)
    table = architectures.fit(points_of(both, {"d": "dense", "m": "moe"}), both, draws=100)
    accuracy = get(table, "moe - dense", "accuracy_at_matched_compute")
    assert (accuracy.estimate, accuracy.low, accuracy.high) == (0, 0, 0)
    ratio = get(table, "moe / dense", "compute_ratio_at_matched_accuracy")
    assert (ratio.estimate, ratio.low, ratio.high) == (1, 1, 1)


def test_difference_by_hand():
    """Two lines 0.2 apart over the common decade; b is known beyond it too."""
    answers = make_answers({"a": RISING, "b": RISING}, 10**DECADES, CAPS, problems=10)
    a, b = read_curves(answers, 20, 0)[:2]
    object.__setattr__(a, "accuracy", np.linspace(0.3, 0.7, 5))
    object.__setattr__(b, "accuracy", np.linspace(0.1, 0.5, 5))
    assert matched_curves.accuracy_difference(a, b)[0] == pytest.approx(0.2)
    assert matched_curves.compute_difference(a, b)[0] == pytest.approx(-1)
    far = read_curves(make_answers({"a": RISING}, 10 ** (DECADES + 5), CAPS, problems=10), 20, 0)[0]
    assert matched_curves.accuracy_difference(far, b) is None


def test_accuracy_difference_covers():
    hits = 0
    for seed in range(60):
        flops = {"d": 10**DECADES, "m": 10 ** (DECADES - 0.5)}
        answers = make_answers({"d": RISING, "m": RISING}, flops, CAPS, problems=100, seed=seed)
        curves = read_curves(answers, 200, seed)
        found = matched_curves.accuracy_difference(curves[1], curves[0])
        low, high = np.percentile(found[1:], [2.5, 97.5])
        hits += low <= 0.2 <= high
    assert hits >= 51


def test_reasons():
    flops = {"d": 10**DECADES, "m": 10 ** (DECADES + 5), "h": np.full(5, 1e8)}
    curves = {"d": RISING, "m": RISING * 1e-9, "h": np.full(5, 0.4)}
    answers = make_answers(curves, flops, CAPS)
    kinds = {"d": "dense", "m": "moe", "h": "hybrid"}
    table = architectures.fit(points_of(answers, kinds), answers, draws=50)
    check_table(table, "architectures", "test")
    far = get(table, "moe - dense", "accuracy_at_matched_compute")
    assert not far.estimable and far.reason == "no moe and no dense model share a range of compute"
    assert (
        "share a range of accuracy" in get(table, "moe / dense", "compute_ratio_at_matched_accuracy").reason
    )
    single = get(table, "hybrid - dense", "accuracy_at_matched_compute")
    assert not single.estimable and single.models_a == 0 and "with the cap: h" in single.note
    only = architectures.fit(points_of(answers, dict.fromkeys(kinds, "dense")), answers, draws=50)
    assert set(only.comparison) == {"dense"} and only.reason.eq("all models are dense").all()


def test_models_without_architecture_are_left_out():
    answers = make_answers({"d": RISING, "m": RISING}, 10**DECADES, CAPS)
    table = architectures.fit(points_of(answers, {"d": "dense"}), answers, draws=50)
    assert table.models_a.eq(1).all() and set(table.comparison) == {"dense"}


def test_shares_by_hand():
    decades = np.array([[0.0, 1.0, 2.0, 4.0], [0.0, 1.0, 2.0, 4.0]])
    accuracy = np.array([[0.1, 0.3, 0.2, 0.9], [0.5, 0.4, 0.6, 0.9]])
    found = matched_curves.shares(decades, accuracy, np.array([0, 1, 0, 0]), 2)
    assert found == pytest.approx(np.array([[0.25, 0.75], [1.0, 0.0]]))
    equal = matched_curves.shares(
        np.array([[1.0, 1.0, 2.0]]), np.array([[0.2, 0.6, 0.6]]), np.array([0, 1, 0]), 2
    )
    assert equal == pytest.approx(np.array([[0.0, 1.0]]))
    assert np.isnan(matched_curves.shares(np.ones((1, 2)), np.array([[0.1, 0.2]]), np.array([0, 1]), 2)).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)), min_size=2, max_size=10))
def test_shares_equal_a_plain_walk_along_the_frontier(points):
    x, y, kind = (np.array(v, float) for v in zip(*points, strict=True))
    if np.ptp(x) == 0:
        return
    total = np.zeros(3)
    for at in np.arange(x.min(), x.max()):
        affordable = [i for i in range(len(x)) if x[i] <= at]
        best = max(y[i] for i in affordable)
        cheapest = min(x[i] for i in affordable if y[i] == best)
        owner = next(i for i in range(len(x)) if y[i] == best and x[i] == cheapest)
        total[int(kind[owner])] += 1
    found = matched_curves.shares(x[None], y[None], kind.astype(int), 3)[0]
    assert found == pytest.approx(total / np.ptp(x))


def published(effect: float, moe: int = 5, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(20):
        kind = "moe" if i < moe else "dense"
        for benchmark, level in (("a", -1.0), ("b", 0.5)):
            decades = rng.uniform(12, 14)
            odds = level + 1.2 * (decades - 13) + effect * (kind == "moe") + noise * rng.normal()
            rows.append((f"m{i}", benchmark, kind, expit(odds), 10**decades))
    frame = pd.DataFrame(rows, columns=["model", "benchmark", "architecture", "accuracy", "flops"])
    low, high = wilson(frame.accuracy, 500)
    cap = pd.array([pd.NA] * len(frame), dtype="Int64")
    return frame.assign(strategy="reported", cap=cap, problems=10**6, accuracy_low=low, accuracy_high=high)


def test_regression_without_noise():
    table = architectures.fit(published(0.6), draws=50)
    check_table(table, "architectures", "test")
    odds = get(table, "moe - dense", "log_odds_at_matched_compute", "all")
    assert odds.estimate == pytest.approx(0.6) and (odds.models_a, odds.models_b) == (5, 15)
    ratio = get(table, "moe / dense", "compute_ratio_at_matched_accuracy", "all")
    assert ratio.estimate == pytest.approx(10 ** (-0.6 / 1.2))
    assert ratio.low <= ratio.estimate * (1 + 1e-9) and ratio.estimate <= ratio.high * (1 + 1e-9)


def test_regression_is_that_of_statsmodels():
    points = published(0.6, noise=0.5).assign(problems=10**9)
    found = get(architectures.fit(points, draws=50), "moe - dense", "log_odds_at_matched_compute", "all")
    frame = points.assign(y=logit(points.accuracy), x=np.log10(points.flops))
    result = smf.ols("y ~ x + C(benchmark) + C(architecture)", frame).fit()
    assert found.estimate == pytest.approx(result.params["C(architecture)[T.moe]"])
    assert found.low < found.estimate < found.high and found.interval == CLUSTERED


def test_clusters_of_one_are_hc2_and_welch():
    """With one row per group CR2 is HC2, and for two kinds the degrees of freedom Welch's of equal variances."""
    rng = np.random.default_rng(4)
    kind = np.repeat([0.0, 1.0], [12, 5])
    y = rng.normal(size=17) * np.where(kind, 2.0, 1.0)
    design = np.column_stack([np.ones(17), kind])
    fit = ClusteredFit(design, y, np.arange(17))
    found = fit.contrast(np.array([0.0, 1.0]))
    assert found.error == pytest.approx(sm.OLS(y, design).fit(cov_type="HC2").bse[1])
    welch = stats.ttest_ind(y[kind == 1], y[kind == 0], equal_var=False)
    assert found.estimate / found.error == pytest.approx(welch.statistic)
    freedom = (1 / 12 + 1 / 5) ** 2 / (1 / (12**2 * 11) + 1 / (5**2 * 4))
    assert found.freedom == pytest.approx(freedom)
    reach = stats.t.ppf(0.975, freedom) * found.error
    assert found.limits(0.95) == pytest.approx((found.estimate - reach, found.estimate + reach))


def test_clusters_that_repeat_themselves_count_once():
    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(14), rng.normal(size=14), np.arange(14) < 5])
    y = rng.normal(size=14)
    once = ClusteredFit(design, y, np.arange(14)).contrast(np.array([0, 0, 1.0]))
    again = ClusteredFit(np.tile(design, (3, 1)), np.tile(y, 3), np.tile(np.arange(14), 3))
    again = again.contrast(np.array([0, 0, 1.0]))
    assert again.estimate == pytest.approx(once.estimate)
    assert (again.error, again.freedom) == pytest.approx((once.error, once.freedom), rel=1e-6)
    with pytest.raises(ValueError, match="full rank"):
        ClusteredFit(np.ones((5, 2)), np.ones(5), np.arange(5))


def test_kinds_are_compared_over_models_by_welch():
    values = {
        (a, b): x - y
        for a, x in zip("pqr", (3.0, 1.0, 2.5), strict=True)
        for b, y in zip("stuv", (0.0, 1.0, 0.5, 2.0), strict=True)
    }
    row = architectures.other_models(values, {"moe": 3, "dense": 4}, "-")
    expected = stats.ttest_ind([3, 1, 2.5], [0, 1, 0.5, 2], equal_var=False)
    limits = expected.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((limits.low, limits.high))
    assert row["estimate"] == pytest.approx(np.mean(list(values.values())))
    ratio = architectures.other_models(values, {"moe": 3, "dense": 4}, "/")
    assert ratio["low"] == pytest.approx(10**limits.low)
    del values[("p", "s")]
    assert not architectures.other_models(values, {"moe": 3, "dense": 4}, "-")["estimable"]


def test_two_models_of_a_kind_cannot_tell():
    table = architectures.fit(published(0.6, moe=2), draws=50)
    found = get(table, "moe - dense", "log_odds_at_matched_compute", "all")
    assert not found.estimable and "moe: 2; at least 3" in found.reason
    assert get(table, "moe", "frontier_share", "a").estimable


def test_script(tmp_path):
    points = pd.DataFrame({c: None for c in table_schema("points")["properties"]}, index=range(40))
    points = points.assign(**published(0.6), interval="wilson", flops_2n=1.0, flops_method="closed form")
    points = points.assign(samples=1, reasoning_tokens=1.0, answer_tokens=1.0, label="x")
    write_table(points.assign(total_params=1, active_params=1), tmp_path / "points.parquet", "points")
    output = tmp_path / "architectures.parquet"
    main([f"--points={tmp_path / 'points.parquet'}", "--seed=1", "--draws=50", f"--output={output}"])
    written = read_table(output, "architectures")
    assert get(written, "moe - dense", "log_odds_at_matched_compute", "all").estimable
