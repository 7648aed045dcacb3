"""Recorded runs of real models as answers and points: what a run would have scored had it been cut at a budget.

A run answers every question in one or more epochs with no limit of its own. From the tokens of each answer follows
what it would have scored had it been cut at c tokens with no answer forced: right, if it was right within c tokens. This
is the estimand `cut`, which is never mixed with a `forced` answer after a cut trace.

A call that failed has no verdict or no tokens. It is left out: its row holds the mean over the question's other epochs
(over all questions where it has none), so that every mean is the mean over questions of the mean over epochs that
are known, which is what the hub publishes, and all points share their questions. A known verdict is kept.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from frontiers.analysis.points import COSTS, add_mean, describe, fill_left_out, summarise
from frontiers.analysis.published_points import published_points
from frontiers.compute.answer_flops import AnswerFlops
from frontiers.core.cli import UserError
from frontiers.core.keys import LEFT_OUT, MEAN
from frontiers.core.tables import check_table, table_schema

STRATEGY = "cut"
ONE_LENGTH, SPREAD = "closed form, mean length", "range of the spread of lengths where tokens are known"
KEYS = ["problem_id", "epoch"]


def check_runs(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return runs as read from CSV with the types of their schema.

    Raises `UserError` for a fault of the schema, a model with two runs on one benchmark, and a model whose facts differ
    between runs.
    """
    table = table.copy()
    for column, rule in table_schema("recorded_runs")["properties"].items():
        if column in table and "integer" in rule["type"]:
            numbers = pd.to_numeric(table[column], errors="coerce")
            odd = (numbers.isna() & table[column].notna()) | (numbers % 1 > 0)
            if odd.any():
                row = int(np.argmax(odd))
                raise UserError(
                    f"{where}, line {row + 2}: `{column}` = {table[column].iloc[row]} is not a whole number; correct it"
                )
            table[column] = numbers.astype("Int64")
    if twice := table.loc[table.duplicated(["model", "benchmark"]), ["model", "benchmark"]].values.tolist():
        raise UserError(
            f"{where}: two runs of {twice[0][0]} on {twice[0][1]}; keep one, or name their models apart"
        )
    check_table(table, "recorded_runs", where)
    for field in ("label", "developer", "release_date", "architecture"):
        varies = table.groupby("model")[field].nunique(dropna=False)
        if (varies > 1).any():
            raise UserError(f"{where}: `{field}` differs between the runs of {varies.idxmax()}; correct it")
    return table


def check_answers(answers: pd.DataFrame, runs: pd.DataFrame, where: str) -> None:
    """Raise `UserError` for an answer of no run, a question or epoch that a run lacks, and odd verdicts and tokens."""
    check_table(answers, "recorded_answers", where)
    if odd := sorted(set(answers["run"]) - set(runs["run"])):
        raise UserError(
            f"{where}: answers of run `{odd[0]}`, which the table of runs does not list; add it there"
        )
    for run in runs.itertuples():
        mine = answers[answers["run"] == run.run]
        if mine.empty:
            continue
        per_question = mine.groupby("problem_id")["epoch"].nunique()
        if len(per_question) != run.problems:
            raise UserError(
                f"{where}: run `{run.run}` has {len(per_question)} questions, its `problems` are {run.problems}; "
                "list every question, without verdict and tokens where the call failed"
            )
        if (per_question != run.epochs).any():
            name = per_question.index[int(np.argmax(per_question != run.epochs))]
            raise UserError(
                f"{where}: run `{run.run}` has {per_question[name]} epochs of question {name}, its `epochs` are "
                f"{run.epochs}; list every epoch, without verdict and tokens where the call failed"
            )


def cut(run: Mapping, answers: pd.DataFrame, caps: Sequence[int | None]) -> pd.DataFrame:
    """Return what a run's answers would have been at every cap: a row per question, epoch and cap.

    `answers` are the run's rows of `recorded_answers`. Columns: problem_id, sample, cap, correct (NaN where unknown),
    truncated, left_out, prompt_tokens and output_tokens (1 where unknown, to be filled). Caps at or above the run's own
    limit `max_tokens` are left out: what it would have written beyond is unknown.
    """
    limit = run["max_tokens"] if pd.notna(run["max_tokens"]) else np.inf
    known = answers.sort_values(KEYS)
    output = known["output_tokens"].astype("Float64").to_numpy(float, na_value=np.nan)
    prompt = known["prompt_tokens"].astype("Float64").to_numpy(float, na_value=np.nan)
    verdict = known["correct"].astype("Float64").to_numpy(float, na_value=np.nan)
    lost = np.isnan(output) | np.isnan(verdict)
    parts = []
    for cap in caps:
        if cap is not None and cap >= limit:
            continue
        within = np.inf if cap is None else cap
        right = np.where(output > within, 0.0, verdict)
        # Wrong without a cap is wrong at every cap; right is right at a cap only if the tokens are known to fit.
        right = np.where(np.isnan(output) & (verdict == 1) & (cap is not None), np.nan, right)
        parts.append(
            pd.DataFrame(
                {
                    "problem_id": known["problem_id"].to_numpy(),
                    "sample": known["epoch"].to_numpy(int) - 1,
                    "cap": pd.array([cap] * len(known), dtype="Int64"),
                    "correct": right,
                    "truncated": ~lost & (output > within if cap is not None else output >= limit),
                    "left_out": lost,
                    "prompt_tokens": np.where(lost, 1, np.nan_to_num(prompt, nan=1)).astype(np.int64),
                    "output_tokens": np.where(
                        lost, 1, np.minimum(np.nan_to_num(output, nan=1), within)
                    ).astype(np.int64),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def answers_of(run: Mapping, rows: pd.DataFrame, compute: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the table `answers` for a run: `rows` from `cut`, `compute` what they cost, row by row."""
    spent = [name for name in compute if name.startswith("flops") or name in COSTS]
    table = rows.assign(
        **{name: compute[name].to_numpy(float) for name in spent},
        model=run["model"],
        strategy=STRATEGY,
        benchmark=run["benchmark"],
        status=np.where(rows["left_out"], LEFT_OUT, np.where(rows["truncated"], "truncated", "rule")),
        reasoning_tokens=rows["output_tokens"].astype(float),
        answer_tokens=0.0,
        looping=pd.array([pd.NA] * len(rows), dtype="boolean"),
    )
    # The output is one text of unknown parts: all of it is called reasoning, as with published figures.
    table = table.assign(flops_reasoning=table["flops_answer"], flops_answer=0.0)
    numbers = ["reasoning_tokens", *spent]
    table[numbers] = table[numbers].mask(table["left_out"])
    table = fill_left_out(table, ["correct", *numbers])
    return table.reindex(columns=list(table_schema("answers")["properties"]))


def relative_variances(runs: pd.DataFrame, answers: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the variance of output tokens over their squared mean of every run that has tokens, by benchmark."""
    tokens = answers.dropna(subset="output_tokens").astype({"output_tokens": float})
    grouped = tokens.groupby("run")["output_tokens"]
    spread = (grouped.var(ddof=0) / grouped.mean() ** 2).rename("spread")
    joined = runs.merge(spread, left_on="run", right_index=True)
    return {name: part["spread"].to_numpy() for name, part in joined.groupby("benchmark")}


def points_of_means(
    runs: pd.DataFrame,
    models: Mapping[str, Mapping],
    spent: Mapping[str, Mapping[str, Sequence[float]]],
    benchmarks: Sequence[str],
) -> pd.DataFrame:
    """Return the points of runs of which only the mean tokens are known, `mean` over benchmarks included.

    `spent` has for every run each of its costs with the least, the mean and the largest spread of lengths.
    """
    facts = pd.DataFrame([models[name] for name in runs["model"]], index=runs.index)
    table = runs.assign(
        architecture=facts["architecture"],
        total_params=facts["total_params"],
        active_params=facts["active_params"],
        samples_per_problem=runs["epochs"],
        cap=pd.NA,
        config=runs["run"],
        **dict.fromkeys(("mode", "pair", "lineage", "duplicate_of")),
    )
    points = published_points(
        table, benchmarks, lambda run, prompt, output: AnswerFlops(spent[run]["flops"][1], np.nan, np.nan)
    )
    of_point = {(run.model, run.benchmark): spent[run.run] for run in runs.itertuples()}
    found = [of_point.get(key, {}) for key in zip(points["model"], points["benchmark"], strict=True)]
    for name in sorted({name for each in spent.values() for name in each}):
        ends = np.array([each.get(name, [np.nan] * 3) for each in found], dtype=float)
        points[f"{name}_low"], points[f"{name}_high"] = ends[:, 0], ends[:, 2]
        points[name] = points[name].where(np.isnan(ends[:, 1]), ends[:, 1])
    return points.assign(
        strategy=STRATEGY,
        cost_interval=[SPREAD if each else None for each in found],
        flops_method=ONE_LENGTH,
    )


def points_of(
    answers: pd.DataFrame,
    means: pd.DataFrame | None,
    models: Mapping[str, Mapping],
    benchmarks: Sequence[str],
    draws: int,
    seed: int,
    facts: Mapping[str, Mapping] | None = None,
) -> pd.DataFrame:
    """Return the table `points` of a recorded study from its answers and the points of its other runs.

    `facts` are those of the benchmarks, see `points.label`.
    A model with answers on one benchmark and only a mean on another has a `mean` over both.
    """
    mine = [name for name in benchmarks if name in set(answers["benchmark"])]
    found = summarise(answers, mine, models, draws, seed)
    parts = [found] if means is None else [found, means]
    alone = pd.concat([part[part["benchmark"] != MEAN] for part in parts], ignore_index=True)
    whole = add_mean(alone, benchmarks)
    kept = found[found["benchmark"] == MEAN]
    new = whole[whole["benchmark"] == MEAN].merge(
        kept[["model", "strategy", "cap"]], on=["model", "strategy", "cap"], how="left", indicator=True
    )
    new = new[new["_merge"] == "left_only"].drop(columns="_merge")
    # The joint bootstrap limits the mean over two benchmarks only where both have answers.
    kept = kept if len(mine) == len(benchmarks) else kept.iloc[:0]
    points = pd.concat([alone, kept, new], ignore_index=True).assign(pair="one run")
    for name in ("mode", "lineage"):
        points[name] = points["model"].map(lambda model, name=name: models[model][name])
    return describe(points, models, benchmarks, facts)
