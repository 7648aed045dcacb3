"""Rows of the table `answers` for strategies that make one answer of several samples, or of a tree's leaves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from frontiers.analysis.strategies import expected_choice
from frontiers.compute.architecture import Architecture
from frontiers.compute.flop_columns import by_component
from frontiers.compute.flops import forward_flops
from frontiers.core.keys import GENERATION, cap_order, caps_of
from frontiers.core.tables import table_schema
from frontiers.statistics.bootstrap import generator

ROLES = ("policy", "thought", "reward")
SECONDS = 3600


def combined_answers(
    samples: pd.DataFrame,
    costs: pd.DataFrame,
    selection: Mapping,
    names: Mapping,
    seed: int,
    usd_per_hour: float | None = None,
) -> tuple[pd.DataFrame, dict]:
    """Return a row of the table `answers` per problem and cap, and how subsets of samples were taken.

    `samples`: one row per problem, cap and sample with correct, extracted, truncated, looping, seconds and, for
    `selection`s that need one, score. `costs`: one row per problem and cap with the columns of cost of `answers`
    for a whole answer. `selection`: select (best, majority, weighted) and n, None for all. `names`: model,
    strategy and benchmark. `seed` is that of subsets that are drawn.
    """
    rows, errors, subsets = [], [0.0], set()
    samples = samples.assign(order=cap_order(samples["cap"]))
    for (problem, order), part in samples.groupby(["problem_id", "order"], sort=False):
        n = selection["n"] or len(part)
        correct = part["correct"].to_numpy(float)
        classes = expected_choice.classes_of(correct > 0, part["extracted"])
        scores = [None if pd.isna(s) else float(s) for s in part["score"]] if "score" in part else []
        match selection["select"]:
            case "majority":
                value = expected_choice.majority(classes, expected_choice.RIGHT, n)
            case "best":
                value = expected_choice.best(scores, correct, n)
            case "weighted":
                drawn = int(generator(seed, "subsets", *map(str, (problem, order))).integers(2**31))
                value, error = expected_choice.weighted(classes, expected_choice.RIGHT, scores, n, drawn)
                errors.append(error)
        seconds = part["seconds"].to_numpy(float, na_value=np.nan)
        slowest = np.nan if np.isnan(seconds).any() else expected_choice.expected_maximum(seconds, n)
        subsets.add(f"{n} of {len(part)}")
        rows.append(
            {
                "problem_id": problem,
                "order": order,
                "correct": min(max(value, 0.0), 1.0),
                "seconds": slowest,
                "looping": bool(part["looping"].all()),
            }
        )
    table = pd.DataFrame(rows).merge(costs.assign(order=cap_order(costs["cap"])), on=["problem_id", "order"])
    price = np.nan if usd_per_hour is None else usd_per_hour
    table = table.assign(
        **names, sample=0, status="combined", truncated=False, dollars=table["seconds"] * price / SECONDS
    ).sort_values(["order", "problem_id"])
    taken = {"subsets": sorted(subsets), "largest_standard_error": max(errors)}
    return table[list(table_schema("answers")["properties"])].reset_index(drop=True), taken


def costs_of_samples(
    generations: pd.DataFrame,
    compute: pd.DataFrame,
    rewards: pd.DataFrame | None,
    n: int,
    policy: Architecture,
    reward: Architecture | None,
) -> pd.DataFrame:
    """Return what an answer made of `n` samples costs, by problem and cap.

    The prompt counts once, as the samples share it in the engine's cache, but not the thought behind it, which each
    sample draws anew; traces, answers and the passes of the reward model, which reads every sample, count n times
    their mean over the samples.
    """
    columns = [c for c in compute if c not in GENERATION]
    joined = compute.merge(
        generations[[*GENERATION, "prompt_tokens", "reasoning_tokens", "answer_tokens"]], on=GENERATION
    )
    mean = joined.astype({c: float for c in columns}).assign(order=cap_order(joined["cap"]))
    mean = mean.groupby(["problem_id", "order"], sort=False).mean(numeric_only=True).reset_index()
    prompt = forward_flops(policy, mean["prompt_tokens"].astype(int).to_numpy())
    found = mean.copy()
    for column in [*columns, "reasoning_tokens", "answer_tokens"]:
        found[column] = n * mean[column]
    again = (n - 1) * np.asarray(prompt.total, float)
    for column in ("flops", "flops_prefill", "flops_policy", "eflops"):
        found[column] -= again
    for column, spent in by_component(vars(prompt)).items():
        found[column] -= (n - 1) * np.asarray(spent, float)
    share = (n - 1) * mean["prompt_tokens"]
    found["flops_2n"] -= share * 2 * policy.parameters(active=True)
    if mean["joules"].notna().all():
        found["joules"] -= again * mean["joules"] / mean["flops"]
    if rewards is not None:
        add_rewards(found, rewards, n, reward)
    found["cap"] = caps_of(found["order"])
    return found[["problem_id", "cap", *columns, "reasoning_tokens", "answer_tokens"]]


def add_rewards(costs: pd.DataFrame, rewards: pd.DataFrame, n: int, reward: Architecture) -> None:
    """Add to `costs` what a reward model spends on `n` samples, each read once as a whole."""
    tokens = rewards["reward_tokens"].to_numpy(np.int64)
    spent = forward_flops(reward, tokens, 0, 0)
    parts = {c: np.asarray(v, float) for c, v in by_component(vars(spent)).items()}
    parts["flops"] = np.asarray(spent.total, float)
    parts["flops_2n"] = 2.0 * reward.parameters(active=True) * tokens
    table = rewards[["problem_id"]].assign(order=cap_order(rewards["cap"]), **parts)
    mean = costs[["problem_id", "order"]].merge(
        table.groupby(["problem_id", "order"]).mean().reset_index(), on=["problem_id", "order"], how="left"
    )
    for column in parts:
        costs[column] += n * mean[column].to_numpy()
    costs["flops_reward"] += n * mean["flops"].to_numpy()
    costs["eflops"] += n * mean["flops"].to_numpy()


def costs_of_trees(compute: pd.DataFrame, passes: pd.DataFrame) -> pd.DataFrame:
    """Return what a tree costs, by problem: all of it, whichever leaf is taken."""
    drawn = passes[passes["role"] == "policy"]
    tokens = {
        f"{phase}_tokens": drawn[drawn["phase"] == phase].groupby("problem_id")["decoded_tokens"].sum()
        for phase in ("reasoning", "answer")
    }
    table = compute.drop(columns="sample")
    return table.assign(**{name: table["problem_id"].map(t).fillna(0) for name, t in tokens.items()})
