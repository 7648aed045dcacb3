"""How often the verdicts of a log and the grades made here agree."""

import numpy as np
import pandas as pd
import pytest

from frontiers.core.cli import UserError
from frontiers.log_import.agreement import agreement


def test_agreement_counts_each_of_the_four_cases():
    keys = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    base = pd.DataFrame(keys, columns=["problem_id", "sample"]).assign(cap=pd.array([None] * 4, "Int64"))
    verdicts = base.assign(scorer="s", correct=[True, True, False, False])
    grades = base.assign(correct=[True, False, True, False], status="rule", extracted="4")
    (row,) = agreement(verdicts, grades, "m", "b", "cot").to_dict("records")
    assert [row[k] for k in ("both_right", "only_here", "only_log", "both_wrong")] == [1, 1, 1, 1]
    assert row["low"] < row["agreement"] == 0.5 < row["high"]
    with pytest.raises(UserError, match="not graded"):
        agreement(verdicts, grades.iloc[:3], "m", "b", "cot")


def compared(log, here, status="rule", scorers=("s",)):
    base = pd.DataFrame({"problem_id": [f"p{n}" for n in range(len(log))], "sample": 0}).assign(
        cap=pd.array([None] * len(log), "Int64")
    )
    verdicts = pd.concat(
        base.assign(scorer=scorer, correct=np.array(log) if scorer == "s" else True) for scorer in scorers
    )
    return agreement(verdicts, base.assign(correct=here, status=status, extracted="B"), "m", "b", "cot")


def test_right_answers_of_a_log_that_are_graded_wrong_stop_the_study():
    """33 of 40 right by the log and 9 here: what letters in another order give."""
    log, here = [True] * 33 + [False] * 7, [True] * 9 + [False] * 31
    with pytest.raises(
        UserError, match=r"m, b: of 33 answers that 's' of the log calls right, 24 are graded wrong"
    ) as error:
        compared(log, here)
    assert "p9: 'B'" in str(error.value) and "shows other options" in str(error.value)


def test_a_strict_scorer_and_a_few_answers_stop_nothing():
    assert compared([False] * 40, [True] * 40)["only_here"].tolist() == [40]
    assert compared([True] * 3, [False] * 3)["only_log"].tolist() == [3]
    assert compared([True] * 40, [True] * 20 + [False] * 20)["only_log"].tolist() == [20]
    assert compared([True] * 40, [False] * 40, status="truncated")["only_log"].tolist() == [40]
    assert (
        len(compared([True] * 10 + [False] * 30, [True] * 10 + [False] * 30, scorers=("s", "is_english")))
        == 2
    )
