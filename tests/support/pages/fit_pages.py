"""The pages docs/evidence/trend.md and docs/evidence/saturation.md, from the templates in this folder."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from piecewise_regression import Fit
from piecewise_regression.davies import davies_test
from scipy import stats

from frontiers.analysis import sensitivity
from frontiers.analysis.saturation.cap_tests import ALPHA
from frontiers.analysis.trend import table as trend
from frontiers.analysis.trend.dated_points import better_than_guessing, dated_points
from frontiers.analysis.trend.regressions import JACKKNIFE
from frontiers.analysis.trend.table import UNCORRECTED
from support.pages import segmented

HERE = Path(__file__).parent
BENCHMARKS = {"gpqa-diamond": "GPQA Diamond", "math-level-5": "MATH level 5"}
DRAWS, SEED = 2000, 1
UNITS = {"FLOP": 0, "GFLOP": 9, "TFLOP": 12, "PFLOP": 15}
PAIR = ("llama-3.1-405b-instruct", "mistral-small-24b-instruct-2501")
DIRECTIONS = {"ols": "least squares", "deming": "Deming", "inverse": "inverse"}
IHLE = (2.37, 1.99, 1.67)
LITERATURE = [
    (
        "cost of a fixed score on WeirdML, cheapest model each month, 2023–2025",
        "2.37 least squares, 1.99 Deming, 1.67 inverse",
        "API price per run",
        "[Inference costs for hard coding tasks halve roughly every two months](https://www.lesswrong.com/posts/"
        "ifSBamvobbyB9KWjK/inference-costs-for-hard-coding-tasks-halve-roughly-every), LessWrong 2025",
    ),
    (
        "parameters for equal quality, the best density of open base models",
        "3.3 (2024), 3.5 (to April 2025)",
        "parameters",
        "Xiao et al., Densing law of LLMs, [arXiv 2412.04315](https://arxiv.org/abs/2412.04315); "
        "[Nature Machine Intelligence 2025](https://www.nature.com/articles/s42256-025-01137-0)",
    ),
    (
        "training compute for a fixed perplexity, 2012–2023",
        "8 (5 to 14)",
        "training FLOP",
        "Ho et al. 2024, [arXiv 2403.05812](https://arxiv.org/abs/2403.05812)",
    ),
    (
        "price of a fixed score, frontier models, four kinds of benchmark",
        f"{12 * np.log(2) / np.log(10):.1f} to {12 * np.log(2) / np.log(5):.1f} (5 to 10 × a year)",
        "API price",
        "Gundlach et al. 2025, [arXiv 2511.23455](https://arxiv.org/abs/2511.23455)",
    ),
    (
        "the same for open models, hardware prices divided out",
        f"{12 * np.log(2) / np.log(3):.1f} (3 × a year)",
        "“algorithmic” share",
        "Gundlach et al. 2025",
    ),
    (
        "price of GPT-4's score on GPQA Diamond",
        f"{12 * np.log(2) / np.log(40):.1f} (40 × a year; 9 to 900 × over milestones)",
        "API price",
        "[Epoch AI, March 2025](https://epoch.ai/data-insights/llm-inference-price-trends)",
    ),
]


def table(columns: list[str], rows: list[list[object]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def end(value: float) -> str:
    return "open" if pd.isna(value) else f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


def months(row: pd.Series) -> str:
    """Return a doubling or halving time with its limits, or the yearly factor where the sign is unclear."""
    if not row["estimable"]:
        return f"not estimable: {row['reason']}"
    limits = f"{end(row['doubling_low'])} to {end(row['doubling_high'])}"
    if not row["low"] > 0 and not row["high"] < 0:
        factors = [10 ** row[c] if pd.notna(row[c]) else np.nan for c in ("slope_per_year", "low", "high")]
        return "unclear: × {} a year ({} to {})".format(*(end(f) for f in factors))
    return f"{end(row['doubling_months'])} ({limits})"


def pick(fits: pd.DataFrame, **wanted: str) -> pd.Series:
    return fits[np.logical_and.reduce([fits[k] == v for k, v in wanted.items()])].iloc[0]


FRONTIER = [
    (
        "accuracy per FLOP doubles, least squares",
        "accuracy_per_flop",
        "ols",
        "jackknife over developers",
        "jackknife over models",
    )
]


def of_all() -> list[tuple]:
    """Return what is shown of all models: name, metric, estimator and method by developer and by model."""
    asked = [
        ("accuracy per FLOP doubles, least squares", "accuracy_per_flop", "ols", "cluster developer", "HC3")
    ]
    asked.append(
        ("accuracy per FLOP doubles, upper edge", "accuracy_per_flop", "quantile", None, "rank inversion")
    )
    return asked + [
        (f"compute for a fixed accuracy halves, {name}{how}", metric, e, "jackknife over developers", None)
        for metric, how in (("compute_at_accuracy", ""), (UNCORRECTED, ", not corrected for guessing"))
        for e, name in DIRECTIONS.items()
    ]


def measures(fits: pd.DataFrame, selection: str, asked: list[tuple]) -> str:
    """Return the table of doubling and halving times of both benchmarks."""
    rows = []
    for name, metric, estimator, ours, other in asked:
        for benchmark, label in BENCHMARKS.items():
            part = fits[(fits["benchmark"] == benchmark) & (fits["selection"] == selection)]
            if not (part["metric"] == metric).any():
                continue
            cells = [
                months(pick(part, metric=metric, estimator=estimator, standard_error=e)) if e else "–"
                for e in (ours, other or "bootstrap over models")
            ]
            rows.append([name, label, *cells])
    return table(["", "benchmark", "by developer, months", "by model, months"], rows)


def left_out(fits: pd.DataFrame) -> str:
    """Return the table of slopes without each developer."""
    rows = []
    for benchmark, label in BENCHMARKS.items():
        part = fits[(fits["benchmark"] == benchmark) & (fits["selection"] == "all") & fits["estimable"]]
        part = part[part["metric"] != "s_eff"].drop_duplicates(["metric", "estimator"])
        for _, row in part.iterrows():
            name = {
                "accuracy_per_flop": "accuracy per FLOP",
                "compute_at_accuracy": "compute at accuracy",
                "compute_at_accuracy_uncorrected": "compute at accuracy, not corrected for guessing",
            }
            how = DIRECTIONS.get(row["estimator"], "upper edge")
            span = f"{row['left_out_low']:.2f} to {row['left_out_high']:.2f}"
            what = f"{name[row['metric']]}, {how}"
            rows.append([label, what, f"{row['slope_per_year']:.2f}", span, row["left_out_developer"]])
    return table(["benchmark", "measure", "all", "one left out", "largest change without"], rows)


def units(points: pd.DataFrame) -> dict[str, object]:
    """Return the worked example of the unit of S_eff on MATH level 5."""
    part = dated_points(points[points["benchmark"] == "math-level-5"], today=date(2026, 1, 1))
    decades, accuracy = np.log10(part["flops"].to_numpy(float)), part["accuracy"].to_numpy(float)
    when = part["years"].to_numpy(float)
    first, second = (part["model"].tolist().index(name) for name in PAIR)
    upper = np.triu_indices(len(part), 1)
    rows, swapped = [], {}
    for unit, shift in UNITS.items():
        value = accuracy / (decades - shift)
        order = np.sign(np.subtract.outer(accuracy / decades, accuracy / decades)[upper])
        swapped[unit] = int((order * np.sign(np.subtract.outer(value, value)[upper]) < 0).sum())
        slope = np.polyfit(when, value, 1)[0]
        cells = [f"{value[i]:.4f}" for i in (first, second)]
        ahead = part["label"].iloc[first if value[first] > value[second] else second]
        rows.append([unit, *cells, ahead, swapped[unit], f"{slope:.3g}", f"{slope / value.mean():+.0%}"])
    labels = [part["label"].iloc[i] for i in (first, second)]
    columns = ["unit", *(f"S_eff, {n}" for n in labels), "ahead", "pairs whose order changes"]
    figures = table([*columns, "slope per year", "of the mean"], rows)
    return {
        "units": figures,
        "first": labels[0],
        "second": labels[1],
        "share": accuracy[second] / accuracy[first],
        "times": 10 ** (decades[first] - decades[second]),
        "pairs": len(upper[0]),
        "number": len(part),
        "swapped_t": swapped["TFLOP"],
    }


def literature(fits: pd.DataFrame) -> str:
    """Return the table of published halving times, ours first."""
    rows = []
    for benchmark, label in BENCHMARKS.items():
        part = fits[(fits["benchmark"] == benchmark) & (fits["selection"] == "all")]
        found = [
            f"{months(pick(part, metric='compute_at_accuracy', estimator=e, standard_error=JACKKNIFE))} {name}"
            for e, name in DIRECTIONS.items()
        ]
        what = f"compute for a fixed accuracy on {label}, all open-weight models"
        rows.append([what, ", ".join(found), "inference FLOP", "this page"])
    return table(["what halves", "months", "of what", "source"], rows + [list(row) for row in LITERATURE])


def moved(points: pd.DataFrame) -> str:
    """Return the table of halving times and of the frontier under other decisions."""
    found = sensitivity.fit(points, SEED, today=date(2026, 1, 1))
    rows = []
    for benchmark, label in BENCHMARKS.items():
        for variant in sensitivity.VARIANTS:
            here = found[(found["variant"] == variant) & (found["benchmark"] == benchmark)].set_index(
                "quantity"
            )
            cells = []
            for quantity in ("accuracy_per_flop", "compute_at_accuracy_deming"):
                row = here.loc[quantity]
                limits = f"{row['estimate']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
                cells.append(limits if row["estimable"] else row["reason"])
            last = here.loc["frontier"]
            changed = [f"{sign} {last[c]}" for sign, c in (("+", "joined"), ("−", "lost")) if last[c]]
            cells.append("; ".join(changed) or ("–" if last["estimable"] else last["reason"]))
            rows.append([label, variant, last["models"], *cells])
    mixtures = found[found["quantity"] == sensitivity.MIXTURES]
    apart = [
        [
            row.variant,
            row.models,
            f"{row.estimate:+.2f} ({row.low:+.2f} to {row.high:+.2f})" if row.estimable else row.reason,
        ]
        for row in mixtures.itertuples()
    ]
    columns = ["benchmark", "variant", "models", "accuracy per FLOP, decades a year"]
    columns += ["compute at accuracy, Deming, decades a year", "frontier of accuracy against compute"]
    effects = table(
        ["variant", "models", "mixtures of experts less dense models, log-odds at equal compute"], apart
    )
    return table(columns, rows) + "\n\n" + effects


def trend_page(points: pd.DataFrame, left: dict[str, str]) -> str:
    """Return docs/evidence/trend.md from the table `points` of the published study and the models left out of it."""
    fits = trend.fit(points, DRAWS, SEED, today=date(2026, 1, 1))
    used = points[points["benchmark"].isin(BENCHMARKS)]
    gpqa = used[used["benchmark"] == "gpqa-diamond"]
    models = ", ".join(
        f"{label}: {(used['benchmark'] == b).sum()} models of "
        f"{used.loc[used['benchmark'] == b, 'developer'].nunique()} developers"
        for b, label in BENCHMARKS.items()
    )
    template = (HERE / "trend_page.md").read_text(encoding="utf-8")
    return template.format(
        draws=f"{DRAWS:,}",
        closed=int(used["flops_method"].str.startswith("closed form").sum()),
        points=len(used),
        models=models + ".",
        analysed=points["model"].nunique(),
        of=points["model"].nunique() + len(left),
        left="; ".join(f"{label}, which {reason}" for label, reason in left.items()),
        lineages=points["lineage"].nunique(),
        reasoning=int((gpqa["mode"].notna() & (gpqa["mode"] != "off")).sum()),
        gpqa=len(gpqa),
        near=int((~better_than_guessing(gpqa)).sum()),
        sensitivity=moved(points),
        measures=measures(fits, "all", of_all()),
        left_out=left_out(fits),
        frontier=measures(fits, "frontier_at_date", FRONTIER),
        literature=literature(fits),
        ihle_span=IHLE[0] / IHLE[2] - 1,
        first_date=used["release_date"].min(),
        last_date=used["release_date"].max(),
        **units(points),
    )


def piecewise(kept: dict) -> tuple[float, float]:
    """Return break (log10 FLOPs) and Davies' p of `piecewise-regression` on a kept curve."""
    x, y = np.array(kept["x"]), np.array(kept["right"]) / kept["n"]
    fit = Fit(x.tolist(), y.tolist(), start_values=[kept["start"]], n_boot=0).get_results()
    at = fit["estimates"]["breakpoint1"]["estimate"] if fit["converged"] else np.nan
    return at, float(davies_test(x, y))


def small(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def saturation_page() -> str:
    """Return docs/evidence/saturation.md from the kept curves."""
    record = json.loads(segmented.RECORD.read_text(encoding="utf-8"))
    breaks, davies, apart = (
        [],
        [],
        {"weighted": [], "likelihood": [], "packages": [], "methods": [], "step": []},
    )
    for kept in record["curves"]:
        theirs, (at, chance) = kept["segmented"], segmented.ours(segmented.as_curve(kept))
        other, p_value = piecewise(kept)
        apart["weighted"].append(abs(at - theirs["weighted_break"]))
        apart["packages"].append(abs(other - theirs["break"]))
        apart["methods"].append((abs(at - theirs["break"]), kept["name"]))
        apart["step"].append((kept["x"][-2] - kept["x"][1]) / 199)
        binomial = theirs["binomial_break"]
        if binomial is not None:
            apart["likelihood"].append(
                theirs["binomial_log_likelihood"] - segmented.log_likelihood(kept, chance)
            )
        given = [theirs["weighted_break"], binomial, theirs["break"], other]
        breaks.append([kept["name"], f"{at:.3f}", *("–" if g is None else f"{g:.3f}" for g in given)])
        davies.append([kept["name"], small(theirs["davies_p"]), small(p_value)])
    names = [kept["name"] for kept in record["curves"]]
    columns = [
        "curve",
        "ours",
        "`segmented`, weighted",
        "binomial",
        "least squares",
        "`piecewise-regression`",
    ]
    square = stats.norm.ppf(1 - ALPHA) ** 2
    template = (HERE / "saturation_page.md").read_text(encoding="utf-8")
    return template.format(
        r=record["r"],
        segmented=record["segmented"],
        curves=len(names),
        pocket=sum(not n.startswith("drawn") for n in names),
        drawn=sum(n.startswith("drawn") for n in names),
        truth=f"10^{segmented.BREAK}",
        breaks=table(columns, breaks),
        davies=table(["curve", "`segmented`", "`piecewise-regression`"], davies),
        weighted=max(apart["weighted"]),
        step=max(apart["step"]),
        likelihood=max(apart["likelihood"]),
        packages=max(apart["packages"]),
        methods=max(apart["methods"])[0],
        worst=max(apart["methods"])[1],
        bound=square,
        least=int(np.floor(square * 99)) + 1,
    )
