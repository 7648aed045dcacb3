"""How often the verdicts of a log and the grades made here agree."""

import pandas as pd
import pytest

from frontiers.core.cli import UserError
from frontiers.log_import.agreement import agreement


def test_agreement_counts_each_of_the_four_cases():
    keys = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    base = pd.DataFrame(keys, columns=["problem_id", "sample"]).assign(cap=pd.array([None] * 4, "Int64"))
    verdicts = base.assign(scorer="s", correct=[True, True, False, False])
    grades = base.assign(correct=[True, False, True, False])
    (row,) = agreement(verdicts, grades, "m", "b", "cot").to_dict("records")
    assert [row[k] for k in ("both_right", "only_here", "only_log", "both_wrong")] == [1, 1, 1, 1]
    assert row["low"] < row["agreement"] == 0.5 < row["high"]
    with pytest.raises(UserError, match="not graded"):
        agreement(verdicts, grades.iloc[:3], "m", "b", "cot")
