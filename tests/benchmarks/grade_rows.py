"""Grades many rows as the rule does, and prints the time and the most memory it took.

    python tests/benchmarks/grade_rows.py [--rows 1000000] [--workers 2] [--folder /tmp]

The generations are made up: 30 caps and 8 samples of each problem, traces of
500 to 3,000 characters, no two alike; five answers per problem that repeat, of
which most need algebra, and one row in a hundred with an answer like no other.
Memory is the resident set of the grading process, and of the largest process
it starts, at their highest (read from /proc: Linux).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

from frontiers.core import table_batches  # noqa: E402

CAPS, SAMPLES, PART = 30, 8, 24_000
WORDS = ("so", "then", "we", "add", "the", "number", "of", "apples", "and", "find", "that", "it", "equals")
FORMS = ("{n}", "{n}.0", r"\frac{{{n}}}{{7}}", r"{n}\sqrt{{3}}", "x={n}", r"{n}\text{{ cm}}", "{n}x+1")


def generations(rows: int) -> Iterator[pd.DataFrame]:
    """Yield the table `generations` in parts."""
    draw = random.Random(0)
    per_problem = CAPS * SAMPLES
    for start in range(0, rows, PART):
        numbers = range(start, min(rows, start + PART))
        texts = [" ".join(draw.choices(WORDS, k=draw.randrange(100, 600))) + f" {n}" for n in numbers]
        values = [n if draw.random() < 0.01 else n // per_problem % 20 + draw.randrange(5) for n in numbers]
        forms = [FORMS[n // per_problem % len(FORMS)] for n in numbers]
        part = pd.DataFrame(
            {
                "problem_id": [f"p{n // per_problem}" for n in numbers],
                "sample": [n // CAPS % SAMPLES for n in numbers],
                "cap": pd.array([n % CAPS * 64 for n in numbers], dtype="Int64"),
                "reasoning": texts,
                "answer": [
                    f"The answer is \\boxed{{{form.format(n=value)}}}."
                    for form, value in zip(forms, values, strict=True)
                ],
            }
        )
        constant = {
            "seed": 1,
            "prompt_tokens": 50,
            "reasoning_tokens": 64,
            "end_tokens": 1,
            "answer_tokens": 9,
        }
        flags = {"ended": True, "finish_reason": "stop", "truncated": False, "looping": False, "seconds": 1.0}
        yield part.assign(**constant, **flags)


def highest(process: int) -> float:
    """Return the most memory, in MiB, that a process has held so far; 0 where it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0
    )


def descendants(process: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [number for child in map(int, children) for number in (child, *descendants(child))]


def main(argv: Sequence[str] | None = None) -> None:
    """Make the tables, run the script on them, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", help="where to put the tables (about 1 kB per row)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        table, golds, output = (
            Path(folder) / name for name in ("generations.parquet", "golds.jsonl", "out.parquet")
        )
        table_batches.write_parts(generations(arguments.rows), table, "generations")
        problem = {"question": "?", "licence": "MIT", "source": "made"}
        with golds.open("w") as file:
            for number in range(-(-arguments.rows // (CAPS * SAMPLES))):
                gold = FORMS[number % len(FORMS)].format(n=number % 20)
                row = {"id": f"p{number}", "answer": gold, "answer_type": "expression", **problem}
                file.write(json.dumps(row) + "\n")
        started = time.perf_counter()
        command = [sys.executable, ROOT / "workflow" / "scripts" / "grade.py", "--generations", table]
        command += ["--problems", golds, "--workers", str(arguments.workers), "--output", output]
        own = graders = 0.0
        job = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")})
        while job.poll() is None:
            own = max(own, highest(job.pid))
            graders = max([graders, *map(highest, descendants(job.pid))])
            time.sleep(0.1)
        took, size = time.perf_counter() - started, table.stat().st_size / 2**20
    print(
        f"{arguments.rows:,} rows ({size:,.0f} MiB of parquet) in {took:.0f} s; resident at most "
        f"{own:,.0f} MiB, a grader process at most {graders:,.0f} MiB"
    )
    sys.exit(job.returncode)


if __name__ == "__main__":
    main()
