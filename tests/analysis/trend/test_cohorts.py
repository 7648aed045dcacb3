"""Trends of cohorts: they are the trends of their models alone."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis import trend
from frontiers.analysis.trend import cohorts
from frontiers.core.tables import check_table

TODAY = date(2026, 11, 26)


@pytest.fixture
def points():
    """Thirty models of three developers; half reason, and those become cheaper twice as fast."""
    rng, rows = np.random.default_rng(3), []
    for i in range(30):
        years, mode = rng.uniform(0, 3), ("reasoning", "instruct")[i % 2]
        compute = rng.uniform(12, 15)
        odds = (compute - 13.5) + years * (2 if mode == "reasoning" else 1) + rng.normal(0, 0.1)
        share = 1 / (1 + np.exp(-odds))
        rows.append(
            {
                "model": f"m{i}",
                "release_date": str((pd.Timestamp("2023-06-01") + pd.Timedelta(days=365.25 * years)).date()),
                "developer": "ABC"[i % 3],
                "lineage": f"l{i % 6}",
                "mode": mode,
                "accuracy": share,
                "accuracy_low": max(share - 0.03, 0),
                "accuracy_high": min(share + 0.03, 1),
                "flops": 10**compute,
                "dollars": 10 ** (compute - 16) if i > 1 else np.nan,
            }
        )
    return pd.DataFrame(rows).assign(
        benchmark="b", strategy="cut", cap=pd.array([pd.NA] * 30, dtype="Int64"), problems=198, chance=0.0
    )


def test_a_cohort_has_the_trend_of_its_models_alone(points):
    made = cohorts.fit(points, 200, 1, today=TODAY)
    check_table(made, "cohorts", "cohorts")
    sizes = made.groupby(["cost", "kind", "cohort"])["models"].first()
    assert sizes["flops", "all"].to_dict() == {cohorts.ALL: 30}
    assert sizes["flops", "mode"].to_dict() == {"instruct": 15, "reasoning": 15}
    assert sizes["flops", "developer"].to_dict() == dict.fromkeys("ABC", 10)
    assert sizes["flops", "lineage"].to_dict() == {f"l{i}": 5 for i in range(6)}
    assert sizes["dollars", "mode"].to_dict() == {"instruct": 14, "reasoning": 14}
    # One model of two lineages has no price, so that too few are left.
    assert set(sizes["dollars", "lineage"].index) == {f"l{i}" for i in range(2, 6)}
    key = ["metric", "estimator", "standard_error"]
    part = points[points["mode"] == "reasoning"]
    alone = trend.fit(part, 200, 1, today=TODAY)
    alone = alone[alone["selection"] == "all"].set_index(key)
    mine = made[(made["cost"] == "flops") & (made["cohort"] == "reasoning")].set_index(key)
    assert mine["slope_per_year"].notna().any()
    pd.testing.assert_series_equal(
        mine["slope_per_year"], alone.loc[mine.index, "slope_per_year"], check_exact=True
    )


def test_the_unit_of_a_cost_moves_no_trend_and_dollars_of_proportion_have_that_of_flops(points):
    made = cohorts.fit(points.dropna(subset="dollars"), 200, 1, today=TODAY)
    both = made.pivot(
        index=["kind", "cohort", "metric", "estimator", "standard_error"],
        columns="cost",
        values="slope_per_year",
    )
    known = both.dropna()
    assert len(known) > 20
    assert np.allclose(known["flops"], known["dollars"])


def test_what_all_models_share_is_no_cohort(points):
    made = cohorts.fit(points.assign(mode=None, lineage=None, developer="A"), 50, 1, today=TODAY)
    assert set(made["kind"]) == {"all"}


def test_no_cohorts_of_too_few_models(points):
    made = cohorts.fit(points.iloc[:4], 50, 1, today=TODAY)
    assert made.empty
    check_table(made, "cohorts", "cohorts")
