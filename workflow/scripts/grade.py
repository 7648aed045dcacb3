"""Grade the generations of one model on one benchmark.

Inputs: the table `generations` (one row per problem, sample and cap) and the
benchmark's problems (JSONL). Output: the table `grades`, one row per
generation: right or not, the answer found, and how it was judged. Time limits
are in seconds of processor time.
"""

import argparse
from collections.abc import Sequence

from frontiers import cli, grades, grading, problems, tables


def main(argv: Sequence[str] | None = None) -> None:
    """Read generations and problems, grade, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", required=True, help="table of generations (parquet)")
    parser.add_argument("--problems", required=True, help="the benchmark's problems (JSONL, one per line)")
    parser.add_argument("--workers", type=int, default=1, help="processes judging at once (default 1)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=grading.TIMEOUT,
        help="processor seconds after which an answer is given up as `grader_timeout` (default %(default)s)",
    )
    parser.add_argument("--output", required=True, help="table of grades to write (parquet)")
    arguments = parser.parse_args(argv)
    table = grades.grade_generations(
        tables.read_table(arguments.generations, "generations"),
        problems.read_problems(arguments.problems),
        arguments.workers,
        arguments.timeout,
    )
    tables.write_table(table, arguments.output, "grades")
    counts = [f"{status}: {count}" for status, count in table["status"].value_counts().items()]
    print(f"{int(table['correct'].sum())} of {len(table)} right", *counts, sep=", ")


if __name__ == "__main__":
    cli.run(main)
