"""The table of strategies: what is the baseline, and how each row is held against it."""

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis.strategies.table import tabulate

STRATEGIES = {
    "cot": {"label": "Chain", "method": "chain"},
    "vote_2": {"label": "Majority of 2", "method": "vote"},
    "tree": {"label": "REBASE", "method": "rebase"},
}
PROBLEMS = [f"p{n}" for n in range(8)]
RIGHT = {
    ("base", "cot", None): [1, 1, 0, 0, 0, 0, 0, 0],
    ("base", "cot", 8): [1, 0, 0, 0, 0, 0, 0, 0],
    ("base", "vote_2", None): [0.5, 1, 0.5, 0, 0, 0, 0, 0],
    ("base", "tree", None): [1, 1, 1, 1, 1, 1, 1, 1],
    ("other", "cot", None): [0, 1, 1, 0, 0, 0, 0, 0],
}
FLOPS = {"cot": 10.0, "vote_2": 20.0, "tree": 40.0}


def study():
    answers, points = [], []
    for (model, strategy, cap), right in RIGHT.items():
        keys = {"model": model, "strategy": strategy, "benchmark": "sums", "cap": cap}
        flops = FLOPS[strategy] / (2 if cap else 1)
        spent = {"flops_policy": flops / 2, "flops_thought": 0.0, "flops_reward": flops / 2}
        for problem, correct in zip(PROBLEMS, right, strict=True):
            answers.append({**keys, "problem_id": problem, "sample": 0, "correct": float(correct), **spent})
        measured = {"problems": 8, "accuracy": np.mean(right), "accuracy_low": 0.0, "accuracy_high": 1.0}
        points.append(
            {
                **keys,
                **measured,
                "interval": "wilson",
                "flops": flops,
                "reasoning_tokens": 5.0,
                "seconds": None,
            }
            | {"joules": None}
        )
    frames = pd.DataFrame(points), pd.DataFrame(answers)
    return [frame.astype({"cap": "Int64"}) for frame in frames]


@pytest.fixture
def table():
    rows = tabulate(*study(), STRATEGIES, "base")
    return rows.set_index(["model", "strategy"])


def test_every_row_is_held_against_the_first_models_chain_uncapped(table):
    assert list(table.index) == [("base", "cot"), ("base", "vote_2"), ("base", "tree"), ("other", "cot")]
    assert np.isnan(table.loc[("base", "cot"), "difference"])
    assert table.loc[("base", "tree"), "difference"] == 6 / 8
    assert table.loc[("other", "cot"), "difference"] == 0


def test_mcnemar_is_exact_and_for_single_answers_alone(table):
    assert table.loc[("base", "tree"), "mcnemar_p"] == pytest.approx(2 * 0.5**6)
    assert table.loc[("other", "cot"), "mcnemar_p"] == 1
    assert np.isnan(table.loc[("base", "vote_2"), "mcnemar_p"])


def test_what_was_spent_and_the_best_for_no_more(table):
    tree = table.loc[("base", "tree")]
    assert (tree["flops_policy"], tree["flops_reward"]) == (20, 20)
    assert table.loc[("base", "vote_2"), "matched"] == "cot, uncapped"
    assert tree["matched"] == "tree, uncapped" and tree["matched_accuracy"] == 1


def test_without_a_chain_there_is_nothing_to_hold_against():
    points, answers = study()
    rows = tabulate(points[points["strategy"] == "tree"], answers, STRATEGIES, "base")
    assert rows["difference"].isna().all() and rows["mcnemar_p"].isna().all()
