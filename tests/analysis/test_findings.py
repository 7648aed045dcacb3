"""Findings: every number is a cell of a table, and no claim is stronger than its interval."""

import pandas as pd

from frontiers.analysis import findings
from frontiers.analysis.findings import budgets, movement
from frontiers.analysis.findings.finding import CANNOT
from frontiers.analysis.findings.study import headline
from frontiers.core.keys import MEAN

LABELS = {"a": "A", "b": "B"}


def points(models=("m", "n"), mean=True):
    rows = [
        {"model": m, "strategy": "cot", "benchmark": b, "cap": cap, "label": m.upper(), "flops": 1e9}
        for m in models
        for b in ("a", "b", *([MEAN] * mean))
        for cap in (8, None)
    ]
    return pd.DataFrame(rows).astype({"cap": "Int64"})


def frontier(**changes):
    row = {"benchmark": MEAN, "cost": "flops", "on_frontier": True, "model": "m", "strategy": "cot", "cap": 8}
    row |= {
        "accuracy": 0.812,
        "accuracy_low": 0.7,
        "accuracy_high": 0.9,
        "cost_value": 2.5e14,
        "p_on_frontier": 1.0,
    }
    return pd.DataFrame([row | changes]).astype({"cap": "Int64"})


def trend(**changes):
    row = {"benchmark": MEAN, "metric": "compute_at_accuracy", "selection": "all", "estimator": "ols"}
    row |= {
        "standard_error": "CV3",
        "doubling_months": 3.0,
        "doubling_low": 2.0,
        "doubling_high": 5.0,
        "high": -1.0,
    }
    return pd.DataFrame([row | {"models": 9, "estimable": True, "reason": None} | changes])


def ability_trend(**changes):
    row = {
        "quantity": "log_odds_per_year",
        "estimate": 1.2,
        "low": 0.9,
        "high": 1.5,
        "models": 9,
        "benchmarks": 2,
    }
    rows = [
        row | {"interval": f"errors clustered by {by}", "low": low}
        for by, low in (("model", 0.9), ("developer", 0.6))
    ]
    ratio = {
        "quantity": "decades_per_year",
        "interval": "by developer, fieller",
        "estimate": -0.8,
        "low": -1.4,
        "high": -0.3,
    }
    return pd.DataFrame([each | {"estimable": True} | changes for each in (*rows, row | ratio)])


def saturation(**changes):
    row = {
        "model": "m",
        "strategy": "cot",
        "benchmark": MEAN,
        "saturation_cap": 64.0,
        "saturation_above": 32.0,
    }
    return pd.DataFrame([row | {"problems": 300, "computes": 5, "reason": None, "saturated": True} | changes])


def gains(**changes):
    row = {
        "model": "m",
        "strategy": "cot",
        "benchmark": MEAN,
        "from_cap": 64,
        "to_cap": None,
        "pays": "unclear",
    }
    rows = [
        row | {"gain": 0.012, "low": -0.01, "high": 0.034},
        row | {"model": "n", "gain": 0.08, "low": 0.05, "high": 0.11, "pays": "yes"},
    ]
    return pd.DataFrame([each | changes for each in rows])


def architectures(**changes):
    row = {
        "benchmark": "all",
        "comparison": "moe - dense",
        "measure": "log_odds_at_matched_compute",
        "scope": "these",
    }
    row |= {"estimate": 1.4, "low": 0.9, "high": 1.9, "models_a": 3, "models_b": 5, "left_out_model": "m"}
    row |= {"estimable": True, "reason": None, "held_fixed": "compute", "interval": "errors by model"}
    dated = row | {"estimate": 0.5, "low": 0.1, "high": 0.9, "held_fixed": "compute and release date"}
    return pd.DataFrame([row | changes, dated])


def size_pairs(number=0, **changes):
    row = {
        "benchmark": "a",
        "equal": "active parameters",
        "kind_a": "moe",
        "kind_b": "dense",
        "strategy": "cot",
    }
    row |= {
        "model_a": "m",
        "difference": 0.333,
        "low": 0.288,
        "high": 0.377,
        "flops_ratio": 1.014,
        "days_apart": 30,
    }
    rows = [row | {"model_b": f"n{i}" if i else "n"} | changes for i in range(number)]
    return pd.DataFrame(rows, columns=[*row, "model_b"])


def difficulty_gains(**changes):
    row = {
        "model": "m",
        "strategy": "cot",
        "benchmark": "a",
        "step": "from the smallest cap",
        "estimable": True,
    }
    row |= {"gain_easy": 0.4, "gain_easy_low": 0.3, "gain_easy_high": 0.5, "reason": None, "difference": -0.3}
    row |= {"gain_hard": 0.1, "gain_hard_low": 0.02, "gain_hard_high": 0.18, "p_holm": 0.01}
    other = row | {"model": "n", "gain_easy": 0.2, "gain_easy_low": 0.1, "gain_easy_high": 0.3}
    other |= {"gain_hard": 0.05, "gain_hard_low": -0.02, "gain_hard_high": 0.12, "p_holm": 0.2}
    return pd.DataFrame([row | changes, other | changes])


def differences(**changes):
    row = {
        "benchmark": MEAN,
        "family": "models",
        "model_a": "m",
        "strategy_a": "cot",
        "cap_a": None,
        "problems": 90,
    }
    row |= {"model_b": "n", "strategy_b": "cot", "cap_b": None, "p_holm": 0.01, "detectable": 0.08}
    return pd.DataFrame([row | changes, row | {"model_b": "o", "p_holm": 0.3, "detectable": 0.12} | changes])


def seeds(number=2, **changes):
    row = {
        "strategy": "cot",
        "benchmark": "a",
        "spread": 0.012,
        "low": 0.01,
        "high": 0.014,
        "estimable": True,
    }
    rows = [row | {"model": "m"}, row | {"model": "n", "spread": 0.03, "low": 0.0, "high": 0.05}]
    return pd.DataFrame([each | changes for each in rows[:number]])


def outcomes(low=0.95, high=1.08):
    key = {
        "model": "all",
        "strategy": "all",
        "measure": "reasoning_tokens",
        "estimable": True,
        "reason": None,
    }
    share = key | {
        "benchmark": "all",
        "comparison": "share_raw",
        "estimate": 0.75,
        "low": 0.5,
        "high": 1.0,
        "n": 8,
    }
    ratio = key | {
        "benchmark": "a",
        "comparison": "within_problem",
        "estimate": 1.01,
        "low": low,
        "high": high,
        "n": 40,
    }
    return pd.DataFrame([share, ratio])


def study(**tables):
    made = {
        "points": points(),
        "frontier": frontier(),
        "trend": trend(),
        "ability_trend": ability_trend(),
        "saturation": saturation(),
        "gains": gains(),
        "architectures": architectures(),
        "size_pairs": size_pairs(),
        "outcomes": outcomes(),
        "difficulty_gains": difficulty_gains(),
        "differences": differences(),
        "seeds": seeds(),
    }
    return findings.findings(made | tables, LABELS)


def answer(question, **tables):
    return next(each for each in study(**tables) if question in each.question).answer


def test_every_question_has_one_answer_with_its_interval():
    found = study()
    assert [each.question for each in found] == [
        "Which model at which budget?",
        "How fast does the frontier move?",
        "Where does more reasoning stop paying?",
        "Experts or dense?",
        "Do failures cost more?",
        "Does more reasoning reach the hard problems?",
        "How small a difference can be told?",
    ]
    text = findings.markdown("s", found)
    for piece in (
        "M with at most 8 tokens: 81.2 % (70.0 to 90.0) for 2.5 × 10^14 FLOP",
        "halves every 3.0 months by least squares (2.0 to 5.0).",
        "On one scale over all 2 benchmarks, 9 models, log-odds at the same compute rise by +1.20 (+0.60 to +1.50) a year, "
        "and the compute for fixed odds changes by -0.80 (-1.40 to -0.30) decades a year "
        "(least squares, errors by developer).",
        "M from 64 tokens",
        "between +1.2 points (-1.0 to +3.4) and +8.0 points (+5.0 to +11.0); it is shown to pay for 1 of 2.",
        "more accurate whatever is held fixed. Log-odds of mixtures less dense, 3 mixtures and 5 dense models, "
        "errors by model: "
        "+1.40 (+0.90 to +1.90) at the same compute; +0.50 (+0.10 to +0.90) at the same compute and release date. "
        "M moves the first most.",
        "6 of 8 pairs",
        "1.01 times the tokens (0.95 to 1.08, A)",
        "On A, from the smallest cap to the largest, 2 models gain between +20.0 points (+10.0 to +30.0) and +40.0 points "
        "(+30.0 to +50.0) on problems that the other models mostly solve, and between +5.0 points (-2.0 to +12.0) and "
        "+10.0 points (+2.0 to +18.0) on those that they mostly miss. A gain on the hard ones is shown for 1 of them, a "
        "smaller gain than on the easy ones for 1 (Holm).",
        "1 of 2 pairs of models differ at their largest caps (paired tests, Holm, 5 %). With 90 problems and as much "
        "disagreement as here, one test has 80 % power for a difference of 8.0 to 12.0 points, by pair; a smaller one may "
        "be there and not be shown. On the same problems another seed moves the accuracy of one run by 1.2 (1.0 to "
        "1.4) to 3.0 (0.0 to 5.0) points (standard deviation, 2 of 2 models and benchmarks with several samples).",
    ):
        assert piece in text


def test_a_claim_is_no_stronger_than_its_interval():
    assert "more accurate" in answer("Experts") and "cannot tell" not in answer("Experts")
    assert "cannot tell" in answer("Experts", architectures=architectures(low=-0.1))
    other = architectures(estimate=-1, low=-2, high=-0.2)
    assert "depends on what is held fixed" in answer("Experts", architectures=other)
    assert "dense models are more accurate" in answer("Experts", architectures=other.iloc[:1])
    assert "no difference is shown" in answer("failures")
    assert "they take longer: 1.01" in answer("failures", outcomes=outcomes(low=1.001))
    assert "they take less: 1.01" in answer("failures", outcomes=outcomes(0.9, 0.99))
    assert "Not every direction" not in answer("frontier move")
    assert "Not every direction shows that it falls" in answer("frontier move", trend=trend(high=0.2))
    assert "cannot tell" in answer("budget", frontier=frontier(p_on_frontier=0.94))


def test_pairs_of_one_size_are_told_by_name_or_counted():
    told = answer("Experts", size_pairs=size_pairs(1))
    assert "with the same active parameters: +33.3 points (+28.8 to +37.7) at 1.01 times the compute." in told
    none = architectures().assign(estimable=False, reason="one mixture")
    alone = answer("Experts", size_pairs=size_pairs(1), architectures=none)
    assert alone.startswith("These data cannot tell: one mixture. Pairs of one size, on A: M less N")
    counted = answer("Experts", size_pairs=size_pairs(5))
    assert (
        "of 5 with the same active parameters the mixture is more accurate in 5 and less in 0, but released later in 5"
        in counted
    )
    level = answer("Experts", size_pairs=size_pairs(5, low=-0.1, flops_ratio=0.5))
    assert "more accurate in 0 and less in 0" in level and "dearer in 0" in level


def test_errors_by_developer_are_quoted_where_there_are_any():
    both = architectures()
    wide = both.assign(interval="errors by developer", low=-1.0, high=3.0)
    text = answer("Experts", architectures=pd.concat([both, wide], ignore_index=True))
    assert "errors by developer" in text and "(-1.00 to +3.00)" in text and "(+0.90" not in text
    assert "cannot tell which" in text


def test_what_cannot_be_estimated_says_why():
    assert (
        answer("frontier move", trend=trend(estimable=False, reason="3 models"))
        == "These data cannot tell: 3 models."
    )
    none = architectures().assign(estimable=False, reason="no dense models")
    assert answer("Experts", architectures=none) == "These data cannot tell: no dense models."
    ended = saturation(saturated=False, reason="traces end by themselves")
    assert "for none of 1 models" in answer("reasoning stop", saturation=ended)
    few = saturation(saturation_cap=None, problems=100)
    assert "for none of 1 models" in answer("reasoning stop", saturation=few)
    assert "With 100 problems (fewer than 268)" in answer("reasoning stop", saturation=few)


def test_a_study_without_answers_cannot_tell_problems_or_pairs():
    for name, question in (("difficulty_gains", "hard problems"), ("differences", "How small")):
        assert answer(question, **{name: None}).startswith("These data cannot tell: published figures")
    few = difficulty_gains(estimable=False, reason="too few problems")
    assert answer("hard problems", difficulty_gains=few) == "These data cannot tell: too few problems."
    assert "one cap" in answer("hard problems", difficulty_gains=few.iloc[:0])
    none = differences(detectable=None)
    assert "no two models" in answer("How small", differences=none)


def test_another_seed_is_told_only_where_samples_tell():
    assert "another seed would do is not known" in answer("How small", seeds=seeds(estimable=False))
    assert "run by 1.2 (1.0 to 1.4) points (standard deviation, 1 of 1" in answer("How small", seeds=seeds(1))


def test_hard_problems_are_told_of_the_headline_or_of_where_most_models_have_some():
    rows = pd.concat([difficulty_gains(), difficulty_gains(benchmark="b").iloc[:1]])
    assert answer("hard problems", difficulty_gains=rows).startswith("On A,")
    alone = answer("hard problems", difficulty_gains=difficulty_gains().iloc[:1])
    assert (
        "1 models gain +40.0 points" not in alone
        and "1 model gains +40.0 points (+30.0 to +50.0) on problems" in alone
    )


def test_one_scale_is_told_of_several_benchmarks_and_without_a_ratio_that_has_no_limits():
    assert "one scale" not in answer("frontier move", ability_trend=ability_trend(benchmarks=1))
    assert "one scale" not in answer("frontier move", ability_trend=ability_trend(estimable=False))
    told = answer("frontier move", ability_trend=ability_trend().iloc[:1])
    assert "+1.20 (+0.90 to +1.50) a year (least squares, errors by model)" in told and "decades" not in told


def test_labels_are_no_markup():
    hostile = points().assign(label="<img src=x> [a](b) *c*\n# d \x1b[31m")
    text = findings.markdown("s", study(points=hostile))
    assert "\\<img src=x\\> \\[a\\](b) \\*c\\* # d" in text and "\x1b" not in text and "\n# d" not in text


def test_the_headline_is_the_mean_unless_it_leaves_models_out():
    assert headline(points()) == MEAN
    fewer = points()
    assert headline(fewer[(fewer["benchmark"] != MEAN) | (fewer["model"] == "m")]) == "a"


def half_years_of(*rows):
    """Return rows of the table `half_years` from (half-year, model, accuracy, FLOP)."""
    table = pd.DataFrame(rows, columns=["half_year", "model", "accuracy", "cost_value"])
    return table.assign(
        benchmark="a",
        cost="flops",
        strategy="cut",
        label=table["model"].str.upper(),
        cap=pd.array([pd.NA] * len(rows)),
    ).astype({"cap": "Int64"})


def test_what_a_half_year_brought_is_the_best_within_powers_of_ten():
    table = half_years_of(
        ("2024-06-30", "m", 0.5, 5e12),
        ("2024-12-31", "m", 0.5, 5e12),
        ("2024-12-31", "n", 0.75, 5e13),
    )
    found = movement.by_half_year(table, "a", "A")
    assert "with 10^13 FLOP 50.0 % (2024-06), 50.0 % (2024-12), the last by M" in found.answer
    assert "with 10^14 FLOP 50.0 % (2024-06), 75.0 % (2024-12), the last by N" in found.answer
    assert [cell.value for cell in found.cells] == [0.5, 0.5, 0.5, 0.75]
    assert movement.by_half_year(table.iloc[:1], "a", "A").answer.startswith(CANNOT)


def cohort(name, months, low, high, **changes):
    row = {"benchmark": "a", "metric": "compute_at_accuracy", "cost": "flops", "kind": "mode", "cohort": name}
    row |= {"estimator": "ols", "standard_error": "jackknife over developers", "models": 9}
    row |= {
        "doubling_months": months,
        "doubling_low": low,
        "doubling_high": high,
        "estimable": True,
        "reason": None,
    }
    return row | changes


def test_cohorts_are_told_with_their_limits_and_those_without_an_estimate_with_the_reason():
    table = pd.DataFrame(
        [
            cohort("instruct", 3.0, 2.0, 6.0),
            cohort("reasoning", 5.0, 1.0, float("nan")),
            cohort("all models", -400.0, float("nan"), 3.0, cost="dollars", kind="all"),
        ]
    )
    found = movement.of_cohorts(table, "a", "A")
    assert "instruct models (9): 3.0 months (2.0 to 6.0) by least squares" in found.answer
    assert "reasoning models (9): 5.0 months (1.0 to no limit) by least squares" in found.answer
    assert "all models in dollars of today (9): no halving by least squares" in found.answer
    assert len(found.cells) == 9
    few = pd.DataFrame(
        [
            cohort("instruct", 3.0, 2.0, 6.0),
            cohort("reasoning", None, None, None, estimable=False, reason="too few"),
        ]
    )
    assert "reasoning models (9): none, too few" in movement.of_cohorts(few, "a", "A").answer
    none = few.assign(estimable=False, reason="too few")
    assert movement.of_cohorts(none, "a", "A").answer == "These data cannot tell: too few."


def test_money_is_asked_for_where_the_frontier_has_it():
    both = pd.concat([frontier(), frontier(cost="dollars", cost_value=0.00024)])
    found = budgets.best_models(both, points(), MEAN, "the mean", {"m": "M", "n": "N"}, "dollars")
    assert found.question == "Which model for which money?"
    assert "M with at most 8 tokens: 81.2 % (70.0 to 90.0) for 0.00024 US dollars" in found.answer
    assert {cell.row["cost"] for cell in found.cells} == {"dollars"}
