"""Time the joint bootstrap of a large study against plain loops that give the same numbers, all in one run.

    PYTHONPATH=workflow .venv/bin/python tests/benchmarks/joint_bootstrap.py

The study: 20 models x 5 benchmarks x 9 caps x 500 problems, accuracy and FLOPs of every point in 10,000 draws.
The loops draw the same problems, point by point and draw by draw: in plain Python, and with an indexed numpy
mean per point and draw. They run on few draws, their numbers are compared, and their time is scaled up.
`--page` writes the result for the docs.
"""

import argparse
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd

from frontiers.statistics import bootstrap

CAPS = [0, 512, 1024, 2048, 4096, 8192, 16384, 32768, None]
MEASURES = ["accuracy", "flops"]
COMMAND = "PYTHONPATH=workflow .venv/bin/python tests/benchmarks/joint_bootstrap.py"


class Clock:
    """Seconds of wall time and of CPU time (all threads) since it was created."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def elapsed(self) -> tuple[float, float]:
        """Return both."""
        return time.perf_counter() - self.wall, time.process_time() - self.processor


def study(models: int, benchmarks: int, problems: int) -> pd.DataFrame:
    """Return the answers of a study, one sample each, whole FLOPs."""
    rng = np.random.default_rng(0)
    shape = (models, benchmarks, problems, len(CAPS))
    model, benchmark, problem, cap = (i.ravel() for i in np.indices(shape))
    frame = pd.DataFrame(
        {
            "model": np.array([f"m{i:02d}" for i in range(models)], dtype=object)[model],
            "strategy": "cot",
            "benchmark": np.array([f"b{i}" for i in range(benchmarks)], dtype=object)[benchmark],
            "problem_id": np.array([f"p{i:05d}" for i in range(problems)], dtype=object)[problem],
            "sample": 0,
            "cap": pd.array(CAPS, dtype="Int64")[cap],
        }
    )
    right = (rng.random(shape) < 0.5).ravel().astype(float)
    return frame.assign(accuracy=right, flops=rng.integers(1e12, 1e15, len(right)).astype(float))


def drawn_problems(benchmark: str, problems: int, draws: int, seed: int) -> np.ndarray:
    """Return the problems of each draw (draws, problems), those of the joint bootstrap."""
    counts = np.concatenate(list(bootstrap.problem_counts(benchmark, problems, draws, seed)))
    return np.array([np.repeat(np.arange(problems), row) for row in counts])


def indexed(columns: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """Return the mean of each point in each draw, one numpy call per point and draw; (draws, points)."""
    return np.array([[column[draw].mean() for column in columns] for draw in picked])


def plain(columns: list[list[float]], picked: list[list[int]]) -> np.ndarray:
    """Return the same in plain Python."""
    return np.array([[sum([column[i] for i in draw]) / len(draw) for column in columns] for draw in picked])


def main() -> None:
    """Time the joint bootstrap and the loops, compare their numbers, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sizes = {"models": 20, "benchmarks": 5, "problems": 500, "draws": 10_000, "loop-draws": 40}
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs, of which the fastest counts (default 3)"
    )
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size, help=f"default {size:,}")
    parser.add_argument("--page", type=Path, help="page of the docs to write")
    args = parser.parse_args()
    answers = study(args.models, args.benchmarks, args.problems)
    benchmarks = list(dict.fromkeys(answers["benchmark"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(args.repeats):
        start = Clock()
        joint = bootstrap.joint_bootstrap(answers, benchmarks, MEASURES, args.draws, seed=1)
        times.append(start.elapsed())
    wall, taken = (min(column) for column in zip(*times, strict=True))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024

    seconds, worst, few = {"plain": 0.0, "indexed": 0.0}, 0.0, max(args.loop_draws // 10, 1)
    for benchmark in benchmarks:
        cells = bootstrap.arrange(answers, benchmark, MEASURES)
        columns = np.concatenate(
            [block[:, 0].reshape(args.problems, -1) for block in cells.values], axis=1
        ).T.copy()
        here = np.flatnonzero(joint.keys["benchmark"] == benchmark)
        expected = np.stack([joint.values[m][: args.loop_draws, here] for m in MEASURES], axis=-1)
        expected = expected.reshape(args.loop_draws, -1)
        picked = drawn_problems(benchmark, args.problems, args.loop_draws, 1)
        start = Clock()
        found = indexed(columns, picked)
        seconds["indexed"] += start.elapsed()[1] / args.loop_draws
        worst = max(worst, float(np.abs(found / expected - 1).max()))
        lists, draws = columns.tolist(), picked[:few].tolist()
        start = Clock()
        found = plain(lists, draws)
        seconds["plain"] += start.elapsed()[1] / few
        worst = max(worst, float(np.abs(found / expected[:few] - 1).max()))
    assert worst < 1e-9, f"the loops give other numbers, off by {worst:.1e}"

    held = sum(values.nbytes for values in joint.values.values())
    lines = [
        f"| joint bootstrap, from the table of {len(answers):,} answers | {taken:.2f} | 1 |",
        *(
            f"| {name}, scaled from {number} draws | {seconds[key] * args.draws:,.0f} |"
            f" {seconds[key] * args.draws / taken:,.0f} |"
            for key, name, number in (
                ("indexed", "loop over draws and points, one numpy mean each", args.loop_draws),
                ("plain", "loop over draws, points and problems in Python", few),
            )
        ),
    ]
    text = (
        f"{args.models} models x {args.benchmarks} benchmarks x {len(CAPS)} caps x {args.problems} problems,"
        f" {args.draws:,} draws of accuracy and FLOPs, {os.environ['OMP_NUM_THREADS']} threads.\n\n"
        f"Wall time of the joint bootstrap: {wall:.2f} s, best of {args.repeats}, load of the machine"
        f" {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. CPU time, which other work on the machine"
        " affects less:\n\n"
        "| method | CPU seconds | times as long |\n|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"Largest relative difference of any number: {worst:.1e}. Peak memory on top of the answers:"
        f" {memory / 1e6:,.0f} MB, of which {held / 1e6:,.0f} MB are kept: the draws of the"
        f" {joint.values['flops'].shape[1]:,} points, including the mean over benchmarks.\n"
    )
    print(text)
    if args.page:
        args.page.parent.mkdir(exist_ok=True)
        head = "# How long the joint bootstrap takes\n\n"
        args.page.write_text(f"{head}Made by `{COMMAND} --page {args.page}`.\n\n{text}")


if __name__ == "__main__":
    main()
