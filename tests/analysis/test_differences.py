import numpy as np
import pytest

from compare_points import main, point
from frontiers.analysis import differences
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table
from frontiers.statistics import paired
from support.synthetic_answers import make_answers

CAPS = (0, 8, None)
CURVES = {"a": [0.2, 0.5, 0.8], "b": [0.1, 0.5, 0.6], "c": [0.0, 0.0, 0.0]}
FLOPS = {"a": [1e6, 2e6, 4e6], "b": [1e6, 2e6, 3e6], "c": [5e5, 5e5, 5e5]}
INF = float("inf")


def answers(**options):
    return make_answers(CURVES, FLOPS, CAPS, problems=60, benchmarks=("x", "y"), **options)


def get(table, **key):
    found = table[
        np.logical_and.reduce([table[k].isna() if v is None else table[k] == v for k, v in key.items()])
    ]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize("samples", [1, 2])
def test_families_and_numbers(samples):
    frame = answers(samples=samples, paired=False)
    table = differences.fit(frame, ["x", "y"], 100, 1)
    check_table(table, "differences", "test")
    assert table.groupby(["benchmark", "family"]).size().to_dict() == {
        (b, f): n for b in ("x", "y", "mean") for f, n in (("models", 3), ("caps", 6))
    }
    row = get(table, benchmark="x", family="models", model_a="a", model_b="b")
    here = frame[(frame.benchmark == "x") & frame.cap.isna()]
    means = here.groupby("model")["correct"].mean()
    assert row.difference == pytest.approx(means["a"] - means["b"]) and row.problems == 60
    grids = {
        m: here[here.model == m].sort_values(["problem_id", "sample"])["correct"].to_numpy().reshape(60, -1)
        for m in "ab"
    }
    found = paired.compare(grids["a"], grids["b"])
    assert (row.low, row.high, row.p_value, row.test) == (found.low, found.high, found.p_value, found.test)
    assert row.flops_ratio == pytest.approx(4 / 3)
    part = table[(table.benchmark == "x") & (table.family == "models")]
    assert (
        part.p_holm.to_numpy() == pytest.approx(paired.holm(part.p_value))
        and (part.p_holm >= part.p_value).all()
    )
    mean = get(table, benchmark="mean", family="models", model_a="a", model_b="b")
    other = get(table, benchmark="y", family="models", model_a="a", model_b="b")
    assert mean.difference == pytest.approx((row.difference + other.difference) / 2)
    assert mean.low <= mean.difference <= mean.high and mean.high - mean.low < row.high - row.low


def test_a_model_that_is_always_wrong_has_no_made_up_certainty():
    table = differences.fit(answers(), ["x"], 50, 1)
    row = get(table, family="caps", model_a="c", cap_a=0)
    assert row.difference == 0 and row.p_value == 1 and row.low < 0 < row.high


def test_chosen_pairs(tmp_path):
    pairs = [(("a", "cot", 8.0), ("b", "cot", INF))]
    table = differences.fit(answers(), ["x", "y"], 50, 1, pairs)
    assert table.family.eq("chosen").all() and table.benchmark.tolist() == ["x", "y", "mean"]
    with pytest.raises(UserError, match="no answers of"):
        differences.fit(answers(), ["x"], 50, 1, [(("a", "cot", 9.0), ("b", "cot", INF))])


def test_script(measured, tmp_path):
    output = tmp_path / "differences.parquet"
    shared = ["--points", str(measured["points"]), "--answers", str(measured["answers"]), "--seed", "1"]
    shared += ["--draws", "50", "--output", str(output)]
    main(shared)
    table = read_table(output, "differences")
    assert set(table.family) == {"models", "caps"} and output.with_suffix(".csv").exists()
    main([*shared, "--pair", "small,cot,8", "large,cot,none"])
    assert read_table(output, "differences").family.eq("chosen").all()
    with pytest.raises(UserError, match="is not a point"):
        point("small,cot")
    with pytest.raises(UserError, match="cannot be paired"):
        main(["--points", str(measured["points"]), "--seed", "1", "--output", str(output)])
