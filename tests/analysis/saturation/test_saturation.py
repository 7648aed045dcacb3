from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import xlogy

from fit_saturation import main
from frontiers.analysis.cap_curves import merge_equal_compute, read_curves
from frontiers.analysis.saturation import cap_tests
from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.forms import build_forms, fit_form, refit
from frontiers.analysis.saturation.pooled import Estimate, pool
from frontiers.analysis.saturation.segmented_check import segmented
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table, table_schema, write_table
from frontiers.report.figures import caps as figure_caps
from frontiers.statistics import intervals, paired
from support.synthetic_answers import broken, make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES
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


def test_a_form_of_few_curves_has_wider_intervals():
    sharp, line = ONE, broken(DECADES, [7, 8.6], [0.1, 0.9])
    alone, _ = saturation.fit(make_answers({"a": sharp}, FLOPS), draws=4000, seed=1)
    curves = {"a": sharp, "b": line, "c": line, "d": line}
    together, _ = saturation.fit(make_answers(curves, FLOPS), draws=4000, seed=1)
    alone, together = (t[t.benchmark == "mean"].set_index("model") for t in (alone, together))
    alone = alone.loc["a"]
    assert alone.level == 0.95
    assert together.form.to_dict() == {"a": "one_break", "b": "none", "c": "none", "d": "none"}
    assert together.level.to_dict() == pytest.approx(
        {"a": 1 - 0.05 / 4, "b": 1 - 0.15 / 4, "c": 1 - 0.15 / 4, "d": 1 - 0.15 / 4}
    )
    few = together.loc["a"]
    assert few.breakpoint_flops == alone.breakpoint_flops and few.plateau_slope == alone.plateau_slope
    for low, high in (("low", "high"), ("plateau_low", "plateau_high")):
        assert few[low] < alone[low] and alone[high] < few[high]
    choice = saturation.choose(read_curves(make_answers({"a": sharp}, FLOPS), 4000, 1)[-1])
    fields, estimates = saturation.plateau(choice.fit, choice.merged, few.level)
    assert [fields["low"], fields["plateau_high"]] == pytest.approx([few.low, few.plateau_high])
    tail = intervals.expanded_tail(500, few.level)
    breaks = estimates["breakpoint_flops"].draws
    assert np.log10(few.low) == pytest.approx(np.percentile(breaks, 100 * tail, method="nearest"))


def test_table_of_known_curves():
    curves = {
        "broken": ONE,
        "line": broken(DECADES, [7, 8.6], [0.1, 0.9]),
        "s": broken(DECADES, [7, 7.4, 8.2, 8.6], [0.02, 0.02, 0.7, 0.7]),
        "down": broken(DECADES, [7, 7.8, 8.6], [0.1, 0.9, 0.3]),
        "flat": np.full(9, 0.4),
    }
    table, pooled = saturation.fit(make_answers(curves, FLOPS, benchmarks=["a", "b"]), draws=300, seed=1)
    check_table(pooled, "saturation_pooled", "test")
    check_table(table, "saturation", "test")
    assert len(table) == 15
    mean = table[table.benchmark == "mean"].set_index("model")
    assert mean.form.drop("down").to_dict() == {
        "broken": "one_break",
        "line": "none",
        "s": "two_breaks",
        "flat": "none",
    }
    assert mean.problems.eq(500).all() and mean.computes.eq(9).all()
    found = mean.loc["broken"]
    assert found.saturated and found.reason is None and found.davies_p < 0.001
    assert found.low <= found.breakpoint_flops <= found.high
    assert 10**7.85 < found.breakpoint_flops < 10**8.0
    assert found.plateau_low <= 0 <= found.plateau_high
    assert found.slope_before == pytest.approx(0.7 / 0.93, rel=0.15)
    assert found.saturation_cap == 48  # the first cap beyond the break
    assert not mean.saturated["line"] and "without a break" in mean.reason["line"]
    assert pd.isna(mean.saturation_cap["line"]) and mean.davies_p["line"] > 0.05
    assert mean.saturated["s"] and mean.saturation_cap["s"] == 64
    assert mean.saturation_kind[["broken", "s", "down"]].tolist() == ["plateau", "plateau", "decline"]
    assert mean.saturated["down"] and mean.plateau_high["down"] < 0 and mean.saturation_cap["down"] == 32
    flat = mean.loc["flat"]
    assert flat.reason == saturation.FLAT and flat.saturation_cap == 0 and flat.plateau_slope == 0
    assert mean.saturation_above.dropna().to_dict() == {"broken": 32, "line": 96, "s": 48, "down": 24}
    assert mean.saturation_above_flops.dropna().index.tolist() == ["line"]
    alone = table[(table.benchmark == "a") & (table.model == "flat")].iloc[0]
    assert pd.isna(alone.saturation_cap) and alone.saturation_cap_observed == 0
    assert "not shown with 250 problems" in alone.cap_reason and "1.1 points" in alone.cap_reason
    assert not flat.saturated and np.isnan(flat.bic_no_break)


def test_same_seed_same_table_and_other_models_change_no_more_than_the_level():
    answers = make_answers({"a": ONE, "b": ONE / 2}, FLOPS)
    first, second = (saturation.fit(answers, draws=100, seed=5)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    alone = saturation.fit(answers[answers.model == "a"], draws=100, seed=5)[0]
    depends = ["level", "low", "high", "plateau_low", "plateau_high"]
    mine = first[first.model == "a"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns=depends), mine.drop(columns=depends))


def test_a_model_that_answers_at_once_is_flat():
    table = saturation.fit(make_answers({"direct": np.full(9, 0.3)}, np.full(9, 1e7)), draws=50)[0]
    assert table.reason.eq(saturation.FLAT).all() and table.computes.eq(1).all()
    assert table.plateau_slope.isna().all() and table.saturation_cap.eq(0).all()


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


def test_traces_that_end_by_themselves_leave_no_plateau_in_compute():
    """Accuracy rises with compute until every trace has ended at 48 tokens: then neither changes."""
    flops = np.minimum(FLOPS, FLOPS[5])
    answers = make_answers({"m": broken(np.log10(flops), [7, 8], [0.1, 0.9])}, flops, problems=300)
    row = saturation.fit(answers, draws=50)[0].iloc[0]
    assert row.form == "none" and row.computes == 6
    assert row.saturated and row.saturation_kind == "traces_end" and row.reason is None
    assert row.saturation_cap == 48


def test_an_onset_is_no_saturation():
    late = broken(DECADES, [7, 8.2, 8.6], [0.02, 0.02, 0.7])
    row = saturation.fit(make_answers({"m": late}, FLOPS), draws=100)[0].iloc[0]
    assert row.form == "one_break" and not row.saturated and pd.isna(row.saturation_cap)
    assert row.slope_before < row.plateau_slope and "no saturation in range" in row.reason


def test_too_few_caps():
    answers = make_answers({"m": [0.1, 0.6]}, [1e7, 1e8], caps=(0, None))
    row = saturation.fit(answers, draws=50)[0].iloc[0]
    assert row.form == "none" and "at the caps: 2;" in row.reason and not row.saturated
    answers = make_answers({"m": [0.1, 0.6, 0.7]}, [1e7, 1e8, 1e9], caps=(0, 8, None))
    three = saturation.fit(answers, draws=50)[0]
    assert three.bic_no_break.notna().all() and three.bic_break.isna().all() and three.davies_p.isna().all()


def test_one_cap_one_model():
    table, pooled = saturation.fit(make_answers({"m": [0.4]}, [1e7], caps=(None,)), draws=50)
    check_table(table, "saturation", "test")
    check_table(pooled, "saturation_pooled", "test")
    assert table.reason.str.contains("at the caps: 1;").all() and not table.saturated.any()
    assert table.saturation_cap.isna().all() and not pooled.estimable.any() and pooled.reason.notna().all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_wrong_and_all_right(share):
    table, pooled = saturation.fit(make_answers({"m": np.full(9, share)}, FLOPS), draws=50)
    row = table.iloc[0]
    assert (
        row.reason == saturation.FLAT and row.saturation_cap_observed == 0 and pd.isna(row.breakpoint_flops)
    )
    assert pd.isna(row.saturation_cap) and "not shown with 250 problems" in row.cap_reason
    assert not pooled.estimable.any()


def test_rows_that_are_doubled_or_lack():
    answers = make_answers({"m": ONE}, FLOPS, problems=20)
    with pytest.raises(UserError, match="answers, expected"):
        saturation.fit(pd.concat([answers, answers.iloc[[3]]]), draws=10)
    with pytest.raises(UserError, match="answers, expected"):
        saturation.fit(answers.iloc[1:], draws=10)
    with pytest.raises(UserError, match="`hard` has no answers"):
        saturation.fit(answers, draws=10, benchmarks=["easy", "hard"])
    other = make_answers({"other": ONE}, FLOPS, problems=20, benchmarks=["hard"])
    table = saturation.fit(pd.concat([answers, other], ignore_index=True), draws=10)[0]
    assert not table.benchmark.eq("mean").any()


def test_saturation_cap_needs_confidence():
    """One problem in 50 lost is 2 points; none lost in 267 still leaves more than 1 possible."""
    few = read_curves(make_answers({"m": [0.2, 0.9, 0.9, 0.92]}, FLOPS[:4], caps=(0, 8, 16, None)), 20, 0)[0]
    assert few.accuracy[2] < few.accuracy[3]
    assert np.isnan(cap_tests.saturation_caps(few)["saturation_cap"])
    for problems, reached in ((267, np.nan), (268, 8)):
        same = make_answers({"m": [0.2, 0.9, 0.9, 0.9]}, FLOPS[:4], caps=(0, 8, 16, None), problems=problems)
        found = cap_tests.saturation_caps(read_curves(same, 20, 0)[0])
        assert found["saturation_cap"] == pytest.approx(reached, nan_ok=True)
        assert found["saturation_above"] == 0 and found["saturation_cap_observed"] == 8


def test_a_cap_is_compared_with_every_larger_one():
    """Accuracy dips at 16: cap 8 is as good as the largest, but 16 must not end the search, nor 32 be lost."""
    curve = read_curves(
        make_answers({"m": [0.2, 0.9, 0.5, 0.9, 0.9]}, FLOPS[:5], (0, 8, 16, 32, None), 400), 20, 0
    )[0]
    assert cap_tests.saturation_caps(curve)["saturation_cap"] == 32
    assert not cap_tests.falls(curve)
    down = read_curves(make_answers({"m": [0.2, 0.9, 0.6]}, FLOPS[:3], (0, 8, None), 400), 20, 0)[0]
    assert cap_tests.falls(down)


def test_gain_limits_are_those_of_paired():
    answers = make_answers({"m": [0.3, 0.6]}, FLOPS[:2], (0, None), 100, ("a", "b"), paired=False)
    curves = {c.benchmark: c for c in read_curves(answers, 20, 0)}
    one = paired.compare(curves["a"].right[0][:, [1]], curves["a"].right[0][:, [0]], 0.90)
    low, high = cap_tests.gain_limits(curves["a"], np.array([0]), np.array([1]), 0.05)
    assert [low[0], high[0]] == pytest.approx([one.low, one.high])
    two = paired.compare(curves["b"].right[0][:, [1]], curves["b"].right[0][:, [0]], 0.90)
    low, high = cap_tests.gain_limits(curves["mean"], np.array([0]), np.array([1]), 0.05)
    middle = (one.estimate + two.estimate) / 2
    assert low[0] == pytest.approx(middle - np.hypot(one.estimate - one.low, two.estimate - two.low) / 2)
    assert high[0] == pytest.approx(middle + np.hypot(one.estimate - one.high, two.estimate - two.high) / 2)


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


def test_a_cap_is_ringed_for_what_is_known_of_it():
    row = pd.Series({"saturation_cap": pd.NA, "saturation_cap_observed": 48})
    assert figure_caps.ring_of(row) == "saturation_cap_observed"
    assert figure_caps.ring_of(row.replace(48, 0).fillna(96)) == "saturation_cap"
    assert (
        figure_caps.ring_of(pd.Series({"saturation_cap": np.nan, "saturation_cap_observed": np.nan})) is None
    )


def test_break_by_another_package():
    curve = read_curves(make_answers({"m": ONE}, FLOPS, problems=2000), 20, 0)[0]
    row = segmented(curve, 7.8)
    assert row["segmented_low"] < row["segmented_flops"] < row["segmented_high"]
    assert row["segmented_davies_p"] < 0.001
    ours = saturation.fit_curves([curve])[0].row["breakpoint_flops"]
    assert np.log10(row["segmented_flops"] / ours) == pytest.approx(0, abs=0.05)
    assert segmented(replace(curve, flops=curve.flops[:5], accuracy=curve.accuracy[:5]), 7.8) == {}


def test_curves_hold_means_and_draws_of_the_answers():
    answers = make_answers({"m": ONE}, FLOPS, benchmarks=["a", "b"], samples=3, problems=40, paired=False)
    curves = {c.benchmark: c for c in read_curves(answers, 400, 0)}
    plain = answers[answers.benchmark == "a"].groupby("cap", dropna=False).correct.mean()
    assert curves["a"].accuracy == pytest.approx(plain.to_numpy())
    assert curves["mean"].accuracy == pytest.approx((curves["a"].accuracy + curves["b"].accuracy) / 2)
    assert (curves["a"].trials >= 40).all() and (curves["a"].trials <= 120).all()
    assert curves["a"].draws.mean(axis=0) == pytest.approx(curves["a"].accuracy, abs=0.02)
    assert curves["mean"].problems == 80


def test_compute_must_be_positive():
    answers = make_answers({"m": ONE}, FLOPS)
    answers.loc[0, "flops"] = 0.0
    with pytest.raises(UserError, match="must be positive"):
        saturation.fit(answers, draws=10)


def test_script(tmp_path):
    answers = make_answers({"m": ONE}, FLOPS, problems=60)
    answers = answers.assign(
        status="rule", truncated=False, looping=False, seconds=None, joules=None, answer_tokens=1
    )
    answers = answers.assign(**{c: 1.0 for c in table_schema("answers")["properties"] if c not in answers})
    write_table(answers, tmp_path / "answers.parquet", "answers")
    points = pd.DataFrame({c: [None] for c in table_schema("points")["properties"]})
    points = points.assign(model="m", strategy="cot", benchmark="easy", problems=60, samples=1, label="m")
    points = points.assign(accuracy=0.5, accuracy_low=0.4, accuracy_high=0.6, interval="wilson", flops=1e8)
    points = points.assign(flops_2n=1e8, flops_method="closed form", reasoning_tokens=1.0, answer_tokens=1.0)
    write_table(points.assign(total_params=1, active_params=1), tmp_path / "points.parquet", "points")
    arguments = [f"--{n}={tmp_path / n}.parquet" for n in ("points", "answers")]
    written = [f"--output={tmp_path / 'saturation.parquet'}", f"--pooled={tmp_path / 'pooled.parquet'}"]
    main([*arguments, "--seed=1", "--draws=50", *written])
    assert read_table(tmp_path / "pooled.parquet", "saturation_pooled").estimable.eq(False).all()
    assert read_table(tmp_path / "saturation.parquet", "saturation").benchmark.tolist() == ["easy", "mean"]
