import numpy as np
import pandas as pd
import pytest

from fit_saturation import main
from frontiers.analysis.cap_curves import read_curves
from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.forms import build_forms, fit_form
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table, write_table
from frontiers.statistics import intervals
from support.synthetic_answers import broken, make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES
ONE = broken(DECADES, [7, 7.93, 8.6], [0.1, 0.8, 0.8])


def test_a_form_of_few_curves_has_wider_intervals():
    sharp, line = ONE, broken(DECADES, [7, 8.6], [0.1, 0.9])
    alone, *_ = saturation.fit(make_answers({"a": sharp}, FLOPS), draws=4000, seed=1)
    curves = {"a": sharp, "b": line, "c": line, "d": line}
    together, *_ = saturation.fit(make_answers(curves, FLOPS), draws=4000, seed=1)
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
    table, pooled, _ = saturation.fit(make_answers(curves, FLOPS, benchmarks=["a", "b"]), draws=300, seed=1)
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
    assert found.direction == "levels_off" and pd.isna(mean.direction["line"])
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


def test_traces_that_end_by_themselves_leave_no_plateau_in_compute():
    """Accuracy rises with compute until every trace has ended at 48 tokens: then neither changes."""
    flops = np.minimum(FLOPS, FLOPS[5])
    answers = make_answers({"m": broken(np.log10(flops), [7, 8], [0.1, 0.9])}, flops, problems=300)
    row = saturation.fit(answers, draws=50)[0].iloc[0]
    assert row.form == "none" and row.computes == 6
    assert not row.saturated and row.saturation_kind is None and row.reason == saturation.TRACES_END
    assert row.saturation_cap == 48


def test_an_onset_is_no_saturation():
    late = broken(DECADES, [7, 8.2, 8.6], [0.02, 0.02, 0.7])
    row = saturation.fit(make_answers({"m": late}, FLOPS), draws=100)[0].iloc[0]
    assert row.form == "one_break" and not row.saturated and pd.isna(row.saturation_cap)
    assert row.slope_before < row.plateau_slope and "no saturation in range" in row.reason
    assert row.direction == "onset"


def test_too_few_caps():
    answers = make_answers({"m": [0.1, 0.6]}, [1e7, 1e8], caps=(0, None))
    row = saturation.fit(answers, draws=50)[0].iloc[0]
    assert row.form == "none" and "at the caps: 2;" in row.reason and not row.saturated
    answers = make_answers({"m": [0.1, 0.6, 0.7]}, [1e7, 1e8, 1e9], caps=(0, 8, None))
    three = saturation.fit(answers, draws=50)[0]
    assert three.bic_no_break.notna().all() and three.bic_break.isna().all() and three.davies_p.isna().all()


def test_one_cap_one_model():
    table, pooled, _ = saturation.fit(make_answers({"m": [0.4]}, [1e7], caps=(None,)), draws=50)
    check_table(table, "saturation", "test")
    check_table(pooled, "saturation_pooled", "test")
    assert table.reason.str.contains("at the caps: 1;").all() and not table.saturated.any()
    assert table.saturation_cap.isna().all() and not pooled.estimable.any() and pooled.reason.notna().all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_wrong_and_all_right(share):
    table, pooled, _ = saturation.fit(make_answers({"m": np.full(9, share)}, FLOPS), draws=50)
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


def test_the_script_writes_all_tables(measured, tmp_path):
    answers = read_table(measured["answers"], "answers")
    arguments = [f"--{n}={measured[n]}" for n in ("points", "answers")]
    names = ("saturation", "saturation_pooled", "gains")
    options = ("output", "saturation-pooled", "gains")
    written = [f"--{o}={tmp_path / n}.parquet" for o, n in zip(options, names, strict=True)]
    main([*arguments, "--seed=1", "--draws=50", *written])
    expected = saturation.fit(answers, 50, 1, list(dict.fromkeys(answers.benchmark)))
    for name, table in zip(names, expected, strict=True):
        write_table(table, tmp_path / "table.parquet", name)
        assert (tmp_path / "table.parquet").read_bytes() == (tmp_path / f"{name}.parquet").read_bytes()
    assert (tmp_path / "saturation_pooled.csv").exists()


def test_only_breaks_whose_direction_is_shown_are_pooled():
    """A soft bend seen on 20 problems falls in slope by chance: it is neither a levelling off nor an onset."""
    shapes = {"sharp": ONE, "soft": broken(DECADES, [7, 7.93, 8.6], [0.1, 0.5, 0.6]), "late": 0.9 - ONE[::-1]}
    problems = {"sharp": 500, "soft": 20, "late": 500}
    pooled = {}
    for name, shape in shapes.items():
        answers = make_answers({"m": shape}, FLOPS, problems=problems[name])
        curve = read_curves(answers, 500, 1)[0]
        form = build_forms(curve.decades)["one_break"]
        row, estimates = saturation.plateau(fit_form(form, curve.accuracy, curve.trials), curve)
        pooled[name] = row["direction"], sorted(estimates)
        assert name == "late" or row["plateau_slope"] < row["slope_before"]
    assert pooled["sharp"] == ("levels_off", ["breakpoint_flops", "breakpoint_tokens", "plateau_slope"])
    assert pooled["late"] == ("onset", ["onset_flops", "onset_tokens"])
    assert pooled["soft"] == ("unclear", [])
