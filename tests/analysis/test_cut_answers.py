"""Uncapped answers cut without decoding: by hand, against recorded runs, and beside forced answers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis import cut_answers, recorded_points
from frontiers.core.tables import check_table

CAPS = [10, 20, None]


def answers(right, tokens, forced=None, caps=CAPS):
    """Return answers (problems, samples) uncapped, and at each cap those of `forced`, all wrong without it."""
    rows = []
    for (problem, sample), correct in np.ndenumerate(right):
        for cap in caps:
            spent = tokens[problem][sample] if cap is None else min(tokens[problem][sample], cap)
            known = correct if cap is None else 0 if forced is None else forced[cap][problem][sample]
            rows.append((f"q{problem}", sample, cap, float(known), spent - 1.0, 1.0))
    table = pd.DataFrame(
        rows, columns=["problem_id", "sample", "cap", "correct", "reasoning_tokens", "answer_tokens"]
    )
    return table.assign(model="m", strategy="cot", benchmark="b", status="rule").astype({"cap": "Int64"})


def test_an_answer_counts_where_it_was_right_in_time():
    right, tokens = np.array([[1, 1], [0, 1]]), [[5, 15], [8, 20]]
    forced = {10: [[1, 1], [0, 0]], 20: [[1, 1], [0, 1]]}
    made = cut_answers.fit(answers(right, tokens, forced))
    check_table(made, "cut", "cut")
    assert made["cap"].tolist() == [10, 20]
    assert made["accuracy"].tolist() == [0.25, 0.75]
    assert made["finished"].tolist() == [0.5, 1.0]
    assert made["tokens"].tolist() == [(5 + 10 + 8 + 10) / 4, (5 + 15 + 8 + 20) / 4]
    assert made["forced_accuracy"].tolist() == [0.5, 0.75]
    assert made["difference"].tolist() == [0.25, 0.0]
    assert (made["difference_low"] <= made["difference"]).all() and (
        made["difference"] <= made["difference_high"]
    ).all()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_it_is_the_curve_of_a_recorded_run_of_the_same_answers(data):
    problems = data.draw(st.integers(2, 6))
    right = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=problems, max_size=problems
            )
        )
    )
    tokens = data.draw(
        st.lists(st.lists(st.integers(2, 40), min_size=2, max_size=2), min_size=problems, max_size=problems)
    )
    made = cut_answers.fit(answers(right, tokens))
    known = pd.DataFrame(
        [(f"q{i}", j + 1, right[i, j], 7, tokens[i][j]) for i in range(problems) for j in range(2)],
        columns=["problem_id", "epoch", "correct", "prompt_tokens", "output_tokens"],
    )
    there = recorded_points.cut({"max_tokens": pd.NA}, known, CAPS[:-1]).groupby("cap")
    assert made["accuracy"].tolist() == pytest.approx(there["correct"].mean().tolist())
    assert made["tokens"].tolist() == pytest.approx(there["output_tokens"].mean().tolist())


def test_what_was_drawn_of_several_answers_and_what_has_no_uncapped_ones_is_left_out():
    one = answers(np.array([[1], [0]]), [[5], [5]])
    assert cut_answers.fit(one.assign(status="combined")).empty
    assert cut_answers.fit(one[one["cap"].notna()]).empty
    assert cut_answers.fit(one[one["cap"].isna()]).empty
    check_table(cut_answers.fit(one.iloc[:0]), "cut", "cut")
