"""How much an accuracy moves with another seed."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from frontiers.analysis import seeds
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table
from measure_seeds import main

GRID = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [1, 1, 1]], float)


def answers(grid, cap=None, status="rule"):
    problem, sample = np.indices(grid.shape).reshape(2, -1)
    frame = pd.DataFrame(
        {"problem_id": [f"p{i}" for i in problem], "sample": sample, "correct": grid.ravel()}
    )
    return frame.assign(
        model="m", strategy="cot", benchmark="b", cap=pd.array([cap] * grid.size, "Int64"), status=status
    )


def test_the_spread_is_that_of_all_runs_that_the_samples_make():
    table = seeds.fit(answers(GRID))
    check_table(table, "seeds", "test")
    runs = [
        np.mean([row[i] for row, i in zip(GRID, chosen, strict=True)])
        for chosen in product(range(3), repeat=4)
    ]
    row = table.iloc[0]
    assert row.spread == pytest.approx(np.sqrt(np.var(runs) * 3 / 2)) and (row.problems, row.samples) == (
        4,
        3,
    )
    variances = GRID.var(axis=1, ddof=1)
    reach = stats.t.ppf(0.975, 3) * stats.sem(variances)
    assert (row.low, row.high) == pytest.approx((0, np.sqrt((variances.mean() + reach) / 4)))


def test_the_largest_cap_alone_counts_and_failed_calls_do_not():
    frame = pd.concat([answers(GRID), answers(1 - GRID[:, :2], cap=8)])
    pd.testing.assert_frame_equal(seeds.fit(frame), seeds.fit(answers(GRID)))
    failed = pd.concat([answers(GRID), answers(np.full((4, 1), 0.5), status="left_out").assign(sample=3)])
    pd.testing.assert_frame_equal(seeds.fit(failed), seeds.fit(answers(GRID)))


def test_one_sample_tells_nothing_and_samples_that_agree_leave_room():
    one = seeds.fit(answers(GRID[:, :1])).iloc[0]
    assert not one.estimable and one.reason == seeds.ONE and pd.isna(one.spread)
    same = seeds.fit(answers(np.ones((5, 4)))).iloc[0]
    # None of 5 problems differs: at most 1 - 0.025^(1/5) of them do, half of which is the most that their variance can be.
    assert (same.spread, same.low) == (0, 0) and same.high == pytest.approx(np.sqrt((1 - 0.025**0.2) / 2 / 5))


@pytest.mark.parametrize(("problems", "samples"), [(45, 2), (200, 8)])
def test_the_interval_holds_the_spread_of_runs_on_these_problems(problems, samples):
    rng, held = np.random.default_rng(1), 0
    chance = rng.beta(0.5, 0.3, problems)
    truth = np.sqrt((chance * (1 - chance)).sum()) / problems
    for _ in range(200):
        drawn = (rng.random((problems, samples)) < chance[:, None]).astype(float)
        row = seeds._spread(answers(drawn))
        held += row["low"] <= truth <= row["high"]
    assert stats.binom.cdf(held, 200, 0.93) > 1e-3


def test_the_script_needs_answers(measured, tmp_path):
    given = [
        "--points",
        str(measured["points"]),
        "--seed",
        "1",
        "--draws",
        "9",
        "--output",
        str(tmp_path / "s.parquet"),
    ]
    with pytest.raises(UserError, match="published figures are of one run"):
        main(given)
    main([*given, "--answers", str(measured["answers"])])
    assert len(read_table(tmp_path / "s.parquet", "seeds")) == len(pd.read_csv(tmp_path / "s.csv")) > 0
