"""A small measured study with known traces, taken through the real analysis."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import compare_architectures
import compare_outcomes
import compare_points
import describe_points
import extract_frontier
import fit_saturation
import fit_trend
import summarise_published
from frontiers.analysis import points
from frontiers.core.tables import table_schema, write_table
from support.paths import ROOT

PUBLISHED = ROOT / "data/published/open_models.csv"
PROMPT, ANSWER = 60, 6


class Maker(NamedTuple):
    """A model: active parameters, trace tokens per step of a problem, and how hard a problem it solves.

    `waste` is how many times longer its traces are than would do.
    """

    active: float
    verbosity: float
    skill: float
    architecture: str = "dense"
    total: float | None = None
    release_date: str | None = None
    waste: float = 1.0


MODELS = {
    "small": Maker(1e5, 9, 0.55, release_date="2025-01-10"),
    "large": Maker(9e5, 24, 0.95, release_date="2025-02-03", waste=3.0),
    "moe": Maker(1.5e5, 9, 0.75, "moe", 6e5, release_date="2025-05-20"),
    "direct": Maker(2e5, 0, 0.3, release_date="2025-08-01"),
}
BENCHMARKS = {"short-chains": 2, "middle-chains": 4}
CAPS = (0, 8, 16, 32, None)
LABELS = {
    "models": {name: f"Model {name}" for name in MODELS},
    "benchmarks": {"short-chains": "Two steps", "middle-chains": "Four steps", "mean": "Mean"},
}


def make_answers(
    models: Mapping[str, Maker] = MODELS,
    benchmarks: Mapping[str, int] = BENCHMARKS,
    caps: Sequence[int | None] = CAPS,
    problems: int = 40,
    samples: int = 1,
    seed: int = 3,
) -> pd.DataFrame:
    """Answers whose accuracy rises with the share of the trace that the cap leaves."""
    rng = np.random.default_rng(seed)
    frames = []
    for benchmark, steps in benchmarks.items():
        difficulty = rng.uniform(size=(problems, 1))
        for model, made in models.items():
            shape = (problems, samples)
            length = np.round(
                made.verbosity * steps * rng.gamma(30, 1 / 30, shape) * (0.8 + 0.4 * difficulty)
            )
            luck = rng.normal(0, 0.15, shape) + difficulty
            for cap in caps:
                used = np.minimum(length, np.inf if cap is None else cap)
                done = np.where(length > 0, np.minimum(made.waste * used / np.maximum(length, 1), 1), 1.0)
                frames.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "benchmark": benchmark,
                            "cap": pd.array([cap] * luck.size, dtype="Int64"),
                            "problem_id": np.repeat([f"p{i:03d}" for i in range(problems)], samples),
                            "sample": np.tile(np.arange(samples), problems),
                            "correct": (luck < made.skill * (1.15 - 0.1 * steps) * done**2 + 0.05).ravel(),
                            "reasoning_tokens": used.astype("int64").ravel(),
                            "active": made.active,
                            "hybrid": made.architecture == "hybrid",
                        }
                    )
                )
    return add_costs(pd.concat(frames, ignore_index=True))


def add_costs(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every answer its compute by phase and component, and bring it into the form of `answers`."""
    active, trace = frame.pop("active"), frame["reasoning_tokens"]
    parts = {
        "flops_prefill": 2 * active * PROMPT + 150 * PROMPT**2,
        "flops_reasoning": 2 * active * trace + 300 * trace * (PROMPT + trace),
        "flops_answer": 2 * active * ANSWER + 300 * ANSWER * (PROMPT + trace + ANSWER),
    }
    flops = sum(parts.values())
    hybrid = frame.pop("hybrid")
    shares = {
        "flops_attention": np.where(hybrid, 0.1, 0.4),
        "flops_feed_forward": 0.5,
        "flops_state_space": np.where(hybrid, 0.3, 0.0),
        "flops_logits": 0.1,
    }
    frame = frame.assign(
        **parts,
        flops_policy=flops,
        flops_thought=0.0,
        flops_reward=0.0,
        **{name: share * flops for name, share in shares.items()},
        flops=flops,
        flops_2n=2 * active * (PROMPT + trace + ANSWER),
        eflops=1.5 * flops,
        answer_tokens=ANSWER,
        seconds=0.01 * (trace + ANSWER),
        joules=None,
        dollars=None,
        strategy="cot",
        status="rule",
        truncated=False,
        looping=False,
    )
    return frame[list(table_schema("answers")["properties"])]


def describe(models: Mapping[str, Maker] = MODELS) -> dict[str, dict]:
    """What `points` says of each model."""
    return {
        name: {
            "architecture": made.architecture,
            "active_params": int(made.active),
            "total_params": int(made.total or made.active),
        }
        for name, made in models.items()
    }


def write_study(
    folder: Path,
    models: Mapping[str, Maker] = MODELS,
    labels: Mapping[str, Mapping[str, str]] = LABELS,
    draws: int = 100,
    benchmarks: Mapping[str, int] = BENCHMARKS,
    **sizes: int,
) -> dict[str, Path]:
    """Write every table of a measured study and return their paths by name."""
    answers = make_answers(models, benchmarks, **sizes)
    paths = {name: folder / f"{name}.parquet" for name in (*TABLES, "measures")}
    paths["summary"] = folder / "frontier.json"
    write_table(answers, paths["answers"], "answers")
    measures = points.summarise(answers, list(benchmarks), describe(models), draws, seed=1)
    write_table(measures, paths["measures"], "points")
    shown = {
        name: {
            "label": labels["models"][name],
            "developer": f"Maker {i % 6}",
            "release_date": made.release_date,
        }
        for i, (name, made) in enumerate(models.items())
    }
    given = ["--measures", str(paths["measures"]), "--models", json.dumps(shown)]
    describe_points.main([*given, "--points", str(paths["points"])])
    analyse(paths, draws)
    return paths


def write_published(folder: Path, benchmarks: Sequence[str], draws: int = 100) -> dict[str, Path]:
    """Write every table of the published study and return their paths by name."""
    paths = {n: folder / f"{n}.parquet" for n in ("points", "frontier", "trend", "architectures")}
    paths["summary"] = folder / "frontier.json"
    given = ["--table", str(PUBLISHED), "--benchmarks", *benchmarks]
    summarise_published.main([*given, "--points", str(paths["points"])])
    analyse(paths, draws)
    return paths


def measured_once(base: Path) -> dict[str, Path]:
    """Return the paths of the default study under `base`, written when first asked for."""
    folder = base / "measured"
    if not folder.exists():
        write_study(folder)
    names = {name: folder / f"{name}.parquet" for name in (*TABLES, "measures")}
    return names | {"summary": folder / "frontier.json"}


def published_once(base: Path) -> dict[str, Path]:
    """Return the paths of a published study of two benchmarks under `base`, written when first asked for."""
    folder = base / "published"
    if not folder.exists():
        write_published(folder, ["gpqa-diamond", "math-level-5"])
    names = {name: folder / f"{name}.parquet" for name in ("points", "frontier", "trend", "architectures")}
    return names | {"summary": folder / "frontier.json"}


TABLES = (
    "answers", "points", "frontier", "trend", "saturation", "gains", "architectures", "outcomes", "differences",
)  # fmt: skip


def analyse(paths: Mapping[str, Path], draws: int) -> None:
    """Run the analysis scripts whose tables are among `paths`."""
    answers = ["--answers", str(paths["answers"])] if "answers" in paths else []
    shared = ["--points", str(paths["points"]), "--seed", "1", "--draws", str(draws)]
    summary = ["--output", str(paths["frontier"]), "--summary", str(paths["summary"])]
    extract_frontier.main([*shared, *answers, *summary])
    fit_trend.main([*shared, "--output", str(paths["trend"])])
    for name, script in {
        "saturation": fit_saturation,
        "architectures": compare_architectures,
        "outcomes": compare_outcomes,
        "differences": compare_points,
    }.items():
        if name in paths:
            pairs = str(paths[name].with_name("size_pairs.parquet"))
            more = ["--size-pairs", pairs] if name == "architectures" else []
            more += ["--gains", str(paths["gains"])] if name == "saturation" else []
            script.main([*shared, *answers, "--output", str(paths[name]), *more])
