"""Which problem a completion answers."""

from frontiers.data.problems import Problem
from frontiers.log_import.entry import Entry, Faults
from frontiers.log_import.matching import Benchmark, problems_of


def entry(**fields):
    return Entry(**{"file": "f", "place": "line 1", "completion": "", **fields})


def matched(asked, *questions, ids=(), prompt="{question}", by_id=False):
    problems = [
        Problem(f"p{i}", prompt.replace("{question}", q), "1", "number", "MIT", "t")
        for i, q in enumerate(questions)
    ]
    faults = Faults()
    entries = [
        entry(asked=text, id=name) for text, name in zip(asked, ids or [None] * len(asked), strict=True)
    ]
    return problems_of(entries, Benchmark.of(problems, prompt), {"f": by_id}, faults), len(faults)


def test_a_problem_is_found_by_its_text_whatever_stands_around_it():
    asked = ["Q: How  many\nlegs?\nA:", "How many legs?", "Q: How many legs? A: 4\nQ: How many arms? A:"]
    prompt = "{question}\n\nThink."
    assert matched(asked, "How many legs?", "How many arms?", prompt=prompt) == (["p0", "p0", "p1"], 0)
    assert matched(["many legs? Or", "What?"], "legs?", "many legs?") == (["p1", None], 1)


def test_problems_of_one_text_need_their_id():
    assert matched(["Same?"], "Same?", "Same?") == ([None], 1)
    assert matched(["Same?"], "Same?", "Same?", ids=["p1"]) == (["p1"], 0)
    assert matched(["Other?"], "Same?", "Other?", ids=["p0"]) == (["p1"], 0)  # a running number is no id
    assert matched(["Other?"], "Same?", "Other?", ids=["p0"], by_id=True) == (
        ["p0"],
        0,
    )  # checked by `letters_of`


def test_options_in_another_order_are_another_problem():
    assert matched(["Which? A) 1 B) 2"], "Which? A) 2 B) 1")[1] == 1
