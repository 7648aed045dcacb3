"""What the rules read from config.yaml.

Fields that change what a model writes (`identity`) are separate from those that
only name, date or place it, so that a corrected label decodes nothing again.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from frontiers.config import strategies as config_strategies
from frontiers.config.imported import KIND as IMPORTED
from frontiers.config.schema import schema, with_defaults

FACTS = ("chance", "public_since")
"""Fields of a benchmark that enter the table `points`."""

LENGTHS = ("expected_tokens", "lengths_like")
"""Fields of a benchmark that only a plan reads."""

NOT_DOWNLOADED = ("label", "hide_texts", *FACTS, *LENGTHS)
"""Fields of a benchmark that do not change its problems."""

ORIGIN = ("path", "repository", "revision", "sha256", "trust_remote_code", "fetch_weights", "closed")
"""Fields of a model that determine its files."""


def canonical(value: Any) -> str:
    """Return `value` as JSON that is equal for equal values; a string is taken as such JSON already."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def entry(block: Mapping, key: str) -> Any:
    """Return the value in `block` at a path of keys joined by slashes. Raises `KeyError`."""
    return reduce(getitem, key.split("/"), block)


def one_of(names: Iterable[str]) -> str:
    """Return a regular expression that matches the `names` and nothing else."""
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))


def identity(model: Mapping) -> str:
    """Return, as canonical JSON, the fields of a model that change what it writes, defaults filled in."""
    rules = schema()["$defs"]["model"]
    filled = with_defaults(model, rules)
    return canonical({k: v for k, v in filled.items() if rules["properties"][k].get("x-identity")})


def source(kind: str, block: Mapping) -> str:
    """Return, as canonical JSON, the fields of a block that download_benchmark or download_model needs.

    `kind` is "benchmarks" or "models". Editing any other field downloads nothing again.
    """
    if kind == "models":
        return canonical({key: block[key] for key in ORIGIN if key in block})
    return canonical({key: value for key, value in block.items() if key not in NOT_DOWNLOADED})


def local_files(block: Mapping) -> list[str]:
    """Return the local files a block is read from, sorted; none for the Hub or while they do not exist."""
    if "path" not in block:
        return []
    path = Path(block["path"])
    if path.is_dir():
        return sorted(str(file) for file in path.iterdir() if file.is_file() and file.name[0] != ".")
    return [str(path)] if path.exists() else []


def pairs(study: Mapping) -> list[tuple[str, str, str]]:
    """Return (model, benchmark, strategy) of every table of generations of a study, in its order."""
    if study["kind"] == IMPORTED:
        return [(m, b, study["strategy"]) for m, cells in study["logs"].items() for b in cells]
    return [(m, b, s) for m in study["models"] for b in study["benchmarks"] for s in study["strategies"]]


def engine(study: Mapping, model: Mapping) -> str:
    """Return, as canonical JSON, the study's engine with the context, the nodes and the engine arguments of this model.

    An argument of the model takes the place of the study's. A served model has those of its server.
    """
    room = study["engine"]["max_model_len"]
    found = {**study["engine"], "max_model_len": min(room, model.get("context") or room)}
    if model.get("nodes", 1) > 1:
        found["nodes"] = model["nodes"]
    own = {} if found.get("kind") == "endpoint" else model.get("engine", {}).get("arguments", {})
    if arguments := {**found.get("arguments", {}), **own}:
        found["arguments"] = arguments
    return canonical(found)


def caps(study: Mapping, model: Mapping, strategy: Mapping | None = None) -> list[int | None]:
    """Return the study's caps that fit in its context, with an answer and some prompt; null always fits.

    A tree `strategy` has its own budget and no cap.
    """
    if strategy and strategy["method"] in config_strategies.TREES:
        return [None]
    room = json.loads(engine(study, model))["max_model_len"]
    return [cap for cap in study["caps"] if cap is None or cap + study["answer_tokens"] < room]


def shards(model: Mapping) -> list[str]:
    """Return the suffixes of a model's jobs on a study: `.1of4` and so on, or a single empty one."""
    count = model.get("shards", 1)
    return [f".{number}of{count}" for number in range(1, count + 1)] if count > 1 else [""]


def samples(
    study: Mapping, benchmark: str, model: Mapping | None = None, strategy: Mapping | None = None
) -> int:
    """Return the traces per problem: one for a greedy `model`, which always writes the same, and one tree."""
    if strategy and strategy["method"] in config_strategies.TREES:
        return 1
    if model is not None and model["sampling"]["temperature"] == 0:
        return 1
    number = study.get("samples", 1)
    return number[benchmark] if isinstance(number, Mapping) else number


def display(model: Mapping) -> dict:
    """Return what tables and figures show of a model: label, developer, release_date and mode, None if not given."""
    return {key: model.get(key) for key in ("label", "developer", "release_date", "mode")}


def labels(config: Mapping, study: Mapping) -> dict[str, str]:
    """Return the benchmarks of a study with their labels, in the order shown."""
    if study["kind"] in ("published", "recorded"):
        return dict(study["labels"])
    known = config["benchmarks"]
    return {name: known[name]["label"] for name in known if name in study["benchmarks"]}


def facts(config: Mapping, study: Mapping) -> dict[str, dict]:
    """Return chance and date of each benchmark of a study, where given: by a published study, else by its block."""
    given = {name: config["benchmarks"].get(name, {}) for name in labels(config, study)}
    stated = {key: study.get(key, {}) for key in FACTS}
    both = {
        name: {key: stated[key].get(name, block.get(key)) for key in FACTS} for name, block in given.items()
    }
    return {name: {k: v for k, v in fact.items() if v is not None} for name, fact in both.items()}


def labels_of_recorded(study: Mapping) -> dict[str, str]:
    """Return the label of every model of a recorded study, by model, from its logs or its table of runs."""
    if "logs" in study:
        return {log["model"]: log.get("label", log["model"]) for log in study["logs"]}
    return labels_of_runs(study["runs"])


def labels_of_runs(path: str) -> dict[str, str]:
    """Return the label of every model in the CSV of runs of a recorded study, by model; none where a row has none."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["model"]: row["label"] for row in sorted(rows, key=str) if row.get("model") and row.get("label")
    }


def planned(config: Mapping, study: Mapping) -> str:
    """Return, as canonical JSON, the part of the configuration that the plan of a measured study needs."""
    benchmarks, models = {}, {}
    for name in study["benchmarks"]:
        block = config["benchmarks"][name]
        benchmarks[name] = {key: block[key] for key in ("rows", *LENGTHS) if key in block}
    for name in study["models"]:
        block = config["models"][name]
        room = json.loads(engine(study, block))
        models[name] = {
            **{key: block[key] for key in ("path", "repository") if key in block},
            "style": block["thinking"]["style"],
            "effort": block.get("template", {}).get("reasoning_effort"),
            "devices": max(block.get("gpus", 0), 1) * block.get("nodes", 1),
            "context": room["max_model_len"],
            "batch": room["max_num_seqs"],
            "cache_gib": room.get("kv_cache_gib", 0),
            "shards": block.get("shards", 1),
            "caps": caps(study, block),
            "samples": {b: samples(study, b, block) for b in study["benchmarks"]},
        }
    return canonical(
        {"benchmarks": benchmarks, "models": models, "strategies": study["strategies"], **study["plan"]}
    )
