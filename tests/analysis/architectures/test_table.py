import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from scipy.special import expit, logit

from frontiers.analysis.architectures import table as architectures
from frontiers.analysis.architectures.regression import CLUSTERED
from frontiers.core.tables import check_table, read_table, write_table
from frontiers.statistics.intervals import wilson
from frontiers.statistics.paired import holm
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
    table: pd.DataFrame,
    comparison: str,
    measure: str,
    benchmark: str = "easy",
    scope: str | None = None,
    held: str = "compute",
) -> pd.Series:
    chosen = (table.comparison == comparison) & (table.measure == measure) & (table.benchmark == benchmark)
    scope = scope or (architectures.OTHERS if benchmark == "all" else architectures.THESE)
    chosen &= table.scope == scope
    if benchmark == "all":
        chosen &= (table.held_fixed == held) & table.interval.str.contains("by model")
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


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
    assert found.low < found.estimate < found.high and found.interval == CLUSTERED.format("model")


def test_p_values_of_the_regressions_are_corrected_for_their_number():
    table = architectures.fit(published(0.6, noise=0.5), draws=50)
    tested = table[table.p_value.notna()]
    assert set(tested.measure) == {"log_odds_at_matched_compute"} and len(tested) == (tested.estimable).sum()
    assert ((tested.p_value < 0.05) == ((tested.low > 0) | (tested.high < 0))).all()
    for _, family in tested.groupby("interval"):
        assert family.p_holm.to_numpy() == pytest.approx(holm(family.p_value))


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


def test_the_script_writes_the_table(measured, published, tmp_path):
    for paths, estimable in ((measured, "frontier_share"), (published, "log_odds_at_matched_compute")):
        answers = read_table(paths["answers"], "answers") if "answers" in paths else None
        table = architectures.fit(read_table(paths["points"], "points"), answers, 100, 1)
        write_table(table, tmp_path / "table.parquet", "architectures")
        assert (tmp_path / "table.parquet").read_bytes() == paths["architectures"].read_bytes()
        assert table[table.measure == estimable].estimable.any()


def test_regression_takes_the_odds_of_knowing_where_answers_are_guessed():
    points = published(0.6)
    guessed = points.assign(accuracy=0.25 + 0.75 * points["accuracy"], problems=10**9)
    plain = get(architectures.fit(guessed, draws=50), "moe - dense", "log_odds_at_matched_compute", "all")
    known = architectures.fit(guessed.assign(chance=0.25), draws=50)
    found = get(known, "moe - dense", "log_odds_at_matched_compute", "all")
    assert found.estimate == pytest.approx(0.6, abs=1e-6) and abs(plain.estimate - 0.6) > 0.05


def confounded(seed: int = 0) -> pd.DataFrame:
    """Mixtures no better than dense models, but all newer, and everything gains 1.5 log-odds a year."""
    points = published(0.0, moe=8, noise=0.2, seed=seed)
    rng = np.random.default_rng(seed)
    number = points.model.str[1:].astype(int)
    years = dict(enumerate(np.where(np.arange(20) < 8, 1.2, 0.0) + rng.uniform(0, 1.5, 20)))
    when = number.map(years)
    dates = (pd.Timestamp("2023-01-01") + pd.to_timedelta(when * 365.25, unit="D")).dt.strftime("%Y-%m-%d")
    odds = logit(points.accuracy) + 1.5 * when
    size = pd.DataFrame(
        {"total_params": 8.0, "active_params": np.where(points.architecture == "moe", 1.0, 8.0)}
    )
    return points.assign(accuracy=expit(odds), release_date=dates, flops_2n=points.flops, **size)


def test_a_kind_that_is_only_newer_is_better_until_the_date_is_held_fixed():
    where = ("moe - dense", "log_odds_at_matched_compute", "all")
    held = 0
    for seed in range(60):
        table = architectures.fit(confounded(seed), draws=20, seed=seed)
        assert get(table, *where).low > 0
        dated = get(table, *where, held="compute and release date")
        held += dated.low <= 0 <= dated.high
    assert held >= 49  # fewer is one chance in 10,000 at 95 %


def test_total_parameters_weigh_idle_experts():
    points = confounded()
    table = architectures.fit(points, draws=20)
    where = ("moe - dense", "log_odds_at_matched_compute", "all")
    same = points.assign(flops=points.flops * np.where(points.architecture == "moe", 8.0, 1.0))
    assert get(table, *where, held="total parameters x tokens").estimate == pytest.approx(
        get(architectures.fit(same, draws=20), *where).estimate
    )


def test_the_model_that_moves_most_is_named():
    points = published(0.0, noise=0.1)
    odd = points.assign(accuracy=np.where(points.model == "m0", 0.999, points.accuracy))
    row = get(architectures.fit(odd, draws=20), "moe - dense", "log_odds_at_matched_compute", "all")
    assert row.left_out_model == "m0"
    without = get(
        architectures.fit(odd[odd.model != "m0"], draws=20),
        "moe - dense",
        "log_odds_at_matched_compute",
        "all",
    )
    assert row.left_out_low == pytest.approx(without.estimate)
    assert row.left_out_low < row.estimate < row.left_out_high + 1e-9
