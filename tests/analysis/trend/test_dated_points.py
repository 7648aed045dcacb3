import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.analysis.trend import dated_points
from frontiers.analysis.trend import table as trend
from support.point_tables import make_points


def test_one_point_per_model_at_its_largest_cap():
    full = make_points(np.linspace(0, 2, 6), np.linspace(0.2, 0.8, 6), np.full(6, 1e9))
    capped = full.assign(cap=pd.array([8] * 6, dtype="Int64"), accuracy=0.1, flops=1e8)
    votes = full.assign(strategy="vote", accuracy=0.9, flops=1e10)
    mixed = pd.concat([capped, votes, full], ignore_index=True)
    pd.testing.assert_frame_equal(trend.fit(mixed, draws=20), trend.fit(full, draws=20))


def test_frontier_at_date_by_hand():
    points = pd.DataFrame(
        {
            "years": [0.0, 1.0, 1.0, 2.0, 3.0, 3.0],
            "flops": [10.0, 10.0, 20.0, 5.0, 10.0, 5.0],
            "accuracy": [0.5, 0.4, 0.6, 0.5, 0.5, 0.5],
        }
    )
    assert dated_points.frontier_at_date(points).tolist() == [True, False, True, True, False, True]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_frontier_at_date_equals_a_plain_loop(rows):
    points = pd.DataFrame(rows, columns=["years", "flops", "accuracy"])

    def dominated(a):
        return any(
            b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and (b[1] < a[1] or b[2] > a[2]) for b in rows
        )

    assert dated_points.frontier_at_date(points).tolist() == [not dominated(r) for r in rows]
