import numpy as np
import pandas as pd

from frontiers.core.keys import benchmarks_of, cap_order, cap_text, caps_of


def test_caps_come_back_from_their_order():
    caps = pd.Series([8, None, 0], dtype="Int64")
    assert cap_order(caps).tolist() == [8, np.inf, 0]
    pd.testing.assert_series_equal(pd.Series(caps_of(cap_order(caps))), caps)
    assert [cap_text(cap) for cap in cap_order(caps)] == ["cap 8", "uncapped", "cap 0"]


def test_benchmarks_keep_their_order_and_leave_out_the_mean():
    assert benchmarks_of(pd.DataFrame({"benchmark": ["b", "a", "mean", "b"]})) == ["b", "a"]
