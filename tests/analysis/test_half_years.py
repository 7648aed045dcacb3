"""The frontier at the end of each half-year: which points, which half-years, which budgets."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis import half_years
from frontiers.core.tables import check_table

TODAY = date(2026, 11, 26)


def points(*rows):
    """Return points from (model, day, accuracy, flops, dollars)."""
    table = pd.DataFrame(rows, columns=["model", "release_date", "accuracy", "flops", "dollars"])
    return table.assign(
        label=table["model"].str.upper(),
        benchmark="b",
        strategy="cut",
        cap=pd.array([pd.NA] * len(table), dtype="Int64"),
        accuracy_low=table["accuracy"],
        accuracy_high=table["accuracy"],
    )


def on(table, cost="flops"):
    mine = table[table["cost"] == cost]
    return {end: list(part["model"]) for end, part in mine.groupby("half_year")}


def test_a_frontier_holds_what_nothing_released_by_then_dominates():
    made = half_years.fit(
        points(
            ("old", "2024-06-30", 0.5, 1e13, 0.1),
            ("worse", "2024-07-01", 0.4, 2e13, 0.01),
            ("dear", "2025-03-01", 0.9, 1e15, np.nan),
            ("better", "2025-12-31", 0.6, 5e12, 0.2),
            ("undated", None, 1.0, 1.0, 0.1),
            ("future", "2027-01-01", 1.0, 1.0, 0.1),
        ),
        today=TODAY,
    )
    check_table(made, "half_years", "half_years")
    assert on(made) == {
        "2024-06-30": ["old"],
        "2024-12-31": ["old"],
        "2025-06-30": ["old", "dear"],
        "2025-12-31": ["better", "dear"],
    }
    # The price of one is unknown: half-years end with the last release that has one.
    assert on(made, "dollars") == {
        "2024-06-30": ["old"],
        "2024-12-31": ["worse", "old"],
        "2025-06-30": ["worse", "old"],
        "2025-12-31": ["worse", "old", "better"],
    }
    flops = made[made["cost"] == "flops"]
    assert flops["models"].tolist() == [1, 2, 3, 3, 4, 4]
    assert flops["new"].tolist() == [True, False, False, True, True, False]
    best = half_years.best_at(flops, 1e14)
    assert best["accuracy"].tolist() == [0.5, 0.5, 0.5, 0.6]
    assert half_years.budgets(flops) == [1e13, 1e14, 1e15]


@pytest.mark.parametrize(
    ("first", "last", "ends"),
    [
        ("2024-06-30", "2024-06-30", ["2024-06-30"]),
        ("2024-06-30", "2024-07-01", ["2024-06-30", "2024-12-31"]),
        ("2023-07-01", "2025-01-01", ["2023-12-31", "2024-06-30", "2024-12-31", "2025-06-30"]),
    ],
)
def test_half_years_run_from_the_first_release_to_the_last(first, last, ends):
    assert list(half_years.half_years(first, last)) == ends


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.dates(date(2023, 1, 1), date(2026, 10, 1)), st.floats(0, 1), st.floats(1, 1e6)),
        min_size=1,
        max_size=12,
    )
)
def test_the_best_within_a_budget_never_falls(rows):
    table = points(*((f"m{i}", str(day), share, cost, np.nan) for i, (day, share, cost) in enumerate(rows)))
    made = half_years.fit(table, today=TODAY)
    for budget in half_years.budgets(made):
        assert (np.diff(half_years.best_at(made, budget)["accuracy"]) >= 0).all()


def test_points_without_dates_have_no_frontier_by_half_year():
    made = half_years.fit(points(("a", None, 0.5, 1e13, 0.1)), today=TODAY)
    assert made.empty
    check_table(made, "half_years", "half_years")
