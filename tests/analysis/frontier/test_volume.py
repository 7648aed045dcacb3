import numpy as np
import pytest

from frontiers.analysis.frontier import pareto
from frontiers.analysis.frontier.budget_choice import halve
from frontiers.analysis.frontier.volume import held_out_volume

COST = np.array([1.0, 2.0, 4.0, np.nan])


def test_held_out_volume_of_a_sure_frontier_is_the_hypervolume():
    right = np.zeros((50, 4))
    right[:10, 0], right[:40, 1], right[:30, 2] = 1, 1, 1
    box = pareto.Reference(1.0, 10.0)
    mean, error = held_out_volume(halve([right], 1, 0), COST, box)
    assert mean == pytest.approx(pareto.hypervolume(COST, right.mean(axis=0), box)) and error > 0
    assert np.isnan(held_out_volume(halve([right[:1]], 1, 0), COST, box)).all()
