from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from frontiers.core import keys
from frontiers.core.cli import UserError
from frontiers.statistics import bootstrap, intervals

MEASURES = ["accuracy", "flops"]


def answers(models=("a", "b"), benchmarks=("x", "y"), caps=(0, 16, None), problems=12, samples=2, seed=0):
    """Answers with random accuracies and whole FLOPs beyond 2^40."""
    index = pd.MultiIndex.from_product(
        [
            models,
            ["cot"],
            benchmarks,
            [-1 if c is None else c for c in caps],
            range(problems),
            range(samples),
        ],
        names=[*keys.KEY, "problem_id", "sample"],
    )
    frame = index.to_frame(index=False)
    rng = np.random.default_rng(seed)
    frame["cap"] = frame["cap"].astype("Int64").mask(frame["cap"] < 0)
    frame["problem_id"] = "p" + frame["problem_id"].astype(str)
    frame["accuracy"] = rng.integers(0, 2, len(frame)).astype(float)
    frame["flops"] = rng.integers(1, 2**43, len(frame)).astype(float)
    return frame.sample(frac=1, random_state=seed)


def counts(benchmark, problems, draws, seed):
    return np.concatenate(list(bootstrap.problem_counts(benchmark, problems, draws, seed)))


def plain_loop(frame, benchmark, draws, seed):
    """The same draws one by one, in exact fractions."""
    frame = frame[frame["benchmark"] == benchmark]
    weights = counts(benchmark, frame["problem_id"].nunique(), draws, seed)
    problems = sorted(frame["problem_id"].unique())
    out = []
    for key, point in frame.groupby(["model", "strategy", bootstrap.cap_order(frame["cap"])]):
        for draw in range(draws):
            total = number = Fraction(0)
            for problem, weight in zip(problems, weights[draw], strict=True):
                for value in point.loc[point["problem_id"] == problem, "flops"]:
                    total, number = total + int(weight) * Fraction(value), number + int(weight)
            out.append((*key, draw, float(total / number)))
    return np.array([row[-1] for row in out]).reshape(-1, draws).T


def test_equals_a_plain_loop_over_the_same_draws():
    frame = answers(models=("a",), problems=5)
    cells = bootstrap.arrange(frame, "x", MEASURES)
    got = bootstrap.draw(cells, 6, seed=3)["flops"]
    assert got == pytest.approx(plain_loop(frame, "x", 6, 3), rel=1e-15)


def test_estimates_are_plain_means():
    frame = answers()
    got = bootstrap.estimate(bootstrap.arrange(frame, "x", MEASURES))
    here = frame[frame["benchmark"] == "x"]
    by = [here["model"], here["strategy"], bootstrap.cap_order(here["cap"])]
    for measure in MEASURES:
        assert got[measure] == pytest.approx(here[measure].groupby(by).mean().to_numpy(), rel=1e-12)


def test_expectation_and_spread_are_those_of_theory():
    frame = answers(problems=40, samples=1)
    cells = bootstrap.arrange(frame, "x", MEASURES)
    drawn, once = bootstrap.draw(cells, 4000, seed=1)["accuracy"], bootstrap.estimate(cells)["accuracy"]
    error = np.sqrt(once * (1 - once) / 40)
    assert drawn.mean(axis=0) == pytest.approx(once, abs=4 * error.max() / np.sqrt(4000))
    assert drawn.std(axis=0) == pytest.approx(error, rel=0.06)


def test_counts_hold_every_problem_and_do_not_depend_on_the_chunk(monkeypatch):
    whole = counts("x", 30, 50, seed=5)
    assert whole.shape == (50, 30) and (whole.sum(axis=1) == 30).all()
    assert not np.array_equal(whole, counts("y", 30, 50, seed=5))
    frame = answers(samples=3)
    cells = bootstrap.arrange(frame, "x", MEASURES)
    before = bootstrap.draw(cells, 50, 5)
    monkeypatch.setattr(bootstrap, "ELEMENTS", 100)
    assert np.array_equal(whole, counts("x", 30, 50, seed=5))
    again = bootstrap.draw(cells, 50, 5)
    assert all(np.array_equal(before[m], again[m]) for m in MEASURES)


def test_the_draw_is_joint_and_another_model_changes_nothing():
    frame = answers(models=("a", "b"))
    twin = frame[frame["model"] == "a"].assign(model="c")
    small = bootstrap.joint_bootstrap(frame, ["x", "y"], MEASURES, 20, 1)
    large = bootstrap.joint_bootstrap(pd.concat([frame, twin]), ["x", "y"], MEASURES, 20, 1)
    for measure in MEASURES:
        assert np.array_equal(large.values[measure][:, large.keys["model"] != "c"], small.values[measure])
        for left, right in pairwise(["a", "c"]):
            columns = [large.values[measure][:, large.keys["model"] == m] for m in (left, right)]
            assert np.array_equal(*columns)


def test_points_equal_in_every_answer_are_equal_to_the_last_bit():
    frame = answers(models=tuple("abcdefg"), caps=tuple(range(9)), benchmarks=("x",), problems=31)
    frame = frame.sort_values(["model", "cap", "problem_id", "sample"])
    frame["flops"] = np.tile(np.random.default_rng(2).lognormal(30, 2, 62), 63)
    drawn = bootstrap.joint_bootstrap(frame, ["x"], MEASURES, 300, 1).values["flops"]
    assert (drawn == drawn[:, :1]).all()


def test_fixed_point_leaves_whole_numbers_and_makes_sums_exact():
    values = np.random.default_rng(0).integers(0, 2**39, 1000).astype(float)
    whole, exponent = bootstrap.fixed_point(values, 1000)
    assert np.array_equal(np.ldexp(whole, exponent), values)
    whole, exponent = bootstrap.fixed_point(np.full(1000, 1e17 / 3), 1000)
    assert whole.sum() < 2**52 and np.ldexp(whole.sum(), exponent) == pytest.approx(1e20 / 3, rel=1e-12)
    assert bootstrap.fixed_point(np.zeros(3), 3)[0].tolist() == [0, 0, 0]


def test_samples_of_a_problem_stay_together():
    frame = answers(models=("a",), benchmarks=("x",), caps=(0,), problems=400, samples=4)
    cells = bootstrap.arrange(frame, "x", MEASURES)
    assert bootstrap.draw(cells, 3000, 1)["accuracy"].var() == pytest.approx(0.25 / 1600, rel=0.2)


def test_models_may_differ_in_samples_and_caps():
    frame = pd.concat([answers(models=("a",), samples=1), answers(models=("b",), caps=(None,), samples=3)])
    drawn = bootstrap.joint_bootstrap(frame, ["x", "y"], MEASURES, 5, 1)
    assert len(drawn.keys) == 3 * (3 + 1) and np.isfinite(drawn.values["flops"]).all()


def test_a_missing_answer_is_an_error_that_names_the_model():
    frame = answers()
    with pytest.raises(UserError, match="a, cot, x: 71 answers, expected 12 problems x 2 samples x 3 caps"):
        bootstrap.arrange(
            frame.drop(index=frame.index[(frame["model"] == "a") & (frame["benchmark"] == "x")][0]),
            "x",
            MEASURES,
        )
    other = frame["problem_id"].where(~((frame["model"] == "b") & (frame["problem_id"] == "p3")), "p99")
    with pytest.raises(UserError, match="cot, x"):
        bootstrap.arrange(frame.assign(problem_id=other), "x", MEASURES)
    with pytest.raises(UserError, match="benchmark `z` has no answers"):
        bootstrap.arrange(frame, "z", MEASURES)


def test_a_measure_that_is_missing_once_is_missing_for_its_point_only():
    frame = answers().reset_index(drop=True)
    gap = np.flatnonzero(
        (frame["model"] == "a") & (frame["benchmark"] == "x") & (bootstrap.cap_order(frame["cap"]) == 16)
    )[0]
    frame.loc[gap, "flops"] = np.nan
    drawn = bootstrap.joint_bootstrap(frame, ["x", "y"], MEASURES, 5, 1)
    point = (
        (drawn.keys["model"] == "a") & (drawn.keys["cap"] == 16) & drawn.keys["benchmark"].isin(["x", "mean"])
    )
    assert np.array_equal(
        np.isnan(drawn.values["flops"]).all(axis=0), point.to_numpy(dtype=bool, na_value=False)
    )
    assert np.isfinite(drawn.values["accuracy"]).all()


def test_mean_is_the_mean_of_each_draw_and_names_who_is_left_out():
    frame = answers()
    frame = frame[~((frame["model"] == "b") & (frame["benchmark"] == "y"))]
    drawn = bootstrap.joint_bootstrap(frame, ["x", "y"], MEASURES, 5, 1)
    is_mean = drawn.keys["benchmark"] == "mean"
    assert drawn.keys.loc[is_mean, "model"].unique().tolist() == ["a"]
    of_a = [
        drawn.values["flops"][:, (drawn.keys["model"] == "a") & (drawn.keys["benchmark"] == b)] for b in "xy"
    ]
    assert np.array_equal(drawn.values["flops"][:, is_mean], (of_a[0] + of_a[1]) / 2)
    left = bootstrap.left_out_of_mean(drawn.keys, ["x", "y"])
    assert left == [{"model": "b", "strategy": "cot", "missing": ["y"]}]


def test_published_points_are_drawn_from_their_intervals():
    low, high = intervals.wilson(np.array([0.3, 1.0]), np.array([525.0, 30.0]))
    points = pd.DataFrame(
        {
            "model": ["a", "b"],
            "strategy": "reported",
            "benchmark": "x",
            "cap": pd.array([None, None], dtype="Int64"),
        }
    ).assign(accuracy=[0.3, 1.0], accuracy_low=low, accuracy_high=high, flops=[1e12, np.nan])
    drawn = bootstrap.parametric(points, ["x"], MEASURES, 4000, 1)
    assert drawn.values["accuracy"][:, 0].std() == pytest.approx(np.sqrt(0.21 / 525), rel=0.05)
    assert drawn.values["accuracy"][:, 0].mean() == pytest.approx(0.3, abs=0.002)
    assert (drawn.values["accuracy"][:, 1] == 1).all() and (drawn.values["flops"][:, 0] == 1e12).all()
    alone = bootstrap.parametric(points[:1], ["x"], MEASURES, 4000, 1)
    assert np.array_equal(alone.values["accuracy"][:, 0], drawn.values["accuracy"][:, 0])


def test_percentiles_of_a_cost_cover():
    rng, runs, hits = np.random.default_rng(3), 200, 0
    cells = bootstrap.arrange(
        answers(models=("a",), benchmarks=("x",), caps=(0,), problems=100, samples=1), "x", ["flops"]
    )
    for run in range(runs):
        cells.values[0] = rng.gamma(4, 1e9, (100, 1, 1, 1))
        low, high = np.quantile(bootstrap.draw(cells, 400, run)["flops"], [0.025, 0.975])
        hits += low <= 4e9 <= high
    assert 0.89 <= hits / runs <= 0.99
