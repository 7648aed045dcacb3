"""Published figures of real models as points: compute from mean tokens, intervals from the reported error."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from frontiers.analysis.points import OTHERWISE, add_mean, describe
from frontiers.analysis.published_runs import STRATEGY
from frontiers.compute.answer_flops import AnswerFlops
from frontiers.core.cli import UserError
from frontiers.core.keys import MEAN
from frontiers.core.tables import check_table, table_schema
from frontiers.statistics import intervals

MODEL_FIELDS = ["label", "developer", "release_date", "architecture", "total_params", "active_params"]
OPTIONAL = ("config", "pair", "run", "lineage", "duplicate_of")
"""Columns that a table of published figures may lack."""
PAIRS = ("one run", "one table", "joined")
"""What joins accuracy and tokens, the surest first."""
Flops = Callable[[str, float, float], AnswerFlops]


def check_published(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table as read from CSV with the types of its schema; `UserError` names column and line."""
    table = table.copy()
    for column, rule in table_schema("published")["properties"].items():
        if column in OPTIONAL and column not in table:
            table[column] = None
        kind = rule["type"] if isinstance(rule["type"], str) else rule["type"][0]
        if column in table and kind in ("integer", "number"):
            numbers = pd.to_numeric(table[column], errors="coerce")
            odd = (numbers.isna() & table[column].notna()) | (kind == "integer") & (numbers % 1 > 0)
            _refuse(
                odd, table, column, where, "is not a whole number" if kind == "integer" else "is not a number"
            )
            table[column] = numbers.astype("Int64") if kind == "integer" else numbers
    check_table(table, "published", where)
    dates = pd.to_datetime(table["release_date"], format="%Y-%m-%d", errors="coerce")
    odd = dates.isna() & table["release_date"].notna()
    _refuse(odd, table, "release_date", where, "is not a date YYYY-MM-DD")
    unknown = table["duplicate_of"].notna() & ~table["duplicate_of"].isin(table["model"])
    _refuse(unknown, table, "duplicate_of", where, "is not a model of the table")
    for field in (*MODEL_FIELDS, "lineage", "duplicate_of"):
        varies = table.groupby("model")[field].transform("nunique", dropna=False) > 1
        _refuse(varies, table, field, where, "differs between the rows of one model")
    return table


def _refuse(odd: pd.Series, table: pd.DataFrame, column: str, where: str, what: str) -> None:
    """Raise `UserError` for the first row in which `odd` holds; the header is line 1."""
    if odd.any():
        row = int(np.argmax(odd.to_numpy(dtype=bool, na_value=False)))
        raise UserError(f"{where}, line {row + 2}: `{column}` = {table[column].iloc[row]} {what}; correct it")


def published_points(
    table: pd.DataFrame,
    benchmarks: Sequence[str],
    flops: Flops | None = None,
    facts: Mapping[str, Mapping] | None = None,
) -> pd.DataFrame:
    """Return the table `points` of published figures, `mean` over `benchmarks` included.

    Models with the text weights of another in the table are left out. `facts` are those of the benchmarks, see
    `points.label`.

    Compute is 2 x active parameters x (prompt + output tokens) (Kaplan et al. 2020, arXiv 2001.08361), the
    prompt left out where a source does not give it; for a row with a `config` it is
    `flops(config, prompt_tokens, output_tokens)`. The interval of an accuracy comes from the reported
    standard error, else from the number of problems, as if each had been answered once.
    """
    kept = table["benchmark"].isin(benchmarks) & table["duplicate_of"].isna()
    table = table[kept].reset_index(drop=True)
    samples = table["samples_per_problem"].fillna(1).astype(np.int64)
    accuracy, problems = table["accuracy"].astype(float), table["problems"].astype(np.int64)
    error = table["standard_error"].astype(float)
    answers = intervals.answers_from_error(accuracy, error, problems, samples)
    low, high = intervals.wilson(accuracy, answers)
    whole = (accuracy == 0) | (accuracy == 1)
    exact = intervals.clopper_pearson(accuracy.where(whole, 0) * problems, problems)
    low, high = np.where(whole, exact[0], low), np.where(whole, exact[1], high)
    reported = (error > 0) & ~whole
    prompt, output = table["prompt_tokens"].astype(float), table["output_tokens"].astype(float)
    simple = 2.0 * table["active_params"].astype(float) * (prompt.fillna(0.0) + output)
    method = np.where(prompt.isna(), "2*active*output tokens", "2*active*tokens").astype(object)
    counted = np.column_stack([simple] * len(AnswerFlops._fields))
    for i in np.flatnonzero(table["config"].notna()) if flops else ():
        counted[i] = flops(table["config"].iloc[i], prompt.fillna(0.0).iloc[i], output.iloc[i])
        method[i] = "closed form" if prompt.notna().iloc[i] else "closed form, output tokens"
    points = table[["model", "benchmark", "problems", "source", "pair"]].assign(
        strategy=STRATEGY,
        cap=table["cap"].astype("Int64"),
        samples=samples,
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        interval=np.select(
            [whole, reported], [intervals.EXACT, intervals.REPORTED], default=intervals.WILSON
        ),
        **dict(zip(("flops", *OTHERWISE), counted.T, strict=True)),
        flops_2n=simple,
        flops_method=method,
        reasoning_tokens=output,
        answer_tokens=0.0,
        cost_interval=None,
        **{c: np.nan for c in ("eflops", "seconds", "joules", "dollars", "truncated_share", "looping_share")},
    )
    weakest = (
        points["pair"].map({pair: rank for rank, pair in enumerate(PAIRS)}).groupby(points["model"]).max()
    )
    points = add_mean(points, benchmarks)
    of_mean = points["model"].map(weakest).map(dict(enumerate(PAIRS)))
    points["pair"] = points["pair"].where(points["benchmark"] != MEAN, of_mean).astype(object)
    known = [*MODEL_FIELDS, "mode", "lineage"]
    models = table.drop_duplicates("model").set_index("model")[known]
    models = models.astype(object).where(models.notna(), None).to_dict("index")
    points = points.assign(
        **{name: [models[model][name] for model in points["model"]] for name in ("mode", "lineage")}
    )
    return describe(points, models, benchmarks, facts)


def left_out(table: pd.DataFrame, benchmarks: Sequence[str]) -> dict[str, str]:
    """Return the label of each model of the table that `published_points` leaves out, and why."""
    labels = dict(zip(table["model"], table["label"], strict=True))
    found = {}
    for model, rows in table.groupby("model", sort=False):
        if (same := rows["duplicate_of"].iloc[0]) is not None and not pd.isna(same):
            found[labels[model]] = f"has the text weights of {labels[same]}"
        elif not rows["benchmark"].isin(benchmarks).any():
            found[labels[model]] = f"has figures on {', '.join(rows['benchmark'])} only"
    return found
