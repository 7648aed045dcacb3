"""Coverage-guided fuzzing, with atheris, of all that reads a completion outside the grader's processes.

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris==3.0.0
    /tmp/fuzz/bin/python tests/benchmarks/fuzz_grading.py -runs=10000 -max_len=4096 -seed=1

Options are libFuzzer's. Needs no other package: extraction, numbers, notation and
the quick rules are plain Python. Ends with a traceback and the input where one of
them raises, takes more than two seconds of processor time, returns an answer
that is too long or cannot be encoded, or finds another verdict the second time.
"""

import sys
import time
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))
with atheris.instrument_imports(include=["frontiers"]):
    from frontiers.grading import equivalence, extraction, grades, latex, numerals

GOLDS = {"number": "1,234.5", "expression": r"\left[-2, \frac{\sqrt{3}}{7}\right)", "choice": "B"}
TOKENS = (
    *r"\boxed{ \frac{ \sqrt{ \text{ \left( \{ \} } { ( ) [ ] $ \( \) \[ \] ^ _ \le \cup \pm \pi".split(),
    *(
        "1,234",
        "1.000,5",
        ".5",
        "x",
        "i",
        "answer is ",
        "####",
        "<think>",
        "</think>",
        "<answer>",
        "(B)",
        "or",
    ),
    *("\x00", "\ud800", "\u202e", "\n", " "),
)


def one_input(data: bytes) -> None:
    """Read one text in every way."""
    source = atheris.FuzzedDataProvider(data)
    parts = []
    while source.remaining_bytes() and len(parts) < 400:
        choice = source.ConsumeIntInRange(0, len(TOKENS) + 8)
        parts.append(TOKENS[choice] if choice < len(TOKENS) else source.ConsumeUnicode(8))
    text = "".join(parts) * source.ConsumeIntInRange(1, 3)
    started = time.process_time()
    for answer_type, gold in GOLDS.items():
        answer = extraction.extract(text, answer_type)
        if answer is not None:
            assert 0 < len(answer) <= extraction.LONGEST_ANSWER
            answer.encode()
            assert extraction.extract(text, answer_type) == answer
            equivalence.settle(answer, gold, answer_type)
            numerals.read_number(answer)
            latex.for_algebra(latex.in_latex(answer))
        equivalence.settle(text, gold, answer_type)
        grades.different_boxes(text, answer_type)
    grades.refused(text)
    assert time.process_time() - started < 2


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
