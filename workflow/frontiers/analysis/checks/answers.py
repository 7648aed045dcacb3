"""Checks of the single answers of a study."""

import numpy as np
import pandas as pd

from frontiers.analysis.checks.check import RELATIVE, Check, each, report
from frontiers.analysis.points import COSTS
from frontiers.compute import flop_columns
from frontiers.core.keys import CURVE

ITEM = [*CURVE, "problem_id", "sample"]
COMBINED = "combined"
PHASES = [*flop_columns.PHASES.values(), flop_columns.ROLES["reward"]]
ROLES = list(flop_columns.ROLES.values())
COMPONENTS = list(flop_columns.COMPONENTS)


def same_problems(answers: pd.DataFrame) -> Check:
    """All points of a benchmark have the same problems."""
    failures = []
    for benchmark, part in answers.groupby("benchmark"):
        ids = part.groupby(["model", "strategy", "order"])["problem_id"].agg(frozenset)
        usual = ids.mode().iloc[0]
        failures += [
            f"{benchmark}, {', '.join(map(str, k))}: {len(v ^ usual)} problems differ"
            for k, v in ids.items()
            if v != usual
        ]
    return report("same_problems", "problems shared by all points of a benchmark", len(answers), failures)


def caps_kept(answers: pd.DataFrame) -> Check:
    """No trace is longer than its cap, in tokens; the traces of several samples together may be."""
    over = answers[(answers["reasoning_tokens"] > answers["order"]) & (answers["status"] != COMBINED)]
    failures = each(
        over[[*ITEM, "order", "reasoning_tokens"]], lambda r: f"{r['reasoning_tokens']:.0f} reasoning tokens"
    )
    return report("caps_kept", "reasoning tokens <= cap", len(answers), failures)


def compute_rises(answers: pd.DataFrame) -> Check:
    """With the cap, a generation's trace and the compute up to its end never fall.

    The answer is left out: under another cap it is another text, which may be shorter.
    """
    rows = answers.sort_values([*ITEM, "order"], kind="stable").reset_index(drop=True)
    same = (rows[ITEM] == rows[ITEM].shift()).all(axis=1)
    spent = rows["flops_prefill"] + rows["flops_reasoning"]
    falls = (spent < spent.shift() * (1 - RELATIVE)) | (
        rows["reasoning_tokens"] < rows["reasoning_tokens"].shift()
    )
    failures = each(rows.loc[same & falls, [*ITEM, "order"]], lambda r: "less than at the cap below")
    return report(
        "compute_rises", "tokens and FLOP up to the end of the trace, by cap", len(answers), failures
    )


def compute_adds_up(answers: pd.DataFrame) -> Check:
    """Compute is the sum of its phases and the reward model's, of who spent it, and of its components."""
    total, failures = answers["flops"].to_numpy(float), []
    for parts in (PHASES, ROLES, COMPONENTS):
        odd = ~np.isclose(
            answers[parts].sum(axis=1, skipna=False), total, rtol=RELATIVE, atol=1.0, equal_nan=True
        )
        failures += each(
            answers.loc[odd, [*ITEM, "order"]], lambda r, p=parts: f"`flops` is not the sum of {p}"
        )
    return report(
        "compute_adds_up", "flops = sum of phases = of roles = of components", len(answers), failures
    )


def costs_not_negative(answers: pd.DataFrame) -> Check:
    """No cost of a generation is negative, seconds and joules included."""
    costs = [*dict.fromkeys(c for columns in COSTS.values() for c in columns), *PHASES, *ROLES, *COMPONENTS]
    odd = (answers[costs].astype(float) < 0).any(axis=1)
    failures = each(answers.loc[odd, [*ITEM, "order"]], lambda r: "a cost is negative")
    return report("costs_not_negative", "FLOP, tokens, seconds and joules >= 0", len(answers), failures)


def grades_agree(answers: pd.DataFrame) -> Check:
    """Truncated answers have that status, and nothing without a readable answer is correct."""
    single = answers["status"] != COMBINED
    odd = (single & (answers["truncated"] != (answers["status"] == "truncated"))) | (
        (answers["correct"] > 0) & answers["status"].isin(["truncated", "no_answer", "grader_timeout"])
    )
    failures = each(
        answers.loc[odd, [*ITEM, "order", "status"]], lambda r: f"status {r['status']} does not fit"
    )
    return report("grades_agree", "status against truncated and correct", len(answers), failures)


ANSWER_CHECKS = (same_problems, caps_kept, compute_rises, compute_adds_up, costs_not_negative, grades_agree)
