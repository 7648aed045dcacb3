"""Makes runs.csv and answers.parquet from the tables of recorded runs that README.md names.

python data/recorded/prepare.py FOLDER

FOLDER has epoch_runs_open.csv (a row per run), epoch_samples_open.csv.gz (a row per question and epoch) and
epoch_hub_*.csv (the hub's own scores). Of each run that left_out.yaml does not name, runs.csv says what was run and
what came out, and answers.parquet, where questions are known, has verdict and tokens of every question and epoch.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

HERE = Path(__file__).parent
BENCHMARKS = {"GPQA Diamond": "gpqa-diamond", "OTIS Mock AIME 2024-2025": "otis-mock-aime-2024-2025"}
LEAST = 10
"""Output tokens below which a call returned no answer: seven calls have 3, the next fewest 174."""
SOURCE = {
    "source": "Epoch AI, benchmarking hub",
    "source_url": "https://epoch.ai/benchmarks",
    "licence": "CC BY 4.0",
}
FACTS = ("model", "label", "developer", "release_date", "lineage", "mode", "architecture", "inferred")


def left_out(run: pd.Series, rules: list[dict]) -> bool:
    """Return whether a run is named by one of the rules of left_out.yaml."""
    named = [rule for rule in rules if rule["name"] == run["model"]]
    return any(rule.get("benchmark") in (None, BENCHMARKS[run["task"]]) for rule in named)


def answers_of(samples: pd.DataFrame) -> pd.DataFrame:
    """Return verdict and tokens of every question and epoch; a call that returned nothing has no tokens, never zero."""
    tokens = samples[["input_tokens", "output_tokens"]].where(samples["output_tokens"] >= LEAST)
    return pd.DataFrame(
        {
            "run": samples["run"],
            "problem_id": samples["sample_id"].astype(str),
            "epoch": samples["epoch"].astype("int16"),
            "correct": samples["score"].map({"C": 1, "I": 0}).astype("Int8"),
            "prompt_tokens": tokens["input_tokens"].astype("Int32"),
            "output_tokens": tokens["output_tokens"].astype("Int32"),
        }
    ).sort_values(["run", "problem_id", "epoch"], ignore_index=True)


def outcome(run: pd.Series, answers: pd.DataFrame, hub: pd.Series | None) -> dict:
    """Return accuracy, its standard error and mean tokens of a run.

    The accuracy is the mean over questions of the mean over their epochs with a verdict; its error is that of the
    questions' means. Where questions are unknown both are the hub's: the accuracy in the header of some runs is the
    share of questions right in any epoch.
    """
    calls = run["dataset_samples"] * run["epochs"]
    means = {name: run[f"total_{name}_tokens"] / calls for name in ("input", "output")}
    if answers.empty:
        found = {
            "accuracy": hub["mean_score"],
            "standard_error": hub["stderr"],
            "verdicts": None,
            "right": None,
        }
    else:
        judged = answers.dropna(subset="correct")
        by_question = judged.groupby("problem_id")["correct"].mean().astype(float)
        found = {
            "accuracy": by_question.mean(),
            "standard_error": by_question.std(ddof=1) / np.sqrt(len(by_question)),
            "verdicts": len(judged),
            "right": int(judged["correct"].sum()),
        }
        known = answers.dropna(subset="output_tokens")
        if len(known):
            by_question = (
                known.groupby("problem_id")[["prompt_tokens", "output_tokens"]].mean().astype(float).mean()
            )
            means = {"input": by_question["prompt_tokens"], "output": by_question["output_tokens"]}
    return found | {
        "calls_with_tokens": int(answers["output_tokens"].notna().sum()),
        "prompt_tokens": means["input"],
        "output_tokens": means["output"],
    }


def main(folder: Path) -> None:
    """Write both tables next to this file."""
    runs = pd.read_csv(folder / "epoch_runs_open.csv")
    samples = pd.read_csv(folder / "epoch_samples_open.csv.gz")
    hubs = [pd.read_csv(path) for path in sorted(folder.glob("epoch_hub_*.csv"))]
    scores = pd.concat(hubs).drop_duplicates("id").set_index("id")
    models = yaml.safe_load((HERE / "models.yaml").read_text(encoding="utf-8"))
    rules = yaml.safe_load((HERE / "left_out.yaml").read_text(encoding="utf-8"))
    runs = runs[[not left_out(run, rules) for _, run in runs.iterrows()]]
    answers = answers_of(samples[samples["run"].isin(runs["run"])])
    rows = []
    for _, run in runs.iterrows():
        facts = models[run["model"]]
        hub = scores.loc[run["run"]] if run["run"] in scores.index else None
        limit = json.loads(run["generate_config"]).get("max_tokens")
        rows.append(
            {"run": run["run"], "run_date": run["created"][:10], "served_as": run["model"]}
            | {name: facts.get(name) for name in FACTS}
            | {
                "benchmark": BENCHMARKS[run["task"]],
                "problems": run["dataset_samples"],
                "epochs": run["epochs"],
            }
            | outcome(run, answers[answers["run"] == run["run"]], hub)
            | {"hub_accuracy": None if hub is None else hub["mean_score"], "max_tokens": limit}
            | SOURCE
        )
    table = pd.DataFrame(rows).sort_values(["benchmark", "release_date", "model"], ignore_index=True)
    whole = ["problems", "epochs", "verdicts", "right", "calls_with_tokens", "max_tokens"]
    table = table.astype(dict.fromkeys(whole, "Int64")).round({"prompt_tokens": 3, "output_tokens": 3})
    table.round({"accuracy": 6, "standard_error": 6, "hub_accuracy": 6}).to_csv(
        HERE / "runs.csv", index=False
    )
    answers.to_parquet(HERE / "answers.parquet", index=False, compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
