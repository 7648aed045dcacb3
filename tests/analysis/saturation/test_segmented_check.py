from dataclasses import replace

import numpy as np
import pytest

from frontiers.analysis.cap_curves import read_curves
from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.segmented_check import segmented
from support.synthetic_answers import broken, make_answers

DECADES = np.linspace(7, 8.6, 9)
FLOPS = 10**DECADES
ONE = broken(DECADES, [7, 7.93, 8.6], [0.1, 0.8, 0.8])


def test_break_by_another_package():
    curve = read_curves(make_answers({"m": ONE}, FLOPS, problems=2000), 20, 0)[0]
    row = segmented(curve, 7.8)
    assert row["segmented_low"] < row["segmented_flops"] < row["segmented_high"]
    assert row["segmented_davies_p"] < 0.001
    ours = saturation.fit_curves([curve])[0].row["breakpoint_flops"]
    assert np.log10(row["segmented_flops"] / ours) == pytest.approx(0, abs=0.05)
    assert segmented(replace(curve, flops=curve.flops[:5], accuracy=curve.accuracy[:5]), 7.8) == {}
