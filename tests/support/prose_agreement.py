"""Agreement of answers in prose with those in boxes, on recorded results.

    git clone https://github.com/Tebmer/Rereading-LLM-Reasoning
    PYTHONPATH=workflow:tests python tests/support/prose_agreement.py Rereading-LLM-Reasoning/results

Removes the boxes of recorded completions to word problems and counts how often
the verdict is then another; of completions without a box, how often it is not
the recorded one.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from frontiers.grading.clean_text import closing
from frontiers.grading.equivalence import settle
from frontiers.grading.extraction import extract

FORMS = ("formula", "bold", "plain")


def unboxed(completion: str, form: str) -> str:
    """Return a completion without its boxes; as a `form` its last formula is bold, or no formula is marked."""
    while box := re.search(r"\\boxed\{", completion):
        close = closing(completion, box.end())
        if close < 0:
            raise ValueError("a box is never closed")
        completion = completion[: box.start()] + completion[box.end() : close] + completion[close + 1 :]
    formulas = list(re.finditer(r"\\\((.*?)\\\)", completion))
    if form == "bold" and formulas:
        last = formulas[-1]
        return f"{completion[: last.start()]}**{last[1]}**{completion[last.end() :]}"
    return re.sub(r"\\\((.*?)\\\)", r"\1", completion) if form == "plain" else completion


def recorded(results: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Yield data set, completion, gold and recorded verdict of the results on GSM8K and SVAMP."""
    for path in sorted([*results.glob("gsm_*.jsonl"), *results.glob("svamp_*.jsonl")]):
        if path.stem.endswith("_eval"):
            continue
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            for prompt in ("vanilla", "cot"):
                answer = row.get(prompt) or {}
                if answer.get("generation"):
                    gold = str(row["target"]).replace(",", "")
                    yield path.stem.split("_")[0], answer["generation"][0], gold, bool(answer["score"])


def is_right(completion: str, gold: str) -> bool:
    """Return whether the number in `completion` is `gold`."""
    return settle(extract(completion, "number") or "", gold, "number") is True


def main(argv: Sequence[str] | None = None) -> None:
    """Grade and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    rows, other = Counter(), Counter()
    for source, completion, gold, label in recorded(parser.parse_args(argv).results):
        if not re.search(r"\\boxed\{\s*[^\s}]", completion):
            rows[source, "no box"] += 1
            other[source, "no box"] += is_right(completion, gold) != label
            continue
        expected = is_right(completion, gold)
        for form in FORMS:
            try:
                text = unboxed(completion, form)
            except ValueError:
                continue
            rows[source, form] += 1
            other[source, form] += is_right(text, gold) != expected
    print("| source | answer written | rows | another verdict |\n|---|---|---:|---:|")
    for source, form in sorted(rows):
        print(f"| {source} | {form} | {rows[source, form]:,} | {other[source, form]:,} |")


if __name__ == "__main__":
    main()
