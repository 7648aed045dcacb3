"""Agreement with recorded verdicts, and the rulings on every disagreement.

    PYTHONPATH=workflow:tests python tests/support/grading_agreement.py [--data ../shared/data] [--workers 2]

Grades the recorded answers, completions and unit tests of other graders in
`--data`, and prints a Markdown table per source: rows, rows on which both
agree, and the rulings of `tests/grading/disagreements.json` on the others.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from support import paths
from support.paths import ROOT, TESTS

sys.path.insert(0, str(ROOT / "workflow"))

from frontiers.grading.extraction import extract
from frontiers.grading.grader import Grader

RULINGS = ("ours right", "label loose", "ours wrong")
DATA = paths.SHARED / "data"
SHOWN = 60
"""Characters of an answer by which the file of rulings identifies it."""


class Row(NamedTuple):
    """A recorded answer with its label, as it is graded."""

    source: str
    problem: str
    answer: str
    gold: str
    answer_type: str
    label: bool

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key of its ruling."""
        return self.source, self.problem, self.answer[:SHOWN], self.gold

    @property
    def pair(self) -> tuple[str, str, str]:
        """Answer, gold and answer type, as a grader takes them."""
        return self.answer, self.gold, self.answer_type


def recorded(data: Path) -> Iterator[Row]:
    """Yield every recorded answer: of models, of the unit tests of graders, in completions."""
    types = {"number": "number", "latex": "expression"}
    for line in _lines(data / "triples" / "model_answer_triples.jsonl"):
        problem = str(line["problem_id"])
        yield Row(line["source"], problem, line["answer"], line["gold"], types[line["kind"]], line["correct"])
    for line in _lines(data / "triples" / "unit_test_triples.jsonl"):
        answer = extract(line["answer"], "expression") or ""
        source = f"{line['source']} (unit tests)"
        yield Row(source, line["test"], answer, line["gold"], "expression", line["correct"])
    for line in _lines(data / "outputs" / "qwen25math_math_cot_100x8.jsonl"):
        answer = extract(line["completion"], "expression") or ""
        source, problem = "QwenLM/Qwen2.5-Math (completions)", str(line["problem_id"])
        yield Row(source, problem, answer, line["gold"], "expression", line["correct"])


def disagreements(rows: Sequence[Row], grader: Grader) -> list[Row]:
    """Return the rows whose verdict is not their label."""
    verdicts = grader.grade([row.pair for row in rows])
    return [row for row, verdict in zip(rows, verdicts, strict=True) if verdict.correct != row.label]


def rulings() -> dict[tuple[str, str, str, str], dict]:
    """Return the rulings by their key."""
    lines = json.loads((TESTS / "grading" / "disagreements.json").read_text())
    return {(line["source"], line["problem"], line["answer"], line["gold"]): line for line in lines}


def main(argv: Sequence[str] | None = None) -> None:
    """Grade and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(argv)
    rows, ruled = list(recorded(arguments.data)), rulings()
    with Grader(arguments.workers) as grader:
        odd = disagreements(rows, grader)
    counted, differing = Counter(row.source for row in rows), Counter(row.source for row in odd)
    ruling = Counter((row.source, ruled[row.key]["ruling"] if row.key in ruled else "none") for row in odd)
    print("| source | rows | agree | share |", *(f" {name} |" for name in (*RULINGS, "not ruled on")), sep="")
    print("|---|---:|---:|---:|" + "---:|" * (len(RULINGS) + 1))
    for source, count in counted.items():
        agree = count - differing[source]
        numbers = (ruling[source, name] for name in (*RULINGS, "none"))
        print(
            f"| {source} | {count:,} | {agree:,} | {agree / count:.2%} |",
            *(f" {n} |" for n in numbers),
            sep="",
        )


def _lines(path: Path) -> Iterator[dict]:
    """Yield the objects of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
