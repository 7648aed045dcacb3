"""Draw the problems of one pocket benchmark.

Output: JSONL of problems (id, question, answer, answer_type, licence, source), no two
with the same calculation, all of them on the side of the split that training never sees.
"""

import argparse
import json
from pathlib import Path

import yaml

from frontiers.core import cli
from frontiers.pocket import world


def main(argv: list[str] | None = None) -> None:
    """Draw until there are enough different calculations, and write them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", type=Path, required=True, help="YAML, the benchmarks under `problems`")
    parser.add_argument("--benchmark", required=True, help="name of the benchmark, first part of every id")
    parser.add_argument("--output", type=Path, required=True, help="JSONL to write")
    arguments = parser.parse_args(argv)
    name = arguments.benchmark
    recipe = yaml.safe_load(arguments.recipes.read_text())["problems"][name]
    stream = world.draw_problems(f"{recipe['seed']} {name}", recipe["steps"], True, recipe["distractors"])
    drawn: dict[tuple, dict] = {}
    for problem in stream:
        if len(drawn) == recipe["problems"]:
            break
        drawn.setdefault(
            (problem.start, problem.operations),
            {
                "id": f"{name}-{len(drawn):03d}",
                "question": world.text_of(problem.question),
                "answer": str(problem.gold),
                "answer_type": "number",
                "licence": "MIT",
                "source": "drawn by this project's generator",
            },
        )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("".join(json.dumps(row) + "\n" for row in drawn.values()))


if __name__ == "__main__":
    cli.run(main)
