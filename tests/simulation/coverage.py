"""Writes how often nominal 95 % intervals hold a known truth.

    PYTHONPATH=workflow OMP_NUM_THREADS=1 .venv/bin/python tests/simulation/coverage.py

Every `coverage_<part>.py` in this folder simulates data with a known truth, analyses them
and counts. Each fills one section of the page, which a new run replaces; `--only` runs some of them.
"""

import argparse
import importlib
import os
import re
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scipy.stats import binom

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/evidence/coverage.md"
CHUNK = 50
HEAD = """# Do the intervals cover?

Data with a known truth are simulated and analysed by the functions of the study itself. A nominal 95 %
interval should hold the truth in 93 to 97 % of the runs. Rows outside this range are marked `above` or **below** and
explained before their table; (?) means that 93 or 97 % lies within the error of so few runs
(one-sided binomial test at 2.5 %, with no more trials than runs). `given` counts the runs in which the analysis
gave an interval rather than a reason for having none; `held` counts those whose interval holds the truth; `width` is
the mean width. The standard error of a coverage is 0.7 points at 1,000 runs and 1.5 at 200.

Made by `PYTHONPATH=workflow OMP_NUM_THREADS=1 .venv/bin/python tests/simulation/coverage.py`; `--only <part>`
repeats one section.
"""
COLUMNS = "| quantity | setting | problems | method | given | held | coverage (%) | width | |\n"
COLUMNS += "|---|---|---|---|---|---|---|---|---|\n"


def parts() -> list[str]:
    """Return the names of the parts, as in `coverage_<part>.py`."""
    return sorted(path.stem.removeprefix("coverage_") for path in HERE.glob("coverage_*.py"))


def simulate(part: str, runs: int, seed: int):
    """Run one chunk of a part in this process."""
    return importlib.import_module(f"coverage_{part}").simulate(runs, seed)


def run(part: str, runs: int, seed: int, cores: int):
    """Run a part in chunks over the cores; the counts do not depend on their number."""
    sizes = [min(CHUNK, runs - start) for start in range(0, runs, CHUNK)]
    with ProcessPoolExecutor(cores) as pool:
        found = pool.map(simulate, [part] * len(sizes), sizes, [seed * 10_000 + i for i in range(len(sizes))])
        tally = next(found)
        for other in found:
            tally.merge(other)
    return tally


def verdict(hits: int, given: int, runs: int) -> str:
    """Return the sign of a row outside 93 to 97 %, with (?) where chance alone may have put it there."""
    share, trials = hits / given if given else 0.95, min(given, runs)
    if 0.93 <= share <= 0.97:
        return ""
    held = round(share * trials)
    chance = binom.sf(held - 1, trials, 0.97) if share > 0.97 else binom.cdf(held, trials, 0.93)
    return ("above" if share > 0.97 else "**below**") + (" (?)" if chance > 0.025 else "")


def section(part: str, tally, runs: int, seconds: float) -> str:
    """Return the section of one part."""
    module = importlib.import_module(f"coverage_{part}")
    lines = []
    for key, count in tally.counts.items():
        share = f"{100 * count.hits / count.given:.1f}" if count.given else "–"
        width = f"{count.width / count.given:.3g}" if count.given else "–"
        given = f"{count.given:,} of {count.asked:,}"
        cells = [key.quantity, key.setting, str(key.problems), key.method, given, f"{count.hits:,}", share]
        lines.append("| " + " | ".join([*cells, width, verdict(count.hits, count.given, runs)]) + " |")
    text = f"## {module.TITLE}\n\n{module.NOTE}\n\n{runs:,} runs, {seconds:.0f} s of wall time.\n\n"
    return text + COLUMNS + "\n".join(lines) + "\n"


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by part."""
    found = re.findall(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->|\Z)", page, flags=re.S)
    return {name: text.strip() + "\n" for name, text in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=parts(), default=parts(), help="parts to run (default all)"
    )
    parser.add_argument("--runs", type=int, default=1000, help="simulated studies (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--output", type=Path, default=PAGE, help="page to write")
    args = parser.parse_args()
    for part in args.only:
        start = time.perf_counter()
        tally = run(part, args.runs, args.seed, args.cores)
        text = section(part, tally, args.runs, time.perf_counter() - start)
        known = sections(args.output.read_text()) if args.output.exists() else {}
        known[part] = text
        kept = {name: known[name] for name in parts() if name in known}
        args.output.parent.mkdir(exist_ok=True)
        body = "\n".join(f"<!-- {name} -->\n{text}" for name, text in kept.items())
        args.output.write_text(f"{HEAD}\n{body}")
        print(text, flush=True)


if __name__ == "__main__":
    main()
