"""Accuracy by difficulty: strata told by the other models, and gains compared between them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compare_difficulty import main
from frontiers.analysis import difficulty
from frontiers.core.cli import UserError
from frontiers.core.tables import check_table, read_table
from frontiers.report.figures import difficulty as figure
from frontiers.report.figures import style
from frontiers.statistics import paired
from frontiers.statistics.intervals import wilson
from support.synthetic_answers import make_answers

CAPS = (0, 8, None)
EASY, HARD = 30, 20


def answers(models="abcd", hard=HARD, caps=CAPS):
    """Return answers: all models solve the easy problems from cap 8 on, `a` half of the hard ones uncapped."""
    curves = {m: [0.0] * len(caps) for m in models}
    flops = {m: [1e6 * 2**i for i in range(len(caps))] for m in models}
    frame = make_answers(curves, flops, caps, problems=EASY + hard, benchmarks=("x",))
    place = frame["problem_id"].rank(method="dense").astype(int) - 1
    late = frame["cap"].isna() if None in caps else False
    right = (place < EASY) & (late | (frame["cap"] == 8).fillna(False))
    right |= (frame["model"] == "a") & late & (place >= EASY) & (place % 2 == 0)
    return frame.assign(correct=right.astype(float))


def points(frame):
    return frame.drop_duplicates(["model", "benchmark"])


def get(table, **key):
    for column, value in key.items():
        table = table[table[column].isna() if value is None else (table[column] == value).fillna(False)]
    assert len(table) == 1
    return table.iloc[0]


def test_strata_and_gains_of_a_known_case():
    frame = answers()
    table, gains = difficulty.fit(frame, points(frame))
    check_table(table, "difficulty", "test")
    check_table(gains, "difficulty_gains", "test")
    # Others solve no hard problem for a; for b a third of the others (a) solves half of them: not less than a third.
    assert table[table.cap.isna()].groupby(["model", "stratum"])["problems"].first().to_dict() == {
        ("a", "easy"): EASY, ("a", "hard"): HARD,
        **{(m, s): n for m in "bcd" for s, n in (("easy", EASY), ("middle", HARD // 2), ("hard", HARD // 2))},
    }  # fmt: skip
    top = get(table, model="a", stratum="hard", cap=None)
    low, high = wilson(0.5, HARD)
    assert (top.accuracy, top.accuracy_low, top.accuracy_high) == pytest.approx((0.5, low, high))
    assert get(table, model="a", stratum="easy", cap=8).accuracy == 1 and top.flops == pytest.approx(4e6)
    row = get(gains, model="a", step=difficulty.ALL)
    assert (row.gain_easy, row.gain_hard, row.difference) == pytest.approx((1, 0.5, -0.5))
    assert row.gain_hard_low == pytest.approx(paired.score_limits(10, 0, HARD)[0])
    assert (row.problems_easy, row.problems_hard, row.from_cap) == (EASY, HARD, 0) and pd.isna(row.to_cap)
    last = get(gains, model="a", step=difficulty.LAST)
    assert last.from_cap == 8 and (last.gain_easy, last.gain_hard) == (0, 0.5)
    assert last.low > 0 and last.p_value < 0.05, (
        "the hard problems still gain, the easy ones have all been solved"
    )


def test_the_interaction_is_welchs_with_two_problems_added():
    frame = answers()
    row = get(difficulty.fit(frame, points(frame))[1], model="a", step=difficulty.ALL)
    easy, hard = [1] * EASY + [1, -1], [1] * 10 + [0] * 10 + [1, -1]
    means, variances, sizes = zip(
        *((np.mean(v), np.var(v, ddof=1), len(v)) for v in (hard, easy)), strict=True
    )
    error = np.sqrt(sum(v / n for v, n in zip(variances, sizes, strict=True)))
    freedom = error**4 / sum((v / n) ** 2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    statistic = (means[0] - means[1]) / error
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), freedom))
    reach = stats.t.ppf(0.975, freedom) * error
    assert (row.low, row.high) == pytest.approx((means[0] - means[1] - reach, means[0] - means[1] + reach))


def test_a_models_own_answers_do_not_tell_how_hard_a_problem_is():
    frame = answers()
    rng = np.random.default_rng(1)
    mine = frame["model"] == "a"
    other = frame.assign(correct=np.where(mine, rng.integers(2, size=len(frame)), frame["correct"]))
    for one, two in zip(*(difficulty.solvers(f, "x") for f in (frame, other)), strict=True):
        assert (one.model != "a") or (one.rate == two.rate).all()


def test_p_values_are_corrected_for_the_models_of_a_benchmark():
    frame = answers()
    gains = difficulty.fit(frame, points(frame))[1]
    for _, part in gains.groupby("step"):
        assert part.p_holm.to_numpy() == pytest.approx(paired.holm(part.p_value))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (answers("ab"), "fewer than 2 other models tell how hard a problem is"),
        (answers(hard=8), r"too few problems \(30 easy, 8 hard; at least 10 of each are needed\)"),
    ],
)
def test_what_is_not_compared_says_why(frame, reason):
    table, gains = difficulty.fit(frame, points(frame))
    row = gains[gains["model"] == "a"].iloc[0]
    assert (
        not row.estimable and pd.isna(row.difference) and pd.Series([row.reason]).str.fullmatch(reason).all()
    )
    assert table.empty == ("others" in reason or "other models" in reason)


def test_one_cap_has_strata_and_no_gains():
    frame = answers(caps=(None,))
    table, gains = difficulty.fit(frame, points(frame))
    assert len(table) and gains.empty


@pytest.mark.parametrize("rate", [1 / 3, np.mean([1, 0, 0]), 2 / 3, np.mean([1, 1, 0]), (0.1 + 0.2) / 0.9])
def test_thirds_themselves_are_neither_easy_nor_hard(rate):
    assert [bool(chosen[0]) for chosen in difficulty.strata(np.array([rate])).values()] == [
        False,
        True,
        False,
    ]


def test_the_script_writes_both_tables_and_needs_answers(measured, tmp_path):
    paths = {name: tmp_path / f"{name}.parquet" for name in ("difficulty", "difficulty_gains")}
    given = [
        "--points",
        str(measured["points"]),
        "--seed",
        "1",
        "--draws",
        "9",
        "--output",
        str(paths["difficulty"]),
    ]
    given += ["--difficulty-gains", str(paths["difficulty_gains"])]
    with pytest.raises(UserError, match="published figures do not tell problems apart"):
        main(given)
    assert not list(tmp_path.iterdir())
    main([*given, "--answers", str(measured["answers"])])
    for name, path in paths.items():
        assert len(read_table(path, name)) == len(pd.read_csv(path.with_suffix(".csv"))) > 0


def written(found):
    return [t.get_text() for axis in found.axes for t in (*axis.texts, axis.title, axis._left_title)]


def test_the_figure_names_models_and_numbers_of_problems():
    frame = answers()
    table = difficulty.fit(frame, points(frame))[0]
    drawn = figure.draw(table, style.Labels({"a": "Model $a$"}, {"x": "Chains"}))
    said = written(drawn)
    assert r"Model \$a\$" in said and "Chains: 30 easy, 0 middle, 20 hard" in said
    assert [len(axis.lines) for axis in drawn.axes if axis.get_visible()] == [5, 6, 6, 6], (
        "with the line of 0 and both breaks of the axis"
    )
    few = figure.draw(table[table["cap"].isna()], style.Labels())
    assert any("Too few models" in text for text in written(few))
