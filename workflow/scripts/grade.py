"""Grade the generations of one model on one benchmark.

Inputs: the table `generations` (one row per problem, sample and cap) and the
benchmark's problems (JSONL). Output: the table `grades`, one row per
generation: right or wrong, the extracted answer, how it was judged, and what
makes it ambiguous. Both tables are processed in batches, so memory does not grow
with the rows. Time limits are in seconds of processor time.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from frontiers.core import cli, table_batches
from frontiers.data.problems import read_problems
from frontiers.grading.grader import TIMEOUT, Grader
from frontiers.grading.grades import grade_generations


def main(argv: Sequence[str] | None = None) -> None:
    """Read generations and problems, grade, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", required=True, help="table of generations (parquet)")
    parser.add_argument("--problems", required=True, help="the benchmark's problems (JSONL, one per line)")
    parser.add_argument("--workers", type=int, default=1, help="grader processes (default 1)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        help="processor seconds after which an answer becomes `grader_timeout` (default %(default)s)",
    )
    parser.add_argument("--output", required=True, help="table of grades to write (parquet)")
    arguments = parser.parse_args(argv)
    problems = read_problems(arguments.problems)
    counts: Counter[str] = Counter()

    def parts(grader: Grader) -> Iterator[pd.DataFrame]:
        for generations in table_batches.read_parts(arguments.generations, "generations"):
            part = grade_generations(generations, problems, grader)
            counts.update(part["status"])
            counts["right"] += int(part["correct"].sum())
            yield part

    with Grader(arguments.workers, arguments.timeout) as grader:
        rows = table_batches.write_parts(parts(grader), arguments.output, "grades")
    right = counts.pop("right", 0)
    print(f"{right} of {rows} right", *(f"{k}: {n}" for k, n in counts.most_common()), sep=", ")


if __name__ == "__main__":
    cli.run(main)
