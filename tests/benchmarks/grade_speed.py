"""How fast recorded answers are graded against serial math-verify, and that speed changes no verdict.

    python tests/benchmarks/grade_speed.py [--data ../shared/data] [--workers 2] [--caps 24] [--rounds 3]

Three kinds of rows, from `../shared`:
- many repeats: 800 recorded completions, each once per cap, as in a study where
  an answer is the same from some cap on;
- unique completions: each pair of completion and gold once;
- unique answers: the recorded answer–gold pairs, each once.
Serial math-verify parses and verifies row after row; ours extracts, settles and
judges with that many processes. Each run is a fresh interpreter, timed from its
first import to its last verdict; the fastest of `rounds` counts. Then every
pair is handed over once more on its own, to one process: no verdict
may differ. Fails where ours is less than 5 times as fast on repeats, more than
1.5 times as slow on unique rows, or a verdict differs.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))
COMPLETIONS, ANSWERS = "outputs/qwen25math_math_cot_100x8.jsonl", "triples/model_answer_triples.jsonl"
KINDS = {"many repeats": 0.2, "unique completions": 1.5, "unique answers": 1.5}
"""Kind of rows -> the largest share of serial math-verify's time allowed."""
Row = tuple[str, str, str]


def rows_of(kind: str, data: Path, caps: int) -> list[Row]:
    """Return rows of (text, gold, answer type)."""
    lines = [json.loads(line) for line in (data / (ANSWERS if "answers" in kind else COMPLETIONS)).open()]
    if kind == "unique answers":
        types = {"number": "number", "latex": "expression"}
        return list(dict.fromkeys((line["answer"], line["gold"], types[line["kind"]]) for line in lines))
    rows = [(line["completion"], line["gold"], "expression") for line in lines]
    return (
        list(dict.fromkeys(rows)) if kind.startswith("unique") else [row for row in rows for _ in range(caps)]
    )


def serial(rows: Sequence[Row], whole: bool) -> list[bool]:
    """Return math-verify's verdicts, one after the other; a text that is not `whole` is one formula."""
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    return [verify(parse(f"${gold}$"), parse(text if whole else f"${text}$")) for text, gold, _ in rows]


def ours(rows: Sequence[Row], whole: bool, workers: int, alone: bool = False) -> list[bool]:
    """Return the grader's verdicts; with `alone` each pair is handed over on its own."""
    from frontiers.grading.extraction import extract
    from frontiers.grading.grader import Grader, verify

    found: dict[tuple[str, str], str] = {}
    for text, _, answer_type in rows:
        if (text, answer_type) not in found:
            found[text, answer_type] = (extract(text, answer_type) or "") if whole else text
    pairs = [(found[text, answer_type], gold, answer_type) for text, gold, answer_type in rows]
    if alone:
        return [verify(*pair) is True for pair in pairs]
    with Grader(workers) as grader:
        return [verdict.correct for verdict in grader.grade(pairs)]


def timed(arguments: argparse.Namespace, kind: str, how: str) -> tuple[float, list[bool]]:
    """Run one way in a fresh interpreter; return the fastest time in seconds, and the verdicts."""
    command = [sys.executable, __file__, "--kind", kind, "--how", how, "--data", str(arguments.data)]
    command += ["--workers", str(arguments.workers), "--caps", str(arguments.caps)]
    rounds = 1 if how == "alone" else arguments.rounds
    replies = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)
    ]
    return min(reply["seconds"] for reply in replies), replies[0]["verdicts"]


def main(argv: Sequence[str] | None = None) -> None:
    """Time both on every kind of rows, and compare verdicts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--caps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--how", choices=("serial", "ours", "alone"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.how:
        rows, whole = rows_of(arguments.kind, arguments.data, arguments.caps), "answers" not in arguments.kind
        started = time.perf_counter()
        if arguments.how == "serial":
            verdicts = serial(rows, whole)
        else:
            verdicts = ours(rows, whole, arguments.workers, arguments.how == "alone")
        print(json.dumps({"seconds": time.perf_counter() - started, "verdicts": verdicts}))
        return
    failed = []
    for kind, most in KINDS.items():
        plain, theirs = timed(arguments, kind, "serial")
        fast, verdicts = timed(arguments, kind, "ours")
        _, alone = timed(arguments, kind, "alone")
        changed = sum(one != other for one, other in zip(verdicts, alone, strict=True))
        rows = rows_of(kind, arguments.data, arguments.caps)
        unlike = [row for row, one, other in zip(rows, verdicts, theirs, strict=True) if one != other]
        print(
            f"{kind}: {len(verdicts)} rows; serial math-verify {plain:.2f} s, ours on {arguments.workers} processes "
            f"{fast:.2f} s, {plain / fast:.1f} times as fast; verdicts changed by speed: {changed}; "
            f"unlike plain math-verify's: {len(unlike)}",
            *(f"\n  {text[-60:]!r} for {gold!r}" for text, gold, _ in unlike),
            sep="",
            flush=True,
        )
        failed += [kind] if changed or fast > most * plain else []
    if failed:
        sys.exit(f"not as fast as promised, or with other verdicts: {', '.join(failed)}")


if __name__ == "__main__":
    main()
