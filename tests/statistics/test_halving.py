import numpy as np

from frontiers.statistics.halving import halvings, judged


def test_every_problem_chooses_in_half_of_the_rows():
    half = halvings(31, np.random.default_rng(0))
    assert half.shape == (40, 31) and (half[:20] ^ half[20:]).all() and (half[:20].sum(axis=1) == 15).all()
    assert len(np.unique(half, axis=0)) == 40


def test_a_problem_is_judged_where_it_did_not_choose():
    choosing = np.array([[True, False, False], [False, True, True], [True, False, True]])
    values = np.array([[9.0, 1.0, 2.0], [5.0, 9.0, 9.0], [9.0, 3.0, 9.0]])
    assert judged(choosing, values).tolist() == [5, 2, 2]
