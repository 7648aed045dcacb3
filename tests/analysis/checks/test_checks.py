import json

import numpy as np
import pytest

import check_results
from frontiers.analysis.checks import study as checks
from frontiers.analysis.checks.check import SHOWN
from frontiers.core.cli import UserError
from frontiers.core.tables import write_table
from support.synthetic_study import BENCHMARKS, CAPS, MODELS, TABLES, measured_once, published_once

EXPECTED = {
    m: {"benchmarks": list(BENCHMARKS), "strategies": ["cot"], "caps": list(CAPS), "samples": 1}
    for m in MODELS
}
PROBLEMS = dict.fromkeys(BENCHMARKS, 40)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return measured_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def tables(paths):
    return {name: check_results.read(paths[name]) for name in TABLES}


def failed(tables, expected=EXPECTED, problems=PROBLEMS):
    return {c.name: c for c in checks.run_checks(tables, expected, problems) if not c.passed}


def test_a_sound_study_passes_every_check(tables):
    results = checks.run_checks(tables, EXPECTED, PROBLEMS)
    assert [c for c in results if not c.passed] == []
    assert len({c.name for c in results}) == len(results) == 17
    assert all(c.rows > 0 for c in results)


def test_a_published_study_passes(tmp_path_factory):
    paths = published_once(tmp_path_factory.getbasetemp())
    found = {n: check_results.read(p) for n, p in paths.items() if n != "summary"}
    assert failed(found, None, None) == {}


def lose_an_answer(t):
    t["answers"] = t["answers"].drop(index=7)


def lose_a_cap(t):
    t["answers"] = t["answers"][~((t["answers"]["cap"] == 8) & (t["answers"]["model"] == "moe"))]


def lose_a_point(t):
    t["points"] = t["points"][~((t["points"]["cap"] == 8) & (t["points"]["model"] == "moe"))]


def lose_a_mean(t):
    t["points"] = t["points"].drop(index=t["points"].index[t["points"]["benchmark"] == "mean"][0])


def miscount_problems(t):
    t["points"].loc[0, "problems"] = 39


def lose_a_curve(t):
    t["saturation"] = t["saturation"].iloc[1:]


def lose_a_trend(t):
    t["trend"] = t["trend"][t["trend"]["benchmark"] != "mean"]


def rename_a_problem(t):
    t["answers"].loc[3, "problem_id"] = "other"


def break_a_cap(t):
    row = t["answers"].index[t["answers"]["cap"] == 8][0]
    t["answers"].loc[row, "reasoning_tokens"] = 9


def spend_less_at_a_larger_cap(t):
    a = t["answers"]
    row = a.index[(a["cap"].isna()) & (a["model"] == "large")][0]
    a.loc[row, ["flops", "flops_reasoning", "flops_attention"]] -= a.loc[row, "flops_reasoning"] * 0.5


def cut_a_longer_trace_shorter(t):
    a = t["answers"]
    a.loc[a.index[(a["cap"].isna()) & (a["model"] == "large")][0], "reasoning_tokens"] = 1


def lose_a_component(t):
    t["answers"].loc[0, "flops_logits"] = 0.0


def spend_negative_time(t):
    t["answers"].loc[0, "seconds"] = -1.0


def reward_a_truncated_answer(t):
    t["answers"].loc[0, ["truncated", "status", "correct"]] = [True, "truncated", 1.0]


def hide_a_truncation(t):
    t["answers"].loc[0, "truncated"] = True


def improve_a_point(t):
    row = t["points"].index[t["points"]["accuracy"] < 0.5][0]
    t["points"].loc[row, ["accuracy", "accuracy_high"]] += 0.05


def shift_a_mean(t):
    row = t["points"].index[t["points"]["benchmark"] == "mean"][0]
    t["points"].loc[row, "flops"] *= 1.001


def put_a_dominated_point_on_the_frontier(t):
    f = t["frontier"]
    f.loc[f.index[~f["on_frontier"]][0], "on_frontier"] = True


def take_a_point_off_the_frontier(t):
    f = t["frontier"]
    f.loc[f.index[f["on_frontier"]][0], "on_frontier"] = False


def move_a_frontier_point(t):
    t["frontier"].loc[0, "cost_value"] *= 1.01


def lose_a_frontier(t):
    t["frontier"] = t["frontier"][t["frontier"]["benchmark"] != "mean"]


def turn_an_interval_round(t):
    t["points"].loc[0, "accuracy_low"] = 0.99


def narrow_an_interval_of_compute(t):
    t["points"].loc[0, "flops_low"] = 2 * t["points"].loc[0, "flops"]


def lose_an_accuracy(t):
    t["points"].loc[0, "accuracy"] = np.nan


def leave_the_range(t):
    t["points"].loc[0, "accuracy_high"] = 1.2


def double_a_point(t):
    t["points"] = t["points"].iloc[[0, *range(len(t["points"]))]]


def lose_an_estimate(t):
    o = t["outcomes"]
    o.loc[o.index[o["estimable"]][0], "estimate"] = np.nan


def lose_a_reason(t):
    t["trend"].loc[0, "reason"] = None


def push_a_difference_out_of_its_interval(t):
    t["differences"].loc[0, "high"] = t["differences"].loc[0, "difference"] - 0.1


def hide_how_an_interval_was_found(t):
    row = t["outcomes"].index[t["outcomes"]["estimable"]][0]
    t["outcomes"].loc[row, "interval"] = None


FAULTS = {
    push_a_difference_out_of_its_interval: "limits_hold",
    hide_how_an_interval_was_found: "limits_hold",
    lose_an_answer: "answers_complete",
    lose_a_cap: "answers_complete",
    lose_a_point: "points_complete",
    lose_a_mean: "points_complete",
    miscount_problems: "points_complete",
    lose_a_curve: "curves_complete",
    lose_a_trend: "trend_complete",
    rename_a_problem: "same_problems",
    break_a_cap: "caps_kept",
    spend_less_at_a_larger_cap: "compute_rises",
    cut_a_longer_trace_shorter: "compute_rises",
    lose_a_component: "compute_adds_up",
    spend_negative_time: "costs_not_negative",
    reward_a_truncated_answer: "grades_agree",
    hide_a_truncation: "grades_agree",
    improve_a_point: "points_follow_answers",
    shift_a_mean: "mean_is_mean",
    put_a_dominated_point_on_the_frontier: "frontier_true",
    take_a_point_off_the_frontier: "frontier_true",
    move_a_frontier_point: "frontier_true",
    lose_a_frontier: "frontier_true",
    turn_an_interval_round: "intervals_hold",
    narrow_an_interval_of_compute: "intervals_hold",
    lose_an_accuracy: "tables_valid",
    leave_the_range: "tables_valid",
    double_a_point: "tables_valid",
    lose_an_estimate: "estimates_present",
    lose_a_reason: "estimates_present",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_every_fault_is_found_by_its_check(fault, tables):
    fault(tables)
    found = failed(tables)
    assert FAULTS[fault] in found
    check = found[FAULTS[fault]]
    assert check.failed > 0 and len(check.first_failures) == min(check.failed, SHOWN)


def test_every_check_has_a_fault_that_it_finds(tables):
    assert {c.name for c in checks.run_checks(tables, EXPECTED, PROBLEMS)} == set(FAULTS.values())


def test_a_failure_names_the_row(tables):
    break_a_cap(tables)
    text = failed(tables)["caps_kept"].first_failures[0]
    assert "short-chains, cap 8, problem_id p000, sample 0: 9 reasoning tokens" in text


def test_a_table_without_a_column_stops_the_other_checks(tables):
    tables["points"] = tables["points"].drop(columns="accuracy")
    (only,) = checks.run_checks(tables, EXPECTED, PROBLEMS)
    assert not only.passed and "lacks the columns ['accuracy']" in only.first_failures[0]


def test_a_benchmark_without_a_number_of_problems_is_refused(tables):
    with pytest.raises(UserError, match="short-chains"):
        checks.run_checks(tables, EXPECTED, {})


def arguments(paths, output):
    given = ["--tables", *(str(paths[name]) for name in TABLES)]
    return [
        *given,
        "--expected",
        json.dumps(EXPECTED),
        "--problems",
        json.dumps(PROBLEMS),
        "--output",
        str(output),
    ]


def test_the_script_writes_what_it_found(paths, tmp_path):
    check_results.main(arguments(paths, tmp_path / "checks.json"))
    written = json.loads((tmp_path / "checks.json").read_text())
    assert written["passed"] and {c["name"] for c in written["checks"]} == set(FAULTS.values())


def test_the_script_fails_after_writing_and_names_the_check(paths, tables, tmp_path):
    break_a_cap(tables)
    write_table(tables["answers"], tmp_path / "answers.parquet", "answers")
    with pytest.raises(UserError, match=r"caps_kept \(1 failures in 1600 rows\)[^$]*problem_id p000"):
        check_results.main(
            arguments(paths | {"answers": tmp_path / "answers.parquet"}, tmp_path / "checks.json")
        )
    assert not json.loads((tmp_path / "checks.json").read_text())["passed"]


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / "points.parquet").write_text("no")
    with pytest.raises(UserError, match=r"points\.parquet: cannot be read"):
        check_results.read(tmp_path / "points.parquet")
