"""Hostile answers in worker processes: bounded time and memory, and nothing lost when a worker is killed."""

import contextlib
import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from frontiers.core.paths import WORKFLOW
from frontiers.grading import grader, pool
from frontiers.grading.clean_text import LONGEST_ANSWER
from frontiers.grading.equivalence import settle
from frontiers.grading.extraction import extract
from frontiers.grading.grader import Grader

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


SWEEPS = 300
"""Most sweeps over a megabyte that extracting and settling one completion may take (at most 60 were seen)."""


def sweep() -> float:
    """Return the processor seconds that this machine takes for one pattern over a megabyte, now."""
    clock = time.process_time()
    re.sub("[\ud800-\udfff]", "", "a" * 1_000_000)
    return time.process_time() - clock


def test_hostile_completions_end_soon_with_one_status(hasty_grader):
    started = time.monotonic()
    pairs = []
    for completion in HOSTILE + [f"\\boxed{{{text}}}" for text in HANGING]:
        for answer_type, gold in (("number", "7"), ("expression", "\\frac{x}{7}"), ("choice", "B")):
            clock = time.process_time()
            answer = extract(completion, answer_type)
            assert answer is None or len(answer) <= LONGEST_ANSWER
            settle(completion, gold, answer_type)
            seconds = time.process_time() - clock
            assert seconds < 2 or seconds < SWEEPS * max(sweep() for _ in range(3)), completion[:40]
            if answer_type == "expression" and answer:
                pairs.append((answer, gold, answer_type))
    verdicts = hasty_grader.grade(pairs)
    assert not any(verdict.correct for verdict in verdicts)
    assert {verdict.status for verdict in verdicts} <= {"rule", "no_answer", "grader_timeout"}
    assert [verdict.status for verdict in verdicts[-len(HANGING) :]] == ["grader_timeout"] * len(HANGING)
    assert time.monotonic() - started < 90


def test_what_follows_a_hanging_answer_is_still_graded():
    pairs = [("x+x", "2x", "expression"), ("9^9^9^9", "7", "expression"), ("y+y", "2y", "expression")]
    with Grader(timeout=1) as grader:
        first, second, third = grader.grade(pairs)
    assert (first.correct, second.status, third.correct) == (True, "grader_timeout", True)


def test_memory_is_limited():
    with Grader(timeout=5, memory=400 * 2**20) as grader:
        (verdict,) = grader.grade([("2^{10^{11}}", "x+1", "expression")])
    assert not verdict.correct
    assert verdict.status in ("grader_timeout", "no_answer", "rule")


def test_quick_pairs_start_no_process(monkeypatch):
    monkeypatch.setattr(pool, "_Worker", None)
    pairs = [(str(i % 40), str(i % 7), "number") for i in range(5_000)]
    pairs += [("$1,200", "1200", "number"), ("B", "(B)", "choice"), ("", "3", "expression")]
    started = time.process_time()
    with Grader(workers=2) as grader:
        verdicts = grader.grade(pairs)
    assert time.process_time() - started < 1
    assert [v.correct for v in verdicts] == [i % 40 == i % 7 for i in range(5_000)] + [True, True, False]


def test_equal_pairs_are_graded_once(monkeypatch):
    seen = []

    class Counting(pool.Pool):
        def run(self, tasks):
            seen.extend(tasks)
            return [True] * len(tasks)

    monkeypatch.setattr(grader, "Pool", Counting)
    with Grader(workers=2) as counting:
        assert all(v.correct for v in counting.grade([("x+x", "2x", "expression")] * 50))
    assert len(seen) == 1


def test_children_are_replaced_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr(pool, "LIFE", 3)
    pairs = [(f"{n}+x", f"x+{n % 5}", "expression") for n in range(25)]
    pairs[7] = ("9^9^9^9", "7", "expression")
    started = []
    monkeypatch.setattr(pool, "_Worker", lambda *a, make=pool._Worker: started.append(1) or make(*a))
    with Grader(timeout=1) as grader:
        verdicts = grader.grade(pairs)
    assert [v.correct for v in verdicts] == [n < 5 for n in range(25)]
    assert [v.status for v in verdicts] == ["grader_timeout" if n == 7 else "rule" for n in range(25)]
    assert len(started) == 1


def test_a_lost_worker_is_replaced():
    task = {"kind": "verify", "answer": "x+x", "gold": "2x", "answer_type": "expression"}
    with pool.Pool(1, 10, grader.MEMORY_LIMIT) as workers:
        assert workers.run([task]) == [True]
        workers._alive[0].process.kill()
        workers._alive[0].process.wait()
        assert workers.run([task, task]) == [True, True]


GRADED = """
import time
from frontiers.grading import pool
from frontiers.grading.grader import Grader
pool.WALL_PER_PROCESSOR_TIME = 0  # leaves 5 s of patience
with Grader(timeout=30) as grader:
    grader.grade([("x+x", "2x", "expression")])
    print("begins", flush=True)
    pairs = [(f"(x+{n})^{{40}}", f"(x+{n})^{{20}}*(x+{n})^{{20}}", "expression") for n in range(12)]
    print([verdict.status for verdict in grader.grade(pairs)], [verdict.correct for verdict in grader.grade(pairs)])
"""


@pytest.mark.parametrize("who", ["all", "workers"])
def test_a_suspended_grader_still_finds_right_answers_right(who):
    process = subprocess.Popen(
        [sys.executable, "-c", GRADED],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(WORKFLOW)},
    )
    assert process.stdout.readline() == "begins\n"
    tree = [*psutil.Process(process.pid).children(recursive=True)]
    assert len(tree) == 2
    if who == "all":
        tree.append(psutil.Process(process.pid))
    for each in tree:
        each.suspend()
    time.sleep(7)
    for each in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.resume()
    assert process.communicate()[0] == f"{['rule'] * 12} {[True] * 12}\n"
