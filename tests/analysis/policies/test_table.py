"""The table of policies, its findings and its figure."""

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis import policies
from frontiers.analysis.findings.policies import beats_fixed_caps
from frontiers.analysis.policies.judging import envelope, judge
from frontiers.analysis.policies.rules import Settings
from frontiers.core.tables import check_table
from frontiers.report.figures import policies as figure
from frontiers.report.figures import style
from frontiers.statistics import paired
from frontiers.statistics.halving import HALVINGS, halvings

CAPS = (0, 8, 16, 32, None)
PROBLEMS = 40


def study(samples=1, seed=4):
    """Return answers and grades of a small and a large model; a problem is solved from its own cap on."""
    rng, rows = np.random.default_rng(seed), []
    for model, scale in (("small", 1.0), ("large", 8.0)):
        for problem in range(PROBLEMS):
            for sample in range(samples):
                need, length = rng.integers(1, 6), rng.integers(20, 60)
                for i, cap in enumerate(CAPS):
                    tokens = length if cap is None else min(cap, length)
                    right = i >= need or (cap is not None and cap > length)
                    text = "7" if right else str(rng.integers(100, 999))
                    rows.append((model, f"p{problem:02d}", sample, cap, tokens, float(right), text, scale))
    columns = ["model", "problem_id", "sample", "cap", "reasoning_tokens", "correct", "extracted", "scale"]
    frame = pd.DataFrame(rows, columns=columns).astype({"cap": "Int64"})
    frame = frame.assign(strategy="cot", benchmark="b", status="rule", flops_prefill=30 * frame["scale"])
    frame = frame.assign(flops_answer=3 * frame["scale"])
    frame["flops"] = frame["scale"] * (33 + frame["reasoning_tokens"])
    return frame.drop(columns="extracted"), frame[
        ["model", "strategy", "benchmark", *columns[1:4], "extracted"]
    ]


@pytest.fixture(scope="module")
def table():
    return policies.tabulate(*study(), 200, 1)


def test_every_policy_that_the_answers_allow_has_a_row(table):
    check_table(table, "policies", "policies")
    assert table["policy"].value_counts().to_dict() == {
        "agreement": 2,
        "fallback": 2,
        "learned": 2,
        "cascade": 1,
    }
    several = policies.tabulate(*study(samples=4), 50, 1)
    assert set(several["policy"]) == set(policies.POLICIES)
    cascade = table[table["policy"] == "cascade"].iloc[0]
    assert (cascade["model"], cascade["escalates_to"]) == ("small", "large")


def test_limits_hold_the_estimates_and_p_values_are_corrected(table):
    for estimate, low, high in (
        ("accuracy", "accuracy_low", "accuracy_high"),
        ("flops", "flops_low", "flops_high"),
        ("difference", "low", "high"),
    ):
        assert ((table[low] <= table[estimate]) & (table[estimate] <= table[high])).all()
    assert table["p_holm"].tolist() == pytest.approx(paired.holm(table["p_value"]).tolist())
    assert (table["accuracy"] - table["fixed_accuracy"]).tolist() == pytest.approx(
        table["difference"].tolist()
    )


def test_the_order_of_rows_does_not_matter(table):
    answers, grades = study()
    again = policies.tabulate(
        answers.sample(frac=1, random_state=1), grades.sample(frac=1, random_state=2), 200, 1
    )
    key = ["model", "policy"]
    both = [t.sort_values(key).reset_index(drop=True) for t in (table, again)]
    assert both[0]["difference"].tolist() == pytest.approx(both[1]["difference"].tolist())


def test_a_study_without_caps_has_an_empty_table():
    answers, grades = study()
    only = answers[answers["cap"].isna()]
    empty = policies.tabulate(only, grades, 50, 1)
    check_table(empty, "policies", "policies")
    assert empty.empty
    assert "cannot tell" in beats_fixed_caps(empty, {}, {}).answer
    assert figure.draw(pd.DataFrame(), empty, style.Labels()).axes


def test_the_envelope_is_what_lots_between_caps_reach():
    flops, accuracy = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0.1, 0.1, 0.2, 0.9, 0.8])
    assert envelope(flops, accuracy).tolist() == [0, 3]
    assert envelope(flops, np.linspace(0.9, 0.1, 5)).tolist() == [0]


def test_a_fixed_cap_gains_nothing_over_itself_and_a_coin_toss_neither():
    rng = np.random.default_rng(8)
    flops = np.outer([10.0, 20.0, 40.0], rng.uniform(0.5, 1.5, PROBLEMS))
    right = np.array([[0.2], [0.6], [0.7]]) + 0.1 * rng.random(PROBLEMS)
    halves = halvings(PROBLEMS, rng)
    same = judge(lambda _: Settings(["middle"], right[1:2], flops[1:2]), right, flops, halves)
    assert same.gains == pytest.approx(np.zeros((HALVINGS, PROBLEMS)), abs=1e-12)
    assert same.settings == {"middle": 1.0}
    mixed = [(values[0] + values[1]) / 2 for values in (right, flops)]
    toss = judge(lambda _: Settings(["toss"], *(v[None] for v in mixed)), right, flops, halves)
    assert toss.gains == pytest.approx(np.zeros((HALVINGS, PROBLEMS)), abs=1e-12)


def test_findings_tell_the_best_and_the_figure_has_it(table):
    shown = table.assign(p_holm=1.0)
    assert beats_fixed_caps(shown, {}, {}).answer.startswith(f"None of {len(table)} policies")
    shown.loc[0, ["difference", "low", "high", "p_holm"]] = [0.1, 0.05, 0.15, 0.01]
    shown.loc[1, ["difference", "low", "high", "p_holm"]] = [-0.1, -0.15, -0.05, 0.01]
    found = beats_fixed_caps(shown, {"b": "Bench"}, {"small": "Small"})
    assert found.answer.startswith(
        f"1 of {len(table)} policies, models and benchmarks do, the most by +10.0 points"
    )
    assert "Bench" in found.answer and "1 is shown to be worse" in found.answer
    assert [cell.value for cell in found.cells] == [0.1, 0.05, 0.15]
    points = study()[0].groupby(["model", "strategy", "benchmark", "cap"], dropna=False)
    points = points.agg(flops=("flops", "mean"), accuracy=("correct", "mean")).reset_index()
    drawn = figure.draw(points, shown, style.Labels(benchmarks={"b": "Bench"}))
    assert len(drawn.axes) == 2
    assert drawn.axes[0].get_title(loc="left") == "Bench"
