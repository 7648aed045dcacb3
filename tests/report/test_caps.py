import numpy as np
import pandas as pd

from frontiers.report.figures import caps as figure_caps


def test_a_cap_is_ringed_for_what_is_known_of_it():
    row = pd.Series({"saturation_cap": pd.NA, "saturation_cap_observed": 48})
    assert figure_caps.ring_of(row) == "saturation_cap_observed"
    assert figure_caps.ring_of(row.replace(48, 0).fillna(96)) == "saturation_cap"
    assert (
        figure_caps.ring_of(pd.Series({"saturation_cap": np.nan, "saturation_cap_observed": np.nan})) is None
    )
