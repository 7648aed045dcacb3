"""Makes budgets.csv from the answers under token budgets that README.md names.

python data/recorded/prepare_budgets.py FOLDER

FOLDER has coupling_tax_per_question.csv.gz (whole outputs cut at a budget) and forced_caps_qwen3_4b_per_question.csv.gz
(traces cut at a budget, the answer forced). A row is a model on a benchmark at a budget. The source takes an answer
from an output that did not end, too: `ended_right` is the share that was right in an output that ended. Where
a run with a larger budget answered the same questions, `from_larger` is the share that was right within the budget there.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CUT = "Sunshine535/nips-adathink @ 9566a7c (2026-04-27)"
FORCED = "avchadha/AI-Alignment @ f31af45 (2026-08-01)"
QUESTIONS = {"gsm8k": 1319, "math500": 500}
"""Questions of a benchmark; a run on fewer is kept only for the model that has no other."""
FEWER = ("Qwen/Qwen3.5-27B",)
NAMES = {"gsm8k": "GSM8K", "math500": "MATH-500", "aime24": "AIME 2024"}
KEY = ["model", "benchmark", "arm"]


def cut_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the budgets on the whole output; rows of the engine `vllm` used another prompt and are left out."""
    mine = table[(table["engine"] == "hf") & table["arm"].isin(["thinking", "nothink"])]
    mine = mine.assign(budget=mine["budget"].astype(int), correct=mine["correct"].astype(float))
    mine = mine[~mine["source_file"].str.startswith("results/gap_fill/9b") | (mine["arm"] == "nothink")]
    rows = []
    for (model, benchmark, arm), runs in mine.groupby(KEY):
        whole = {}
        for budget, run in runs.groupby("budget"):
            questions = run.sort_values("source_file", kind="stable").drop_duplicates(
                "question_idx", keep="last"
            )
            if len(questions) == QUESTIONS[benchmark] or model in FEWER:
                whole[budget] = questions.set_index("question_idx")
        for budget, run in whole.items():
            larger = [other for other in whole if other > budget and len(whole[other]) == len(run)]
            rows.append(
                described(run["correct"], run["tokens"])
                | {"model": model.split("/")[1], "benchmark": NAMES[benchmark], "estimand": "cut"}
                | {"thinking": arm == "thinking", "budget": budget, "samples": 1, "source": CUT}
                | {"ended_right": within(run, budget - 1)}
                | {"from_larger": within(whole[max(larger)], budget - 1) if larger else np.nan}
            )
    return pd.DataFrame(rows)


def within(run: pd.DataFrame, budget: int) -> float:
    """Return the share of questions that a run answered right within a budget."""
    return float(((run["tokens"] <= budget) & (run["correct"] == 1)).mean())


def forced_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the budgets on the trace with a forced answer, of the arm that was not trained otherwise."""
    mine = table[(table["arm"] == "control") & table["dataset"].isin(NAMES)]
    mine = mine.assign(
        tokens=mine["n_think_tokens"] + mine["n_answer_tokens"], correct=mine["correct"].astype(float)
    )
    rows = []
    for (benchmark, budget), run in mine.groupby(["dataset", "budget"]):
        by_question = run.groupby("uid")[["correct", "tokens"]].mean()
        rows.append(
            described(by_question["correct"], by_question["tokens"])
            | {"model": "Qwen3-4B", "benchmark": NAMES[benchmark], "estimand": "forced", "thinking": True}
            | {
                "budget": budget,
                "samples": len(run) // len(by_question),
                "source": FORCED,
                "from_larger": np.nan,
            }
        )
    return pd.DataFrame(rows)


def described(correct: pd.Series, tokens: pd.Series) -> dict:
    """Return problems, accuracy with its standard error, and mean tokens."""
    error = correct.std(ddof=1) / np.sqrt(len(correct))
    return {
        "problems": len(correct),
        "accuracy": correct.mean(),
        "standard_error": error,
        "tokens": tokens.mean(),
    }


def main(folder: Path) -> None:
    """Write the table next to this file."""
    cut = cut_rows(pd.read_csv(folder / "coupling_tax_per_question.csv.gz", low_memory=False))
    forced = forced_rows(pd.read_csv(folder / "forced_caps_qwen3_4b_per_question.csv.gz"))
    order = ["estimand", "model", "benchmark", "thinking", "budget"]
    table = pd.concat([cut, forced]).sort_values(order, ignore_index=True)
    numbers = ["problems", "samples", "accuracy", "standard_error", "tokens", "ended_right", "from_larger"]
    table = table[[*order, *numbers, "source"]].round(4)
    table.to_csv(HERE / "budgets.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
