import numpy as np
import pandas as pd
import pytest

from frontiers.analysis.outcomes import table as outcomes
from frontiers.core.tables import check_table, read_table, write_table
from support.synthetic_answers import make_answers

CAPS = (0, 8, 16, None)
FLOPS = [1e7, 2e7, 3e7, 6e7]


def answers_of(rows: list[tuple]) -> pd.DataFrame:
    """Answers from (model, problem, sample, correct, tokens) at no cap."""
    frame = pd.DataFrame(rows, columns=["model", "problem_id", "sample", "correct", "reasoning_tokens"])
    cap = pd.array([pd.NA] * len(frame), dtype="Int64")
    flops = 1e6 * (10.0 + frame.reasoning_tokens)
    return frame.assign(strategy="cot", benchmark="easy", cap=cap, flops=flops)


def get(table: pd.DataFrame, comparison: str, measure: str = "reasoning_tokens", **key: str) -> pd.Series:
    key = {"model": "m", "benchmark": "easy", "comparison": comparison, "measure": measure} | key
    found = table[np.logical_and.reduce([table[k] == v for k, v in key.items()])]
    assert len(found) == 1
    return found.iloc[0]


def test_raw_and_within_problem_by_hand():
    """Easy problems take 10 tokens and hard ones 100; failing costs twice as much, on both."""
    rows = []
    for i in range(6):
        rows += [("m", f"e{i}", s, s != 0, 20 if s == 0 else 10) for s in range(4)]
        rows += [("m", f"h{i}", s, s == 0, 100 if s == 0 else 200) for s in range(4)]
    table = outcomes.fit(answers_of(rows), draws=200)
    check_table(table, "outcomes", "test")
    raw = get(table, "raw")
    assert (raw.failed, raw.successful) == ((20 + 3 * 200) / 4, (3 * 10 + 100) / 4)
    assert raw.estimate == pytest.approx(155 / 32.5) and raw.n == 48
    assert raw.low < raw.estimate < raw.high
    within = get(table, "within_problem")
    assert within.estimate == pytest.approx(2) and (within.low, within.high) == pytest.approx((2, 2))
    assert within.successful == pytest.approx(np.sqrt(1000)) and within.n == 12
    assert get(table, "raw", "flops").estimate == pytest.approx(165 / 42.5)


@pytest.mark.parametrize(
    ("models", "problems", "reason"),
    [
        (2, 20, "one sample per problem, models that both fail and succeed: 2; at least 3 are needed"),
        (4, 20, "one sample per problem, problems answered by all models: 20; at least 25 are needed"),
    ],
)
def test_one_sample_needs_other_models_and_problems(models, problems, reason):
    rows = [
        (f"m{k}", f"p{i:02d}", 0, (i + k) % 2 == 0, 10 + i) for i in range(problems) for k in range(models)
    ]
    table = outcomes.fit(answers_of(rows), draws=50)
    check_table(table, "outcomes", "test")
    assert get(table, "raw", model="m0").estimable
    assert get(table, "adjusted", model="m0").reason == reason
    assert get(table, "adjusted", model="all").reason == "models to pool: 0; at least 2 are needed"
    assert not (table.comparison == "within_problem").any()


def test_costs_that_do_not_rise_with_difficulty_cannot_be_adjusted():
    rng = np.random.default_rng(0)
    rows = [(f"m{k}", f"p{i:02d}", 0, bool(rng.random() < 0.5), int(rng.integers(50, 60)))
            for i in range(60) for k in range(3)]  # fmt: skip
    reasons = outcomes.fit(answers_of(rows), draws=100).query("comparison == 'adjusted'").reason
    assert reasons.dropna().str.contains("hardly rise with difficulty").sum() >= 4


def slowed(seed: int, samples: int = 1, problems: int = 250, effect=lambda hard: 0.0) -> pd.DataFrame:
    """Answers of four models that slow down with difficulty by 0.2 to 0.6; failing adds `effect` to log cost."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=(problems, 1, 1))
    right = rng.random((problems, 4, samples)) < 1 / (
        1 + np.exp(1.2 * hard - np.linspace(-0.4, 0.6, 4)[:, None])
    )
    logs = 8 + np.linspace(0.2, 0.6, 4)[:, None] * hard + 0.3 * rng.normal(size=right.shape)
    logs += effect(hard) * ~right
    place = np.ndindex(right.shape)
    return answers_of(
        [(f"m{k}", f"p{i:03d}", s, right[i, k, s], int(np.exp(logs[i, k, s]))) for i, k, s in place]
    )


def test_difficulty_alone_gives_raw_ratios_and_none_adjusted():
    """Failing costs nothing, but models slow down with difficulty at different rates."""
    held = np.zeros(4)
    for seed in range(20):
        table = outcomes.fit(slowed(seed), draws=200, seed=seed)
        for k in range(4):
            row = get(table, "adjusted", model=f"m{k}")
            held[k] += row.low < 1 < row.high
            assert row.n == 250 and get(table, "raw", model="m3").low > 1.2
        pooled = get(table, "adjusted", model="all")
        assert pooled.low < pooled.estimate < pooled.high and pooled.high / pooled.low < 1.3
    assert held.min() >= 17


def test_cost_of_failing_is_found_in_one_sample():
    hits = 0
    for seed in range(30):
        found = get(outcomes.fit(slowed(seed, effect=lambda hard: 0.4), 200, seed), "adjusted", model="all")
        hits += found.low <= np.exp(0.4) <= found.high
    assert hits >= 25


def test_within_problem_holds_for_problems_with_both_outcomes():
    """The cost of failing rises with difficulty: the ratio is its mean over the problems with both outcomes."""
    answers = slowed(3, samples=8, problems=60, effect=lambda hard: 0.2 + 0.3 * hard)
    table = outcomes.fit(answers, draws=200)
    mine = answers[answers.model == "m1"].assign(log=lambda f: np.log(f.reasoning_tokens))
    sides = mine.pivot_table(index="problem_id", columns="correct", values="log").dropna()
    row = get(table, "within_problem", model="m1")
    assert row.n == len(sides) < 60
    assert row.estimate == pytest.approx(np.exp((sides[False] - sides[True]).mean()))
    parts = table[(table.comparison == "within_problem") & (table.measure == "reasoning_tokens")]
    single = parts[parts.model != "all"]
    pooled = get(table, "within_problem", model="all")
    assert pooled.estimate == pytest.approx(np.exp(np.log(single.estimate).mean()))
    assert pooled.n == single.n.sum() and "over 4 models" in pooled.note


def test_models_without_a_trace_are_named():
    answers = pd.concat(
        [slowed(2), answers_of([("direct", f"p{i:03d}", 0, i % 3 == 0, 0) for i in range(250)])]
    )
    table = outcomes.fit(answers, draws=50)
    pooled = get(table, "adjusted", model="all")
    assert pooled.estimable and "cost is 0: direct" in pooled.note
    assert "direct" not in (get(table, "adjusted", "flops", model="all").note or "")
    assert not get(table, "raw", model="direct").estimable
    assert get(table, "adjusted", model="direct").reason == "its costs are 0"


@pytest.mark.parametrize("share", [0, 1])
def test_all_right_or_all_wrong(share):
    rows = [(m, f"p{i}", s, bool(share), 10) for m in ("m", "n") for i in range(9) for s in range(2)]
    table = outcomes.fit(answers_of(rows), draws=50)
    check_table(table, "outcomes", "test")
    ratios = table[table.measure != "early_stopping"]
    assert not ratios.estimable.any() and ratios.reason.notna().all()
    assert get(table, "accuracy_lost", "early_stopping").estimate == 0


def test_only_the_largest_cap_is_compared():
    answers = make_answers({"m": [0.2, 0.4, 0.6, 0.6]}, FLOPS, CAPS, problems=80, samples=2, paired=False)
    table = outcomes.fit(answers, draws=50)
    top = outcomes.fit(answers[answers.cap.isna()], draws=50)
    ratios = table[table.measure != "early_stopping"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ratios, top[top.measure != "early_stopping"].reset_index(drop=True))


def test_early_stopping_by_hand():
    """Accuracy is complete from cap 8 on, at a third of the cost."""
    answers = make_answers({"m": [0.2, 0.7, 0.7, 0.7]}, FLOPS, CAPS, benchmarks=["easy", "hard"])
    table = outcomes.fit(answers, draws=100)
    for benchmark in ("easy", "hard", "mean"):
        saved = get(table, "flops_saved", "early_stopping", benchmark=benchmark)
        assert saved.estimate == pytest.approx(2 / 3)
        assert (saved.failed, saved.successful) == pytest.approx((6e7, 2e7))
        lost = get(table, "accuracy_lost", "early_stopping", benchmark=benchmark)
        assert lost.estimate == 0 and lost.low == pytest.approx(-lost.high) and 0 < lost.high < 0.01
        assert saved.low < saved.estimate < saved.high
        assert lost.failed == pytest.approx(0.7, abs=0.06)
    assert get(table, "flops_saved", "early_stopping").note == "caps chosen on the halves: 8 (100%)"
    assert get(table, "flops_saved", "early_stopping", benchmark="mean").n == 500


def test_one_problem_is_no_two_halves():
    table = outcomes.fit(answers_of([("m", "p", 0, True, 10), ("n", "p", 0, False, 12)]), draws=20)
    assert not table.estimable.any() and table.reason.notna().all()
    check_table(table, "outcomes", "test")


def test_share_of_pairs_counts_signs_and_how_sure_they_are():
    key = {"strategy": "cot", "benchmark": "b", "measure": "flops", "comparison": "raw", "estimable": True}
    rows = [key | {"model": m, "estimate": e, "spread": s} for m, e, s in
            (("a", 1.5, 0.05), ("b", 1.2, 0.5), ("c", 0.7, 0.05), ("d", 1.4, 0.05))]  # fmt: skip
    found = {(r["measure"], r["comparison"]): r for r in outcomes.pairs_above_one(rows)}
    row = found[("flops", "share_raw")]
    assert (row["estimate"], row["low"], row["high"], row["n"]) == (0.75, 0.5, 0.75, 4)
    assert list(found) == [("flops", "share_raw")]


def test_the_script_writes_the_table(measured, tmp_path):
    answers = read_table(measured["answers"], "answers")
    table = outcomes.fit(answers, 100, 1, list(dict.fromkeys(answers.benchmark)))
    write_table(table, tmp_path / "outcomes.parquet", "outcomes")
    assert (tmp_path / "outcomes.parquet").read_bytes() == measured["outcomes"].read_bytes()
    assert table[table.comparison == "raw"].estimable.any()
