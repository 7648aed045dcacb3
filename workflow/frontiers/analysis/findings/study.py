"""The findings of a whole study."""

from collections.abc import Mapping

import pandas as pd

from frontiers.analysis.findings.budgets import best_models
from frontiers.analysis.findings.failed_answers import failures
from frontiers.analysis.findings.finding import Finding
from frontiers.analysis.findings.model_kinds import experts
from frontiers.analysis.findings.movement import by_half_year, moved, of_cohorts
from frontiers.analysis.findings.policies import beats_fixed_caps
from frontiers.analysis.findings.reasoning_length import hard_problems, stops_paying
from frontiers.analysis.findings.smallest_difference import told_apart
from frontiers.core.escapes import one_line
from frontiers.core.keys import MEAN


def findings(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> list[Finding]:
    """Return the findings of a study from its tables, those that `write_findings` reads.

    A published study has neither `difficulty_gains` nor `differences`; only a measured one has `policies`.

    `names` are the labels of the benchmarks.
    """
    points = tables["points"]
    benchmark = headline(points)
    labels = {m: one_line(label) for m, label in zip(points["model"], points["label"], strict=True)}
    where = names.get(benchmark, f"the mean of {len(names)} benchmarks" if benchmark == MEAN else benchmark)
    money, followed, spent = [], [], []
    if (tables["frontier"]["cost"] == "dollars").any():
        money = [best_models(tables["frontier"], points, benchmark, where, labels, "dollars")]
    if "half_years" in tables:
        followed = [
            by_half_year(tables["half_years"], benchmark, where),
            of_cohorts(tables["cohorts"], benchmark, where),
        ]
    if "policies" in tables:
        spent = [beats_fixed_caps(tables["policies"], names, labels)]
    return [
        best_models(tables["frontier"], points, benchmark, where, labels),
        *money,
        moved(tables["trend"], tables["ability_trend"], benchmark, where),
        *followed,
        stops_paying(tables["saturation"], tables["gains"], benchmark, where, labels),
        *spent,
        experts(tables["architectures"], tables["size_pairs"], names, labels),
        failures(tables["outcomes"], names),
        hard_problems(tables.get("difficulty_gains"), benchmark, names),
        told_apart(tables.get("differences"), tables.get("seeds"), benchmark, where),
    ]


def headline(points: pd.DataFrame) -> str:
    """Return the mean over benchmarks where it leaves no model out, else the benchmark with most models."""
    models = points.groupby("benchmark", sort=False)["model"].nunique()
    return MEAN if models.get(MEAN, 0) == models.max() else str(models.drop(MEAN, errors="ignore").idxmax())


def missing(left_out: Mapping[str, str]) -> list[Finding]:
    """Return which models are missing and why, by label; nothing if none is."""
    if not left_out:
        return []
    told = "; ".join(f"{one_line(label)} ({one_line(reason)})" for label, reason in left_out.items())
    answer = (
        f"{told}. Everything here is about the models that finished; the same command tries the others again."
    )
    return [Finding("Which models are missing?", answer)]
