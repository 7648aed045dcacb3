import json
import re
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontiers.core import tables
from frontiers.grading import equivalence, grader
from frontiers.grading import pool as grading_pool
from frontiers.grading.clean_text import LONGEST_ANSWER
from frontiers.grading.numerals import read_number
from support import grading_agreement as agreement
from support import paths

MISSES = json.loads((Path(__file__).parent / "math_verify_misses.json").read_text())
CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
SHARED = paths.SHARED / "data"
shared = pytest.mark.skipif(not SHARED.exists(), reason="recorded answers are not beside the project")


def load(name: str) -> list[dict]:
    return [json.loads(line) for line in (SHARED / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def case_verdicts() -> dict[str, grader.Verdict]:
    pairs = [
        (grader.extract(c["completion"], c["answer_type"]) or "", c["gold"], c["answer_type"]) for c in CASES
    ]
    return dict(zip((c["name"] for c in CASES), grader.grade_pairs(pairs, workers=2), strict=True))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, case_verdicts):
    verdict = case_verdicts[case["name"]]
    assert verdict.correct is (case["expected"] is True), case["why"]
    assert verdict.status == ("no_answer" if case["expected"] is None else "rule"), case["why"]


def test_case_names_are_unique():
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.fixture(scope="module")
def miss_verdicts() -> list[grader.Verdict]:
    return grader.grade_pairs([(m["answer"], m["gold"], m["answer_type"]) for m in MISSES], workers=2)


@pytest.mark.parametrize("number", range(len(MISSES)), ids=[f"{m['answer']} for {m['gold']}" for m in MISSES])
def test_what_math_verify_misses(number, miss_verdicts):
    """Each line holds math-verify's verdicts on the bare texts and on the same between dollar signs."""
    from math_verify import parse, verify

    miss, verdict = MISSES[number], miss_verdicts[number]
    answer, gold, expected = miss["answer"], miss["gold"], miss["expected"]
    assert verify(parse(gold), parse(answer)) is miss["as_text"]
    assert verify(parse(f"${gold}$"), parse(f"${answer}$")) is miss["as_formula"]
    assert {miss["as_text"], miss["as_formula"]} != {expected is True}, (
        "math-verify gets it right: drop the line"
    )
    assert verdict == (expected is True, "no_answer" if expected is None else "rule"), miss["why"]


def test_verify_gives_true_false_and_none():
    assert grader.verify("1/2", r"\frac{1}{2}", "expression") is True
    assert grader.verify("x+1", "x-1", "expression") is False
    assert grader.verify("x+", "x-1", "expression") is None
    assert grader.verify("", "1", "number") is None
    assert grader.verify(r"the answer is \boxed{4}", "4", "number") is True
    with pytest.raises(ValueError, match="unknown; known are number"):
        grader.verify("1", "1", "essay")


HANGING = [r"9^9^9^9", r"((10!)!)!", r"\sum_{n=1}^{10^{12}} \sin(n)"]
HOSTILE = [
    "\\boxed{" + "\\frac{" * 10_000 + "1" + "}{2}" * 10_000 + "}",
    "\\frac{1}{" * 10_000 + "2" + "}" * 10_000,
    "{" * 1_000_000,
    "}" * 1_000_000,
    "\\boxed{" * 150_000,
    "\\boxed{" * 100_000 + "}" * 100_000,
    "$" * 1_000_000,
    "\n" * 1_000_000,
    " " * 1_000_000 + "I",
    "answer is " * 100_000,
    "\\frac{1}{2}+" * 80_000,
    "\x00" * 1_000_000,
    "\ud800" * 1_000 + "\u202e",
    "\\boxed{__import__('os').abort()}",
    "\\boxed{" + "(" * 900 + "}",
    "\\boxed{" + "9" * 1_900 + "}",
    r"\boxed{\begin{pmatrix}1&2\\3&4\end{pmatrix}^{10^9}}",
    "1," * 500_000,
]


def test_hostile_completions_end_soon_with_one_status():
    started = time.monotonic()
    pairs = []
    for completion in HOSTILE + [f"\\boxed{{{text}}}" for text in HANGING]:
        for answer_type, gold in (("number", "7"), ("expression", "\\frac{x}{7}"), ("choice", "B")):
            clock = time.process_time()
            answer = grader.extract(completion, answer_type)
            assert answer is None or len(answer) <= LONGEST_ANSWER
            equivalence.settle(completion, gold, answer_type)
            assert time.process_time() - clock < 2
            if answer_type == "expression" and answer:
                pairs.append((answer, gold, answer_type))
    verdicts = grader.grade_pairs(pairs, workers=2, timeout=0.5)
    assert not any(verdict.correct for verdict in verdicts)
    assert {verdict.status for verdict in verdicts} <= {"rule", "no_answer", "grader_timeout"}
    assert [verdict.status for verdict in verdicts[-len(HANGING) :]] == ["grader_timeout"] * len(HANGING)
    assert time.monotonic() - started < 90


def test_what_follows_a_hanging_answer_is_still_graded():
    pairs = [("x+x", "2x", "expression"), ("9^9^9^9", "7", "expression"), ("y+y", "2y", "expression")]
    first, second, third = grader.grade_pairs(pairs, timeout=1)
    assert (first.correct, second.status, third.correct) == (True, "grader_timeout", True)


def test_memory_is_limited():
    (verdict,) = grader.grade_pairs([("2^{10^{11}}", "x+1", "expression")], timeout=5, memory=400 * 2**20)
    assert not verdict.correct
    assert verdict.status in ("grader_timeout", "no_answer", "rule")


def test_quick_pairs_start_no_process(monkeypatch):
    monkeypatch.setattr(grading_pool, "_Worker", None)
    pairs = [(str(i % 40), str(i % 7), "number") for i in range(5_000)]
    pairs += [("$1,200", "1200", "number"), ("B", "(B)", "choice"), ("", "3", "expression")]
    started = time.process_time()
    verdicts = grader.grade_pairs(pairs, workers=2)
    assert time.process_time() - started < 1
    assert [v.correct for v in verdicts] == [i % 40 == i % 7 for i in range(5_000)] + [True, True, False]


def test_equal_pairs_are_graded_once(monkeypatch):
    seen = []

    class Counting(grading_pool.Pool):
        def run(self, tasks):
            seen.extend(tasks)
            return [True] * len(tasks)

    monkeypatch.setattr(grader, "Pool", Counting)
    assert all(v.correct for v in grader.grade_pairs([("x+x", "2x", "expression")] * 50, workers=2))
    assert len(seen) == 1


def test_children_are_replaced_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr(grading_pool, "LIFE", 3)
    pairs = [(f"{n}+x", f"x+{n % 5}", "expression") for n in range(25)]
    pairs[7] = ("9^9^9^9", "7", "expression")
    started = []
    monkeypatch.setattr(
        grading_pool, "_Worker", lambda *a, make=grading_pool._Worker: started.append(1) or make(*a)
    )
    verdicts = grader.grade_pairs(pairs, timeout=1)
    assert [v.correct for v in verdicts] == [n < 5 for n in range(25)]
    assert [v.status for v in verdicts] == ["grader_timeout" if n == 7 else "rule" for n in range(25)]
    assert len(started) == 1


def test_a_lost_worker_is_replaced():
    task = {"kind": "verify", "answer": "x+x", "gold": "2x", "answer_type": "expression"}
    with grading_pool.Pool(1, 10, grader.MEMORY_LIMIT) as pool:
        assert pool.run([task]) == [True]
        pool._alive[0].process.kill()
        pool._alive[0].process.wait()
        assert pool.run([task, task]) == [True, True]


@pytest.mark.parametrize(
    "text", ["", "3x", "5 or 6", "two", "1/0", "1,2,3", "9" * 900, "1.2.3", "12 dozen", "2 3"]
)
def test_what_is_not_one_number(text):
    assert read_number(text) is None


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.sampled_from(grader.ANSWER_TYPES))
def test_any_text_is_taken(text, answer_type):
    found = grader.extract(text, answer_type)
    if found is not None:
        found.encode("utf-8")
    equivalence.settle(text, "12", answer_type)


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(-(10**9), 10**9))
def test_every_spelling_of_an_integer_is_equal(value):
    for text in (
        f"{value:,}",
        f"${value:,}$",
        f"{value}.0",
        f"{value} apples",
        f"x = {value}",
        f"\\${value}",
    ):
        assert equivalence.settle(text, str(value), "number") is True
        assert equivalence.settle(text, str(value + 1), "number") is False


@shared
def test_every_disagreement_with_a_recorded_verdict_is_ruled_on():
    rows, ruled = list(agreement.recorded(SHARED)), agreement.rulings()
    assert Counter("unit tests" if "unit" in row.source else row.source for row in rows) == {
        **{"openai/grade-school-math": 2_666, "microsoft/rho": 3_697, "mathllm/MathCoder": 1_957},
        **{"QwenLM/Qwen2.5-Math": 399, "QwenLM/Qwen2.5-Math (completions)": 800, "unit tests": 178},
    }
    assert {row.key for row in agreement.disagreements(rows, workers=2)} == set(ruled)
    assert {line["ruling"] for line in ruled.values()} == {"ours right", "label loose"}
    assert all(line["why"] and line["ours"] is not line["label"] for line in ruled.values())


@shared
@pytest.mark.parametrize(
    "name", ["aime_2025.matharena", "hmmt_feb_2025.matharena", "math500_test", "gsm8k_test"]
)
def test_golds_are_equal_to_themselves(name):
    answer_type = "number" if name.startswith("gsm8k") else "expression"
    golds = [grader.extract(row["answer"], answer_type) for row in load(f"benchmarks/{name}.jsonl")]
    golds = golds[::4] if name.startswith("math500") else golds
    assert grader.unreadable([(gold, answer_type) for gold in golds], workers=2) == []
    pairs = [(grader.extract(f"so \\boxed{{{gold}}}.", answer_type), gold, answer_type) for gold in golds]
    assert all(verdict.correct for verdict in grader.grade_pairs(pairs, workers=2))


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
def test_golds_of_hmmt_are_found_in_every_spelling_and_near_misses_are_not():
    golds = [row["answer"] for row in load("benchmarks/hmmt_feb_2025.matharena.jsonl")]
    right = [
        (grader.extract(f"\\boxed{{{s}}}", "expression"), g, "expression")
        for g in golds
        for s in spellings(g)
    ]
    wrong = [(answer, gold, "expression") for gold in golds for answer in near_misses(gold)]
    assert len(right) > 250 and len(wrong) > 90
    verdicts = grader.grade_pairs(right + wrong, workers=2)
    pairs = zip(right + wrong, verdicts, strict=True)
    assert [pair for number, (pair, v) in enumerate(pairs) if v.correct != (number < len(right))] == []


GENERATION = {
    "seed": 1,
    "prompt_tokens": 10,
    "reasoning_tokens": 4,
    "end_tokens": 1,
    "answer_tokens": 3,
    "ended": True,
    "finish_reason": "stop",
    "truncated": False,
    "looping": False,
    "reasoning": "",
    "seconds": None,
}


def test_script_grades_a_table(tmp_path, capsys):
    import grade

    problem = {"question": "?", "licence": "MIT", "source": "made"}
    lines = [
        {"id": "a", "answer": "12", "answer_type": "number", **problem},
        {"id": "b", "answer": "x+1", "answer_type": "expression", **problem},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = [
        {"problem_id": "a", "cap": 0, "answer": "\\boxed{ 12 }"},
        {"problem_id": "a", "cap": 8, "answer": "\\boxed{ 13 }"},
        {"problem_id": "a", "cap": 16, "answer": "\\boxed{ 12 }", "truncated": True},
        {"problem_id": "a", "cap": 32, "answer": "", "reasoning": "\\boxed{12}"},
        {"problem_id": "a", "cap": None, "answer": "", "reasoning": "\\boxed{12}", "end_tokens": 0},
        {"problem_id": "b", "cap": 0, "answer": "\\boxed{1+x}"},
        {"problem_id": "b", "cap": None, "answer": "\\boxed{9^9^9^9}"},
    ]
    frame = pd.DataFrame([{**GENERATION, "sample": 0, **row} for row in rows])
    frame["cap"] = frame["cap"].astype("Int64")
    tables.write_table(frame, tmp_path / "g.parquet", "generations")
    files = [
        "--generations",
        str(tmp_path / "g.parquet"),
        "--output",
        str(tmp_path / "out" / "grades.parquet"),
    ]
    grade.main([*files, "--problems", str(tmp_path / "p.jsonl"), "--workers", "2", "--timeout", "1"])
    found = tables.read_table(tmp_path / "out" / "grades.parquet", "grades")
    assert found["status"].tolist() == [
        *["rule", "rule", "truncated", "no_answer", "rule", "rule", "grader_timeout"]
    ]
    assert found["correct"].tolist() == [True, False, False, False, True, True, False]
    assert found["extracted"].fillna("-").tolist() == ["12", "13", "-", "-", "12", "1+x", "9^9^9^9"]
    assert found["cap"].isna().tolist() == [False] * 4 + [True, False, True]
    assert "3 of 7 right" in capsys.readouterr().out

    (tmp_path / "p.jsonl").write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(ValueError, match=r"1 problem ids of the generations are not in the benchmark.*'b'"):
        grade.main([*files, "--problems", str(tmp_path / "p.jsonl")])
