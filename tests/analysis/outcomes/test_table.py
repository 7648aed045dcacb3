import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

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


def pooled_rows(seed: int, effect: float, problems: int = 80) -> list[tuple]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(problems):
        hardness = rng.normal()
        for k in range(4):
            correct = bool(rng.normal() + 0.5 * k - hardness > 0)
            logs = 8 + hardness + 0.3 * k + effect * (not correct) + 0.3 * rng.normal()
            rows.append((f"m{k}", f"p{i:03d}", 0, correct, int(np.exp(logs))))
    return rows


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


def test_one_sample_sends_to_the_pooled_row():
    rows = [("m", f"p{i}", 0, i % 2 == 0, 10 + i) for i in range(20)]
    table = outcomes.fit(answers_of(rows), draws=50)
    assert get(table, "raw").estimable
    alone = get(table, "within_problem")
    assert not alone.estimable and "no other model tells how hard a problem is" in alone.reason
    assert get(table, "within_problem", model="all").reason == "fewer than two models to pool"


def test_difficulty_alone_gives_a_raw_ratio_and_none_within():
    rng = np.random.default_rng(0)
    rows = []
    for i in range(120):
        hardness = rng.uniform()
        for model, skill in (("a", 0.4), ("b", 0.6), ("c", 0.8)):
            tokens = round(200 * np.exp(4 * hardness) * (1 + skill))
            rows.append((model, f"p{i:03d}", 0, bool(rng.uniform() < skill * 1.2 * (1 - hardness)), tokens))
    table = outcomes.fit(answers_of(rows), draws=300)
    assert get(table, "raw", model="c").low > 1.2
    pooled = get(table, "within_problem", model="all")
    assert pooled.estimate == pytest.approx(1, abs=0.01)


def test_pooled_effect_is_that_of_statsmodels():
    answers = answers_of(pooled_rows(1, 0.4))
    table = outcomes.fit(answers, draws=200)
    frame = answers.assign(y=np.log(answers.reasoning_tokens), failed=1.0 - answers.correct)
    result = smf.ols("y ~ failed + C(model) + C(problem_id)", frame).fit()
    pooled = get(table, "within_problem", model="all")
    assert pooled.estimate == pytest.approx(np.exp(result.params["failed"]))
    assert pooled.low < np.exp(0.4) < pooled.high


def test_pooled_interval_covers():
    hits = 0
    for seed in range(40):
        table = outcomes.fit(answers_of(pooled_rows(seed, 0.4, 60)), draws=200, seed=seed)
        found = get(table, "within_problem", model="all")
        hits += found.low <= np.exp(0.4) <= found.high
    assert hits >= 33


def test_models_without_a_trace_are_named():
    rows = pooled_rows(2, 0.3) + [("direct", f"p{i:03d}", 0, i % 3 == 0, 0) for i in range(80)]
    table = outcomes.fit(answers_of(rows), draws=50)
    pooled = get(table, "within_problem", model="all")
    assert pooled.estimable and "cost is 0: direct" in pooled.note
    assert "direct" not in (get(table, "within_problem", "flops", model="all").note or "")
    assert not get(table, "raw", model="direct").estimable


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


def test_each_model_is_that_of_statsmodels():
    """One sample each: the cost of failing may differ between models."""
    answers = answers_of(pooled_rows(4, 0.3))
    table = outcomes.fit(answers, draws=200)
    frame = answers.assign(y=np.log(answers.reasoning_tokens), failed=1.0 - answers.correct)
    result = smf.ols("y ~ failed:C(model) + C(model) + C(problem_id)", frame).fit()
    for model in ("m0", "m3"):
        row = get(table, "within_problem", model=model)
        assert row.estimate == pytest.approx(np.exp(result.params[f"failed:C(model)[{model}]"]), rel=1e-6)
        assert row.low < np.exp(0.3) < row.high


def test_share_of_pairs_counts_signs_and_how_sure_they_are():
    key = {"strategy": "cot", "benchmark": "b", "measure": "flops", "comparison": "raw", "estimable": True}
    rows = [key | {"model": m, "estimate": e, "spread": s} for m, e, s in
            (("a", 1.5, 0.05), ("b", 1.2, 0.5), ("c", 0.7, 0.05), ("d", 1.4, 0.05))]  # fmt: skip
    found = {(r["measure"], r["comparison"]): r for r in outcomes.pairs_above_one(rows)}
    row = found[("flops", "share_raw")]
    assert (row["estimate"], row["low"], row["high"], row["n"]) == (0.75, 0.5, 0.75, 4)
    assert not found[("flops", "share_within_problem")]["estimable"]


def test_the_script_writes_the_table(measured, tmp_path):
    answers = read_table(measured["answers"], "answers")
    table = outcomes.fit(answers, 100, 1, list(dict.fromkeys(answers.benchmark)))
    write_table(table, tmp_path / "outcomes.parquet", "outcomes")
    assert (tmp_path / "outcomes.parquet").read_bytes() == measured["outcomes"].read_bytes()
    assert table[table.comparison == "raw"].estimable.any()
