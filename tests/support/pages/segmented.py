"""Breaks of R's package `segmented` on curves that are kept with them in `segmented.json`.

    PYTHONPATH=workflow .venv/bin/python tests/support/pages/segmented.py --answers results/pocket/answers.parquet

records them again: the curves of the pocket study that have six computes or more, and drawn ones whose break
is known. It needs R and `segmented` (Debian: `apt-get install r-base-core r-cran-segmented`).
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.analysis.cap_curves import Curve, merge_equal_compute, read_curves
from frontiers.analysis.saturation.forms import build_forms, fit_form
from frontiers.core.keys import MEAN

SCRIPT = Path(__file__).with_suffix(".R")
RECORD = Path(__file__).with_suffix(".json")
DRAWN = {
    "drawn, sharp, 250 problems": (250, (0.1, 0.8, 0.8)),
    "drawn, sharp, 2000 problems": (2000, (0.1, 0.8, 0.8)),
    "drawn, soft, 2000 problems": (2000, (0.2, 0.5, 0.6)),
    "drawn, falling, 2000 problems": (2000, (0.2, 0.8, 0.6)),
}
X = np.linspace(7, 8.6, 9)
BREAK = 7.93
COLUMNS = ["model", "strategy", "benchmark", "cap", "problem_id", "sample", "correct", "flops"]


def have_r() -> bool:
    """Return whether R and `segmented` are on this machine."""
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "quit(status = !requireNamespace('segmented', quietly = TRUE))"]
    return subprocess.run(asked, capture_output=True).returncode == 0


def ask_r(curves: list[dict]) -> pd.DataFrame:
    """Return what `segmented` finds on curves with name, x, right, n and start, one row each."""
    frames = [
        pd.DataFrame({"curve": c["name"], **{k: c[k] for k in ("x", "right", "n", "start", "weight")}})
        for c in curves
    ]
    with tempfile.TemporaryDirectory() as folder:
        given, written = Path(folder) / "curves.csv", Path(folder) / "breaks.csv"
        pd.concat(frames).to_csv(given, index=False)
        subprocess.run(["Rscript", str(SCRIPT), str(given), str(written)], check=True, capture_output=True)
        return pd.read_csv(written)


def as_curve(kept: dict) -> Curve:
    """Return a kept curve, without draws."""
    x, right = np.array(kept["x"]), np.array(kept["right"], float)
    accuracy = right / kept["n"]
    return Curve(
        model=kept["name"],
        strategy="cot",
        benchmark="kept",
        caps=np.arange(len(x), dtype=float),
        flops=10**x,
        accuracy=accuracy,
        trials=np.full(len(x), float(kept["n"])),
        draws=accuracy[None],
        flops_draws=10 ** x[None],
        problems=int(kept["n"]),
    )


def ours(curve: Curve) -> tuple[float, np.ndarray]:
    """Return our break (log10 FLOPs) and fitted accuracies (K,), of one break."""
    form = build_forms(curve.decades)["one_break"]
    fit = fit_form(form, curve.accuracy, curve.trials)
    return float(form.shape[fit.choice, 0]), form.designs[fit.choice] @ fit.values


def log_likelihood(kept: dict, chance: np.ndarray) -> float:
    """Return the binomial log-likelihood of a kept curve, its constant included as R counts it."""
    return float(stats.binom.logpmf(kept["right"], kept["n"], chance).sum())


def chosen(answers: Path) -> list[dict]:
    """Return the curves to keep: name, x (log10 FLOPs), right answers, trials, our break as a start, weights."""
    curves = []
    table = pd.read_parquet(answers, columns=COLUMNS).astype({"cap": "Int64"})
    for curve in read_curves(table, 1, 0):
        merged = merge_equal_compute(curve)
        if curve.benchmark != MEAN and len(merged.flops) >= 6:
            trials = int(merged.trials[0])
            right = np.rint(merged.accuracy * trials).astype(int).tolist()
            name = f"{curve.model}, {curve.benchmark}"
            curves.append({"name": name, "x": merged.decades.round(6).tolist(), "right": right, "n": trials})
    rng = np.random.default_rng(20251122)
    for name, (trials, values) in DRAWN.items():
        right = rng.binomial(trials, np.interp(X, [X[0], BREAK, X[-1]], values)).tolist()
        curves.append({"name": name, "x": X.round(6).tolist(), "right": right, "n": trials})
    for curve in curves:
        at, chance = ours(as_curve(curve))
        half = 0.5 / (curve["n"] + 1)
        chance = np.clip(chance, half, 1 - half)
        curve["start"] = round(at, 4)
        curve["weight"] = (curve["n"] / (chance * (1 - chance))).round(4).tolist()
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--answers", type=Path, required=True, help="table of answers of the pocket study")
    args = parser.parse_args()
    curves = chosen(args.answers)
    found = ask_r(curves)
    known = found.drop(columns=["r", "segmented"]).set_index("curve")
    for curve in curves:
        row = known.loc[curve["name"]]
        curve["segmented"] = {k: None if pd.isna(v) else float(f"{v:.8g}") for k, v in row.items()}
    record = {"r": found["r"].iloc[0], "segmented": found["segmented"].iloc[0], "curves": curves}
    text = json.dumps(record, indent=1)
    RECORD.write_text(text + "\n")


if __name__ == "__main__":
    main()
