"""Writes the page that shows every completion of a measured study, with the files that hold the texts.

Inputs: generations and grades, found as `<kind>/<model>/<benchmark>.<strategy>.parquet`, the table `answers`, and the
problems of each benchmark as `<benchmark>.jsonl`.
Outputs: an HTML page, and next to it a folder of scripts that the page loads on demand, also from a disk.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from frontiers.core.cli import run
from frontiers.core.files import write_whole
from frontiers.core.keys import CURVE
from frontiers.core.table_paths import name_of
from frontiers.core.tables import read_table
from frontiers.data.problems import read_problems
from frontiers.report.answers import page, series
from frontiers.report.figures import style


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments and write the page and its files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--generations", type=Path, nargs="+", required=True, help="tables of generations")
    parser.add_argument("--grades", type=Path, nargs="+", required=True, help="tables of grades")
    parser.add_argument("--answers", type=Path, required=True, help="table of answers")
    parser.add_argument("--problems", type=Path, nargs="+", required=True, help="benchmarks, JSONL")
    parser.add_argument(
        "--hidden", nargs="*", default=[], help="benchmarks whose problems and completions are not shown"
    )
    parser.add_argument("--labels", default="{}", help="JSON: labels of models, benchmarks and strategies")
    parser.add_argument("--title", required=True, help="title of the page")
    parser.add_argument("--output", type=Path, required=True, help="HTML page to write")
    parser.add_argument("--folder", type=Path, required=True, help="folder of its files to write")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    answers = dict(iter(read_table(args.answers, "answers").groupby(CURVE, sort=False)))
    grades = {name_of(path): path for path in args.grades}
    traces = sum(len(part[["problem_id", "sample"]].drop_duplicates()) for part in answers.values())
    most = series.longest(traces)
    numbers = {path.stem: number for number, path in enumerate(args.problems)}
    for path in args.problems:
        name = f"questions-{numbers[path.stem]}"
        problems = {each.id: (each.question, each.answer) for each in read_problems(path)}
        asked = series.questions(problems, path.stem in args.hidden)
        write_whole(args.folder / f"{name}.js", page.file(name, asked))
    listed = []
    for number, path in enumerate(args.generations):
        model, benchmark, strategy = name = name_of(path)
        records = series.series(
            read_table(path, "generations"),
            read_table(grades[name], "grades"),
            answers[model, strategy, benchmark],
            most,
            benchmark in args.hidden,
        )
        texts = f"texts-{number}"
        write_whole(args.folder / f"{texts}.js", page.file(texts, records))
        caps = list(dict.fromkeys(at["cap"] for record in records for at in record["caps"]))
        caps.sort(key=lambda cap: (cap is None, cap))
        listed.append(
            {"model": model, "benchmark": benchmark, "strategy": strategy, "file": texts, "caps": caps}
            | {"questions": f"questions-{numbers[benchmark]}"}
        )
    labels = style.parse_labels(args.labels)
    strategies = {name: given["label"] for name, given in labels.strategies.items()}
    named = {"models": labels.models, "benchmarks": labels.benchmarks, "strategies": strategies}
    write_whole(args.output, page.page(args.title, listed, named, most).encode())


if __name__ == "__main__":
    run(main)
