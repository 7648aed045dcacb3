"""Verdicts on recorded answers of other projects, and on the gold answers of benchmarks."""

import json
import re
from collections import Counter

import pytest

from frontiers.grading.equivalence import UNSETTLED, settle
from frontiers.grading.extraction import extract
from frontiers.grading.grader import unreadable
from support import grading_agreement as agreement
from support import paths
from support.prose_agreement import unboxed

SHARED = paths.SHARED / "data"


shared = pytest.mark.skipif(not SHARED.exists(), reason="../shared has no recorded answers")


def load(name: str) -> list[dict]:
    return [json.loads(line) for line in (SHARED / name).read_text().splitlines()]


@shared
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_every_disagreement_with_a_recorded_verdict_is_ruled_on(grader, every):
    """Graded are all rows with a ruling, all that need no algebra, and of the others one in `every`."""
    rows, ruled = list(agreement.recorded(SHARED)), agreement.rulings()
    assert Counter("unit tests" if "unit" in row.source else row.source for row in rows) == {
        **{"openai/grade-school-math": 2_666, "microsoft/rho": 3_697, "mathllm/MathCoder": 1_957},
        **{"QwenLM/Qwen2.5-Math": 399, "QwenLM/Qwen2.5-Math (completions)": 800, "unit tests": 178},
    }
    needs_algebra = [row for row in rows if row.key not in ruled and settle(*row.pair) is UNSETTLED]
    skipped = {row.pair for row in needs_algebra} - {row.pair for row in needs_algebra[::every]}
    assert (not skipped) == (every == 1)
    graded = [row for row in rows if row.key in ruled or row.pair not in skipped]
    assert {row.key for row in agreement.disagreements(graded, grader)} == set(ruled)
    assert {line["ruling"] for line in ruled.values()} == {"ours right", "label loose"}
    assert all(line["why"] and line["ours"] is not line["label"] for line in ruled.values())


@shared
@pytest.mark.parametrize(("form", "most"), [("formula", 4), ("bold", 11), ("plain", 11)])
def test_answers_without_a_box_are_found_as_those_in_one(grader, form, most):
    """Three of 800 completions end in gibberish after the answer, so that it is not at their end."""
    rows = load("outputs/qwen25math_math_cot_100x8.jsonl")
    pairs = [
        (extract(unboxed(row["completion"], form), "expression") or "", row["gold"], "expression")
        for row in rows
    ]
    verdicts = grader.grade(pairs)
    assert sum(v.correct != row["correct"] for v, row in zip(verdicts, rows, strict=True)) <= most


@shared
@pytest.mark.parametrize(
    "name", ["aime_2025.matharena", "hmmt_feb_2025.matharena", "math500_test", "gsm8k_test"]
)
def test_golds_are_equal_to_themselves(grader, name):
    answer_type = "number" if name.startswith("gsm8k") else "expression"
    golds = [extract(row["answer"], answer_type) for row in load(f"benchmarks/{name}.jsonl")]
    golds = golds[::4] if name.startswith("math500") else golds
    assert unreadable([(gold, answer_type) for gold in golds], workers=2) == []
    pairs = [(extract(f"so \\boxed{{{gold}}}.", answer_type), gold, answer_type) for gold in golds]
    assert all(verdict.correct for verdict in grader.grade(pairs))


def spellings(gold: str) -> set[str]:
    """Return a gold as models write it."""
    slash = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"(\1)/(\2)", gold)
    first, *rest = gold.split(", ")
    return {
        *(gold.replace(r"\frac", form) for form in (r"\dfrac", r"\tfrac")),
        *(gold.replace(r"\cdot", form) for form in (r"\times", "·", "*")),
        *(gold.replace(" ", ""), gold.replace("+", " + ").replace("-", " - "), slash),
        *(
            gold.replace(r"\pi", "π"),
            gold.replace(r"\pi", "pi"),
            re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", gold),
        ),
        *(
            re.sub(r"\\sqrt\{(\d+)\}", form, gold)
            for form in (r"√\1", r"sqrt(\1)", r" \\sqrt{\1}", r"(\1)^{1/2}")
        ),
        *(
            f"${gold}$",
            f"\\[{gold}\\]",
            f"{gold}.",
            f"x = {gold}",
            rf"\displaystyle {gold}",
            rf"{gold}\text{{ cm}}",
        ),
        *(
            (f"{rest[0]}, {first}", f"{first} and {rest[0]}", rf"{first} \text{{ or }} {rest[0]}")
            if rest
            else ()
        ),
    }


def near_misses(gold: str) -> set[str]:
    """Return answers that look like a gold and are another number."""
    numbers = list(re.finditer(r"\d+", gold))
    return {
        *(gold[: n.start()] + str(int(n[0]) + 1) + gold[n.end() :] for n in numbers),
        *([] if gold.startswith("-") else [f"-{gold}"]),
        *(
            gold.replace(*signs, 1)
            for signs in (("+", "-"), ("-", "+"), (r"\sqrt", ""), (r"\pi", ""))
            if signs[0] in gold
        ),
        *([gold.split(",")[0]] if "," in gold else []),
    }


@shared
def test_golds_of_hmmt_are_found_in_every_spelling_and_near_misses_are_not(grader):
    golds = [row["answer"] for row in load("benchmarks/hmmt_feb_2025.matharena.jsonl")]
    right = [(extract(f"\\boxed{{{s}}}", "expression"), g, "expression") for g in golds for s in spellings(g)]
    wrong = [(answer, gold, "expression") for gold in golds for answer in near_misses(gold)]
    assert len(right) > 250 and len(wrong) > 90
    verdicts = grader.grade(right + wrong)
    pairs = zip(right + wrong, verdicts, strict=True)
    assert [pair for number, (pair, v) in enumerate(pairs) if v.correct != (number < len(right))] == []
